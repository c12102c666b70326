"""From a scenario to a plan: injections, steps of conditions, the fleet, and where scrapes stand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from faults import load_faults
from simulator.conditions import DropConnections, Population, ResetCounters, Share
from simulator.documents import Document
from simulator.errors import InputError
from simulator.scenario.loading import LoadedScenario, validate
from simulator.scenario.timeline import Injection, SetKnobs, list_injections, make_plan, scrape_offset

if TYPE_CHECKING:
    from simulator.core.plan import Plan, Step

FAULTS = load_faults()
DRIFT = "auth.key-drift"


def scenario(*timeline: dict[str, Any], **parts: Any) -> LoadedScenario:
    """Return a scenario of an hour with a timeline."""
    data = {"scenario": "x", "duration": "1h", "timeline": list(timeline), **parts}
    return validate(Document("x.yaml", data, None), {})


def injections(*timeline: dict[str, Any]) -> tuple[Injection, ...]:
    return list_injections(scenario(*timeline), FAULTS)


def plan(*timeline: dict[str, Any], **parts: Any) -> Plan:
    loaded = scenario(*timeline, **parts)
    return make_plan(loaded, list_injections(loaded, FAULTS))


def variations(step: Step) -> list[tuple[str, Any, float, str]]:
    return [(v.knob, v.value, v.share.fraction, v.injection) for v in step.conditions.variations]


# --- injections


def test_injections_are_in_the_order_of_their_start_and_those_of_one_instant_in_that_of_the_file() -> None:
    listed = injections(
        {"at": "9m", "inject": DRIFT, "name": "late"},
        {"at": "5m", "inject": DRIFT, "name": "first"},
        {"at": "5m", "inject": "auth.mint-outage", "name": "second"},
    )
    assert [injection.id for injection in listed] == ["first", "second", "late"]


def test_an_injection_is_named_after_its_fault_and_start() -> None:
    (drift,) = injections({"at": "1m30s", "inject": DRIFT})
    assert (drift.id, drift.fault_name) == ("auth.key-drift@1m30s", DRIFT)
    (knobs,) = injections({"at": "1m", "set": {"network.latency": "250ms", "clients.online": False}})
    assert knobs.fault_name == "set network.latency=250ms clients.online=false"
    assert knobs.fault == SetKnobs((("network.latency", 0.25), ("clients.online", False)))


def test_names_are_unique_even_if_somebody_chose_the_name_that_would_be_given() -> None:
    entries = [{"at": "1m", "inject": DRIFT, "name": name} for name in ("a#2", "a", "a", "a", "a#2")]
    assert [injection.id for injection in injections(*entries)] == ["a#2", "a", "a#3", "a#4", "a#2#2"]


def test_an_injection_lasts_until_the_end_unless_it_says_for_how_long() -> None:
    first, second = injections({"at": "5m", "inject": DRIFT}, {"at": "6m", "inject": DRIFT, "for": "54m"})
    assert (first.until, second.until) == (3600, 3600)


def test_a_fault_that_happens_once_ends_when_it_begins() -> None:
    (restart,) = injections({"at": "5m", "inject": "liveness.restart"})
    assert (restart.at, restart.until) == (300, 300)


def test_a_fault_has_the_parameters_that_stand_beside_it() -> None:
    (drift,) = injections({"at": "5m", "inject": "auth.claim-drift", "claim": "issuer", "value": "other"})
    assert drift.fault == FAULTS["auth.claim-drift"](claim="issuer", value="other")  # type: ignore[call-arg]


def test_the_level_the_share_and_the_envelope_make_the_share_of_the_clients() -> None:
    (drift,) = injections(
        {"at": "5m", "inject": DRIFT, "level": 0.8, "share": 0.5, "cohort": "b", "envelope": {"ramp": "1m"}}
    )
    assert drift.share_at(300) == Share(0, "b")
    assert drift.share_at(330) == Share(0.2, "b")
    assert drift.share_at(1000) == Share(0.4, "b")


def test_an_odd_start_does_not_make_a_pulse_miss_its_edge() -> None:
    (drift,) = injections(
        {"at": "100ms", "inject": DRIFT, "for": "1m", "envelope": {"pulse": {"every": "300ms", "on": "200ms"}}}
    )
    assert [drift.share_at(at).fraction for at in (0.1, 0.3, 0.4, 0.6, 0.7, 0.9)] == [1, 0, 1, 0, 1, 0]


# --- steps


def test_a_calm_scenario_is_one_step_with_the_baseline() -> None:
    (step,) = plan(conditions={"retention.horizon": "10m"}).steps
    assert (step.at, step.impulses, step.notes, step.conditions.variations) == (0, (), (), ())
    assert step.conditions.settings().retention.horizon == 600


def test_a_fault_is_in_force_from_its_start_until_its_end_and_leaves_nothing_behind() -> None:
    before, during, after = plan({"at": "5m", "inject": DRIFT, "level": 0.6, "for": "20m"}).steps
    assert [before.at, during.at, after.at] == [0, 300, 1500]
    name = "auth.key-drift@5m"
    assert variations(during) == [
        ("issuer.kid", "sync-auth-v2", 0.6, name),
        ("issuer.secret", "sync-auth-v2", 0.6, name),
    ]
    assert before.conditions == after.conditions
    assert (during.notes, after.notes) == ((("injection_started", name),), (("injection_ended", name),))


def test_an_envelope_makes_a_step_for_each_change_of_level() -> None:
    steps = plan({"at": "5m", "inject": DRIFT, "for": "1m", "envelope": {"ramp": "10s"}}).steps
    assert [step.at for step in steps] == [0, 300, 305, 310, 360]
    assert [variations(step)[0][2] if variations(step) else 0 for step in steps] == [0, 0, 0.5, 1, 0]


def test_a_fault_that_happens_once_emits_its_impulses_once_and_changes_nothing() -> None:
    steps = plan(
        {"at": "5m", "inject": "liveness.restart", "level": 0.5},
        {"at": "4m", "inject": DRIFT, "for": "2m", "envelope": {"ramp": "2m"}},
    ).steps
    emitting = [step for step in steps if step.impulses]
    name = "liveness.restart@5m"
    assert [(step.at, step.impulses) for step in emitting] == [
        (300, ((name, DropConnections(Share(0.5))), (name, ResetCounters())))
    ]
    assert [note for step in steps for note in step.notes if note[1] == name] == [("injection_started", name)]


def test_a_fault_that_happens_once_happens_again_with_each_pulse_and_has_a_duration() -> None:
    loop = {"at": "5m", "inject": "liveness.restart", "for": "10m", "envelope": {"pulse": {"every": "4m", "on": "1s"}}}
    (restart,) = injections(loop)
    assert (restart.at, restart.until) == (300, 900)
    steps = plan(loop).steps
    name = "liveness.restart@5m"
    assert [step.at for step in steps if step.impulses] == [300, 540, 780]
    assert {len(step.impulses) for step in steps if step.impulses} == {2}
    notes = [(step.at, note) for step in steps for note, _ in step.notes]
    assert notes == [(300, "injection_started"), (900, "injection_ended")]
    assert {injection for step in steps for injection, _ in step.impulses} == {name}
    (open_end,) = injections({key: value for key, value in loop.items() if key != "for"})
    assert open_end.until == 3600


def test_two_injections_of_one_knob_overlap_and_the_later_one_holds_where_both_are() -> None:
    steps = plan(
        {"at": "5m", "set": {"network.latency": "1s"}, "for": "10m", "name": "slow"},
        {"at": "10m", "set": {"network.latency": "2s"}, "share": 0.5, "for": "10m", "name": "slower"},
    ).steps
    population = Population(10, 1)
    found = []
    for step in steps:
        clients = step.conditions.settings_by_client(population)
        found.append((step.at, sorted(settings.network.latency for settings, _ in clients)))
    assert found == [
        (0, [0.0] * 10),
        (300, [1.0] * 10),
        (600, [1.0] * 5 + [2.0] * 5),
        (900, [0.0] * 5 + [2.0] * 5),
        (1200, [0.0] * 10),
    ]


def test_one_injection_may_begin_where_another_ends() -> None:
    _, first, second, last = plan(
        {"at": "5m", "set": {"network.latency": "1s"}, "for": "5m", "name": "a"},
        {"at": "10m", "set": {"network.latency": "2s"}, "for": "5m", "name": "b"},
    ).steps
    assert [v[3] for v in variations(first)] == ["a"]
    assert [v[3] for v in variations(second)] == ["b"]
    assert second.notes == (("injection_started", "b"), ("injection_ended", "a"))
    assert last.conditions.variations == ()


def test_a_knob_that_the_whole_system_shares_moves_with_the_level() -> None:
    loaded = plan(
        {"at": "5m", "inject": "cursor.retention-cut", "level": 0.5, "horizon": "100s"},
        conditions={"retention.horizon": "200s"},
    )
    assert loaded.steps[1].conditions.settings().retention.horizon == 150


def test_a_baseline_that_does_not_fit_is_an_input_error() -> None:
    with pytest.raises(InputError, match=r"conditions\.network\.latency: 'fast' is not a duration"):
        plan(conditions={"network.latency": "fast"})


# --- the fleet


@pytest.mark.parametrize(
    ("shares", "clients", "counts"),
    [
        ({"reference": 1.0}, 500, {"reference": 500}),
        ({"reference": 0.9, "desktop": 0.1}, 500, {"reference": 450, "desktop": 50}),
        ({"reference": 0.5, "desktop": 0.5}, 3, {"reference": 2, "desktop": 1}),
        ({"desktop": 0.5, "reference": 0.5}, 3, {"desktop": 2, "reference": 1}),
        ({"reference": 0.7, "desktop": 0.3}, 4, {"reference": 3, "desktop": 1}),
        ({"reference": 0.99, "desktop": 0.01}, 10, {"reference": 10}),
        ({"reference": 0.0, "desktop": 1.0}, 2, {"desktop": 2}),
        ({"reference": 0.1, "desktop": 0.9}, 1, {"desktop": 1}),
    ],
)
def test_profiles_are_dealt_in_exact_counts_by_largest_remainder(
    shares: dict[str, float], clients: int, counts: dict[str, int]
) -> None:
    fleet = plan(fleet={"clients": clients, "profiles": shares}).fleet
    names = [profile.name for profile in fleet.profiles]
    assert {name: names.count(name) for name in dict.fromkeys(names)} == counts


@given(st.integers(1, 300), st.integers(0, 1000))
@settings(deadline=None)
def test_no_client_is_lost_or_made_up_by_rounding(clients: int, permille: int) -> None:
    shares = {"reference": permille / 1000, "desktop": 1 - permille / 1000}
    fleet = plan(fleet={"clients": clients, "profiles": shares}).fleet
    names = [profile.name for profile in fleet.profiles]
    assert len(names) == clients
    assert abs(names.count("reference") - clients * permille / 1000) < 1


def test_the_plan_takes_the_rest_from_the_scenario_as_it_is() -> None:
    made = plan(
        seed=9,
        fleet={"clients": 3, "session_lifetime": "1m", "offline": "2m", "publish_rate": "30/m", "ramp": "5s"},
        monitoring={"scrape_interval": "30s", "initialise_series": False},
    )
    assert (made.seed, made.duration_seconds, made.initialise_series) == (9, 3600, False)
    assert (made.fleet.publish_rate, made.fleet.ramp_seconds) == (0.5, 5)
    assert (made.scrape_interval_seconds, made.scrape_offset_seconds) == (30, 5)


# --- scrapes


@pytest.mark.parametrize(
    ("scrape", "evaluation", "offset"),
    [
        (15, 15, 5),
        (10, 10, 5),
        (7, 7, 3.5),
        (1, 1, 0.5),
        (0.25, 0.25, 0.125),
        (30, 15, 5),
        (15, 10, 2.5),
        (10, 15, 2.5),
        (60, 7, 0.5),
        (7.001, 7.001, 3.5),
        (0.103, 0.103, 0.051),
    ],
)
def test_scrapes_stand_off_the_evaluation_grid(scrape: float, evaluation: float, offset: float) -> None:
    assert scrape_offset(scrape, evaluation) == offset


@given(st.integers(100, 100_000), st.integers(100, 100_000))
@settings(deadline=None)
def test_no_scrape_is_at_the_instant_of_an_evaluation_unless_they_meet_every_millisecond(
    scrape: int, evaluation: int
) -> None:
    offset = round(scrape_offset(scrape / 1000, evaluation / 1000) * 1000)
    met = any((offset + k * scrape) % evaluation == 0 for k in range(min(evaluation, 2000)))
    if met:
        assert offset == 0, "intervals without a common divisor meet wherever the first scrape is"
    assert 0 <= offset < scrape


@pytest.mark.parametrize("fault", ["cursor.purge", "cursor.sequence-reset", "delivery.capture-stall"])
@pytest.mark.parametrize("key", [{"share": 0.5}, {"cohort": "b"}])
def test_a_fault_of_the_whole_log_takes_no_share_of_the_clients(fault: str, key: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="changes the whole system"):
        injections({"at": "5m", "inject": fault, **key})


def test_a_fault_that_happens_once_to_a_share_takes_one() -> None:
    assert injections({"at": "5m", "inject": "liveness.restart", "share": 0.5})[0].share == 0.5
