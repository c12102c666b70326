"""The controller: injections begin, move, end, are halted; the conditions are always computed anew."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from faults import load_faults
from simulator.conditions import Conditions, DropConnections, ResetCounters, Settings, Share
from simulator.control.controller import IMPULSE_SECONDS, MOST_INJECTIONS, Controller, Event, Refused
from simulator.errors import InputError
from simulator.scenario.envelope import change_times, next_edge
from simulator.scenario.loading import load_scenario
from simulator.scenario.shapes import Envelope
from simulator.scenario.timeline import Injection, SetKnobs, list_injections, make_plan
from simulator.shipped import list_shipped

FAULTS = load_faults()
BASELINE = Settings().with_value("retention.horizon", 120.0)
LASTING = [name for name, fault in FAULTS.items() if not fault.is_momentary()]
RAMP = Envelope.model_validate({"ramp": "1m"})


def _controller(**changes: Any) -> Controller:
    return Controller(BASELINE, **changes)


def _inject(controller: Controller, now: float, name: str = "auth.key-drift", **arguments: Any) -> str:
    return controller.inject(now, name, FAULTS[name](), **arguments)


def _kinds(events: tuple[Event, ...]) -> list[tuple[float, str, Any]]:
    return [(event.at, event.event, event.details.get("reason")) for event in events]


def test_without_injections_the_conditions_are_the_baseline() -> None:
    controller = _controller()
    assert controller.conditions(12.0) == Conditions(BASELINE)
    assert controller.next_change(12.0) is None


def test_an_injection_is_in_force_from_its_start_and_has_an_id() -> None:
    controller = _controller()
    first = _inject(controller, 5.0, level=0.5, share=0.5, cohort="east")
    assert first == "auth.key-drift-1"
    expected = Conditions.fold(BASELINE, [(first, FAULTS["auth.key-drift"](), Share(0.25, "east"))])
    assert controller.conditions(5.0) == expected


def test_an_injection_ends_after_its_time() -> None:
    controller = _controller()
    _inject(controller, 5.0, for_seconds=10.0)
    assert controller.next_change(5.0) == 15.0
    assert controller.conditions(14.999) != Conditions(BASELINE)
    assert controller.conditions(15.0) == Conditions(BASELINE)
    assert _kinds(controller.take_events(20.0)) == [
        (5.0, "injection_started", None),
        (15.0, "injection_ended", "over"),
    ]


def test_an_injection_ends_with_its_lease_if_nobody_renews_it() -> None:
    controller = _controller(lease_seconds=30.0)
    _inject(controller, 0.0, for_seconds=600.0)
    assert controller.conditions(29.9) != Conditions(BASELINE)
    assert controller.conditions(30.0) == Conditions(BASELINE)
    assert _kinds(controller.take_events(31.0))[-1] == (30.0, "injection_ended", "lease")


def test_renewals_keep_an_injection_for_as_long_as_they_come() -> None:
    controller = _controller(lease_seconds=30.0)
    name = _inject(controller, 0.0)
    for now in range(10, 500, 10):
        assert controller.renew(now) == (name,)
    assert controller.conditions(500.0) != Conditions(BASELINE)


def test_a_lease_that_has_ended_is_not_brought_back_by_a_renewal() -> None:
    """As after a controller that was stopped for a while: its nodes have long been at the baseline."""
    controller = _controller(lease_seconds=30.0)
    _inject(controller, 0.0)
    assert controller.renew(30.0) == ()
    assert controller.conditions(30.0) == Conditions(BASELINE)


def test_an_injection_with_a_lease_of_its_own_is_renewed_by_its_id_alone() -> None:
    controller = _controller(lease_seconds=30.0)
    kept = _inject(controller, 0.0, lease_seconds=20.0)
    assert controller.renew(10.0) == ()
    assert controller.renew(19.0, kept) == (kept,)
    assert controller.conditions(38.9) != Conditions(BASELINE)
    assert controller.conditions(39.0) == Conditions(BASELINE)
    with pytest.raises(InputError, match="unknown injection"):
        controller.renew(39.0, kept)


def test_clearing_ends_one_injection_or_all() -> None:
    controller = _controller()
    first, second = _inject(controller, 0.0), _inject(controller, 1.0, "liveness.silent-clients")
    assert controller.clear(2.0, first) == (first,)
    assert [leased.id for leased in controller.injections(2.0)] == [second]
    assert controller.clear(3.0) == (second,)
    assert controller.clear(4.0) == ()
    assert controller.conditions(4.0) == Conditions(BASELINE)


def test_clearing_what_is_not_there_names_the_nearest_that_is() -> None:
    controller = _controller()
    _inject(controller, 0.0)
    with pytest.raises(InputError, match=r"did you mean 'auth\.key-drift-1'"):
        controller.clear(1.0, "auth.key-drift")


def test_halt_clears_everything_and_refuses_new_faults_until_release() -> None:
    controller = _controller()
    name = _inject(controller, 0.0)
    _inject(controller, 0.0, "liveness.restart")
    assert controller.halt(1.0) == (name,)
    assert controller.halted
    assert controller.conditions(1.0) == Conditions(BASELINE)
    assert controller.message(1.0).impulses == ()
    with pytest.raises(Refused, match=r"halted: no fault can be injected \(release it first"):
        _inject(controller, 2.0)
    controller.release(3.0)
    _inject(controller, 3.0)
    assert [event.event for event in controller.take_events()] == [
        "injection_started",
        "injection_started",
        "injection_ended",
        "halted",
        "released",
        "injection_started",
    ]


def test_a_controller_can_begin_halted() -> None:
    with pytest.raises(Refused):
        _inject(_controller(halted=True), 0.0)


def test_halting_or_releasing_twice_is_no_news() -> None:
    controller = _controller()
    controller.release(0.0)
    for _ in range(2):
        controller.halt(1.0)
    assert _kinds(controller.take_events()) == [(1.0, "halted", None)]


def test_what_happens_once_is_told_for_a_while_under_one_id_and_leaves_no_injection() -> None:
    controller = _controller(name="run-1")
    name = _inject(controller, 1.0, "liveness.restart", level=0.5)
    told = controller.message(1.0).impulses
    assert [(struck.id, struck.injection, struck.impulse) for struck in told] == [
        (f"run-1/{name}/1", name, DropConnections(Share(0.5))),
        (f"run-1/{name}/2", name, ResetCounters()),
    ]
    assert controller.injections(1.0) == ()
    assert controller.message(1.0 + IMPULSE_SECONDS / 2).impulses == told
    assert controller.message(1.0 + IMPULSE_SECONDS).impulses == ()


@pytest.mark.parametrize("key", ["for_seconds", "envelope"])
def test_what_happens_once_takes_no_duration(key: str) -> None:
    value = 5.0 if key == "for_seconds" else RAMP
    with pytest.raises(InputError, match=r"happens once; (it takes no|the only envelopes)"):
        _inject(_controller(), 0.0, "liveness.restart", **{key: value})


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({"level": 1.1}, "level: is between 0 and 1"),
        ({"level": -0.1}, "level: is between 0 and 1"),
        ({"level": math.nan}, "level: is between 0 and 1"),
        ({"share": 2.0}, "share: is between 0 and 1"),
        ({"for_seconds": 0.0}, "for: an injection lasts longer"),
        ({"for_seconds": math.inf}, "for: an injection lasts longer"),
        ({"lease_seconds": 0.0}, "lease: a lease is above 0s"),
        ({"lease_seconds": 1e9}, "lease: a lease is above 0s and at most 600s"),
        ({"injection_id": ""}, "id: an id is 1 to 200 printable"),
        ({"injection_id": "a\nb"}, "id: an id is 1 to 200 printable"),
    ],
)
def test_what_does_not_fit_is_refused_and_changes_nothing(arguments: dict[str, Any], problem: str) -> None:
    controller = _controller()
    with pytest.raises(InputError, match=problem):
        _inject(controller, 0.0, **arguments)
    assert controller.injections(0.0) == ()
    assert controller.take_events() == ()


def test_a_fault_of_the_whole_system_takes_no_share() -> None:
    with pytest.raises(InputError, match="changes the whole system; it takes a level, but no 'share'"):
        _inject(_controller(), 0.0, "cursor.retention-cut", share=0.5)


def test_a_knob_of_the_whole_system_takes_no_level_and_no_envelope() -> None:
    controller, knobs = _controller(), SetKnobs((("retention.horizon", 5.0),))
    for arguments in ({"level": 0.5}, {"envelope": RAMP}):
        with pytest.raises(InputError, match="takes no share of the clients"):
            controller.inject(0.0, "set", knobs, **arguments)
    controller.inject(0.0, "set", knobs)
    assert controller.conditions(0.0).settings().retention.horizon == 5.0


def test_an_id_is_never_used_twice() -> None:
    controller = _controller()
    _inject(controller, 0.0, injection_id="auth.key-drift-1")
    controller.clear(1.0)
    with pytest.raises(Refused, match="already"):
        _inject(controller, 2.0, injection_id="auth.key-drift-1")
    assert _inject(controller, 2.0) != "auth.key-drift-1"


def test_there_is_an_end_to_how_many_injections_are_in_force() -> None:
    controller = _controller()
    for _ in range(MOST_INJECTIONS):
        _inject(controller, 0.0, level=0.1)
    with pytest.raises(Refused, match="already"):
        _inject(controller, 0.0)


def test_messages_are_numbered_and_carry_the_lease() -> None:
    controller = _controller(name="run-1", lease_seconds=12.0)
    first, second = controller.message(0.0), controller.message(0.0)
    assert (first.controller, first.lease_seconds) == ("run-1", 12.0)
    assert second.serial > first.serial


def test_a_clock_that_goes_back_does_not_bring_back_what_has_ended() -> None:
    controller = _controller()
    _inject(controller, 0.0, for_seconds=10.0)
    controller.take_events(10.0)
    assert controller.conditions(5.0) == Conditions(BASELINE)


# --- laws

_ENVELOPES = st.one_of(
    st.none(),
    st.builds(lambda s: Envelope.model_validate({"ramp": s}), st.floats(0.01, 100)),
    st.builds(lambda s: Envelope.model_validate({"sine": s}), st.floats(0.5, 100)),
    st.builds(
        lambda every, part: Envelope.model_validate({"pulse": {"every": every, "on": every * part}}),
        st.floats(0.1, 50),
        st.floats(0.1, 1),
    ),
    st.builds(
        lambda every, gaps, again: Envelope.model_validate(
            {"comb": {"teeth": [n * gaps for n in range(4)], "width": gaps / 2, **({"every": every} if again else {})}}
        ),
        st.floats(50, 100),
        st.floats(0.1, 12),
        st.booleans(),
    ),
    st.builds(
        lambda half, after: Envelope.model_validate({"tail": {"half_life": half, "after": after}}),
        st.floats(0.1, 40),
        st.floats(0, 40),
    ),
    st.builds(
        lambda every, levels: Envelope.model_validate({"staircase": {"every": every, "levels": levels}}),
        st.floats(0.1, 50),
        st.lists(st.floats(0, 1), min_size=1, max_size=5),
    ),
    st.builds(
        lambda times: Envelope.model_validate({"recorded": {"points": [[t, t % 3] for t in sorted(times)]}}),
        st.sets(st.integers(0, 150), min_size=1, max_size=6),
    ),
)

CRASH_LOOP = Envelope.model_validate({"pulse": {"every": "20s", "on": "1s"}})


def test_what_happens_once_happens_again_with_each_pulse_until_its_time_is_over() -> None:
    controller = _controller(name="run-1")
    name = _inject(controller, 1.0, "liveness.restart", for_seconds=50.0, envelope=CRASH_LOOP)
    struck: dict[str, float] = {}
    now = 1.0
    while now < 120.0:
        for impulse in controller.message(now).impulses:
            struck.setdefault(impulse.id, now)
        controller.renew(now)
        change = controller.next_change(now)
        now = now + 4.0 if change is None else min(change, now + 4.0)
    assert list(struck) == [f"run-1/{name}/{number}" for number in range(1, 7)]
    assert list(struck.values()) == [1.0, 1.0, 21.0, 21.0, 41.0, 41.0]
    assert controller.injections(51.0) == ()


def test_a_halt_ends_a_crash_loop() -> None:
    controller = _controller()
    _inject(controller, 0.0, "liveness.restart", for_seconds=100.0, envelope=CRASH_LOOP)
    controller.message(0.0)
    controller.halt(10.0)
    assert [controller.message(now).impulses for now in (20.0, 20.5, 40.0)] == [(), (), ()]


def test_a_crash_loop_ends_with_its_lease() -> None:
    controller = _controller(lease_seconds=30.0)
    _inject(controller, 0.0, "liveness.restart", for_seconds=600.0, envelope=CRASH_LOOP)
    assert len(controller.message(20.0).impulses) == 2
    assert controller.message(40.0).impulses == ()


def test_a_comb_whose_first_tooth_is_later_does_not_strike_at_the_start() -> None:
    controller = _controller()
    comb = Envelope.model_validate({"comb": {"teeth": ["3s"]}})
    _inject(controller, 0.0, "liveness.restart", for_seconds=9.0, envelope=comb)
    assert controller.message(0.0).impulses == ()
    assert controller.next_change(0.0) == 3.0
    assert len(controller.message(3.0).impulses) == 2
    assert len(controller.message(4.0).impulses) == 2


def test_a_recording_that_was_not_read_is_refused() -> None:
    unread = Envelope.model_validate({"recorded": {"csv": "/etc/passwd"}})
    with pytest.raises(InputError, match=r"envelope.recorded: a recording is given by its points here"):
        _inject(_controller(), 0.0, for_seconds=9.0, envelope=unread)


@settings(deadline=None)
@given(_ENVELOPES, st.floats(0.1, 200))
def test_looking_again_at_the_next_change_misses_no_edge_of_an_envelope(
    envelope: Envelope | None, length: float
) -> None:
    length, edges = round(length, 6), [0.0]
    while (edge := next_edge(envelope, edges[-1])) is not None and edge < length:
        edges.append(edge)
    assert edges == change_times(envelope, length)


_STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("inject"), st.sampled_from(LASTING), st.floats(0, 1), st.sampled_from([None, 7.0, 40.0])),
        st.tuples(st.just("clear"), st.integers(0, 5)),
        st.tuples(st.just("renew")),
        st.tuples(st.just("halt")),
        st.tuples(st.just("release")),
        st.tuples(st.just("wait"), st.floats(0, 25)),
    ),
    max_size=30,
)


def _act(controller: Controller, now: float, step: tuple[Any, ...]) -> None:
    match step:
        case ("inject", name, level, length) if not controller.halted:
            _inject(controller, now, name, level=level, for_seconds=length)
        case ("clear", index) if active := controller.injections(now):
            controller.clear(now, active[index % len(active)].id)
        case ("renew",):
            controller.renew(now)
        case ("halt",):
            controller.halt(now)
        case ("release",):
            controller.release(now)
        case _:
            pass


@settings(deadline=None)
@given(_STEPS)
def test_whatever_happened_the_conditions_are_the_baseline_through_what_is_in_force(
    steps: list[tuple[Any, ...]],
) -> None:
    controller, now = _controller(lease_seconds=30.0), 0.0
    for step in steps:
        now += step[1] if step[0] == "wait" else 0.0
        _act(controller, now, step)
        active = [(leased.id, leased.injection) for leased in controller.injections(now)]
        folded = [(name, injection.fault, injection.share_at(round(now, 6))) for name, injection in active]
        assert controller.conditions(now) == Conditions.fold(BASELINE, folded)
        assert not (controller.halted and active)
    last = now + controller.lease_seconds
    assert controller.conditions(last + 1e-6) == Conditions(BASELINE), "no lease outlives the last renewal"
    controller.halt(last)
    assert controller.message(last).conditions == Conditions(BASELINE)


@settings(deadline=None)
@given(_STEPS)
def test_everything_that_began_and_is_not_in_force_has_ended_once_in_the_journal(steps: list[tuple[Any, ...]]) -> None:
    controller, now = _controller(lease_seconds=30.0), 0.0
    for step in steps:
        now += step[1] if step[0] == "wait" else 0.0
        _act(controller, now, step)
    active = [leased.id for leased in controller.injections(now)]
    events = controller.take_events(now)
    begun = [event.details["injection"] for event in events if event.event == "injection_started"]
    ended = [event.details["injection"] for event in events if event.event == "injection_ended"]
    assert sorted(begun) == sorted([*ended, *active])
    assert [event.at for event in events] == sorted(event.at for event in events)


@settings(deadline=None)
@given(st.permutations(range(6)), st.integers(0, 6))
def test_the_order_in_which_faults_are_cleared_does_not_matter(order: list[int], kept: int) -> None:
    controller = _controller()
    names = [_inject(controller, 0.0, LASTING[number], level=0.5) for number in range(6)]
    for number in order[kept:]:
        controller.clear(1.0, names[number])
    left = [(names[n], FAULTS[LASTING[n]](), Share(0.5)) for n in sorted(order[:kept])]
    assert controller.conditions(1.0) == Conditions.fold(BASELINE, left)


@settings(deadline=None)
@given(_STEPS)
def test_between_two_changes_the_conditions_stay_as_they_are(steps: list[tuple[Any, ...]]) -> None:
    """Injections without a moving level: the conditions just before the next change are those of now."""
    controller, now = _controller(lease_seconds=30.0), 0.0
    for step in steps:
        now += step[1] if step[0] == "wait" else 0.0
        _act(controller, now, step)
        upcoming = controller.next_change(now)
        if upcoming is not None:
            assert upcoming > round(now, 6)
            assert controller.conditions(upcoming - 1e-6) == controller.conditions(now)


@pytest.mark.parametrize("name", LASTING)
def test_a_level_too_small_for_any_fleet_is_no_dose_of_anything(name: str) -> None:
    controller = _controller()
    _inject(controller, 0.0, name, level=5e-324)
    assert controller.conditions(1.0) == Conditions(BASELINE)


@pytest.mark.parametrize("scenario", list_shipped("scenario"))
def test_a_scenario_makes_the_same_conditions_and_impulses_as_in_a_virtual_rehearsal(scenario: str) -> None:
    loaded = load_scenario(scenario)
    injections = list_injections(loaded, FAULTS)
    steps = make_plan(loaded, injections).steps
    controller = Controller(steps[0].conditions.baseline, lease_seconds=600.0)
    renewals = [float(at) for at in range(0, int(loaded.scenario.duration), 300)]
    for at in sorted({*renewals, *(step.at for step in steps)}):
        controller.renew(at)
        for entry in injections:
            if entry.at == at:
                _begin(controller, entry)
        step = [step for step in steps if step.at <= at][-1]
        if step.at == at:
            assert controller.conditions(at) == step.conditions
            told = [(struck.injection, struck.impulse) for struck in controller.message(at).impulses]
            assert [entry for entry in told if entry in step.impulses] == list(step.impulses)


def _begin(controller: Controller, entry: Injection) -> None:
    controller.inject(
        entry.at,
        entry.fault_name,
        entry.fault,
        level=entry.level,
        share=entry.share,
        cohort=entry.cohort,
        for_seconds=None if entry.fault.is_momentary() else entry.until - entry.at,
        envelope=entry.envelope,
        injection_id=entry.id,
    )
