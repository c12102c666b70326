"""What revocations, a closed gate, slow clients and the poll guard do to the metrics and to clients."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from faults import load_faults
from simulator.alerting.contract import load_contract
from simulator.conditions import Settings, Share
from simulator.core.profiles import PROFILES
from simulator.core.refusals import INCOMPATIBLE
from simulator.drivers.virtual import run_virtual
from tests.drivers.live.twin import run_live

if TYPE_CHECKING:
    from simulator.conditions import Fault
    from simulator.core.metrics import Key
    from simulator.core.plan import Plan
    from simulator.core.recording import Run
    from tests.conftest import PlanFactory

FAULTS = load_faults()
EVERYONE, NOBODY = Share(1.0), Share(0.0)
START, END = 310.0, 910.0
KHALA = load_contract("openagents-khala").settings()


def at(run: Run, time: float) -> dict[Key, int]:
    """Return the last scrape by a time."""
    index = max(index for index, scraped in enumerate(run.recording.times) if scraped <= time)
    return run.recording.scrapes[index]


def grown(run: Run, key: Key, start: float = START, end: float = END) -> int:
    """Return by how much a counter grew between two times."""
    return at(run, end).get(key, 0) - at(run, start).get(key, 0)


def refused(reason: str) -> Key:
    return ("socket_auth", "error", reason)


OK = ("socket_auth", "ok", "authorized")
LOST = ("socket_connection", "disconnect", "error")
CONNECTED = ("socket_connection", "connect", "ok")


def struck(plan: PlanFactory, fault: Fault, **options: Any) -> Run:
    """Return a run in which everybody is struck."""
    return run_virtual(heedless(plan((fault, START, END), share=EVERYONE, **options)))


def heedless(run: Plan) -> Plan:
    """Return a plan whose clients take no notice of being told that coming back is no use."""
    profiles = tuple(replace(profile, heeds_server=False) for profile in run.fleet.profiles)
    return replace(run, fleet=replace(run.fleet, profiles=profiles))


# --- revocation


def test_a_revocation_ends_the_open_sockets_and_keeps_their_clients_out(plan: PlanFactory) -> None:
    run = struck(plan, FAULTS["auth.revocation-wave"]())
    open_before = at(run, START)["socket_connection_active", "connect", "ok"]
    assert grown(run, LOST, START, START + 15) >= open_before - 3
    assert grown(run, CONNECTED) == 0
    assert grown(run, OK) == 0
    assert grown(run, refused("reauth_required")) > 10 * open_before
    assert run.reached.touched["fault-0"] == frozenset(range(40))


def test_the_access_is_back_once_the_server_forgets(plan: PlanFactory) -> None:
    run = struck(plan, FAULTS["auth.revocation-wave"](memory=200.0))  # type: ignore[call-arg]
    assert grown(run, CONNECTED, START, START + 195) == 0
    assert grown(run, CONNECTED, START + 200, END) > 30
    assert grown(run, refused("reauth_required"), START + 240, END) == 0


def test_a_restart_lets_revoked_sessions_in_again(plan: PlanFactory) -> None:
    wave, restart = FAULTS["auth.revocation-wave"](), FAULTS["liveness.restart"](resets_counters=True)  # type: ignore[call-arg]
    run = run_virtual(heedless(plan((wave, START, END), (restart, 505.0, 505.0), share=EVERYONE)))
    assert at(run, 500)[CONNECTED] == at(run, START)[CONNECTED]
    assert at(run, 600)[CONNECTED] > 30


def test_a_revocation_that_is_lost_changes_nothing_and_says_whom_it_should_have_met(plan: PlanFactory) -> None:
    run = struck(plan, FAULTS["auth.broken-revocation"]())
    assert run.recording.digest() == run_virtual(heedless(plan())).recording.digest()
    assert run.reached.touched["fault-0"] == frozenset(range(40))


def test_a_revocation_that_only_evicts_lets_everybody_back_in(plan: PlanFactory) -> None:
    run = struck(plan, FAULTS["auth.broken-revocation"](done="evicts_only"))  # type: ignore[call-arg]
    assert grown(run, LOST, START, START + 15) > 30
    assert grown(run, refused("reauth_required")) == 0
    assert grown(run, CONNECTED, START, START + 30) > 30


def test_a_revocation_that_only_remembers_leaves_open_sockets_alone(plan: PlanFactory) -> None:
    run = struck(plan, FAULTS["auth.broken-revocation"](done="remembers_only"))  # type: ignore[call-arg]
    assert grown(run, LOST) == 0
    assert grown(run, refused("reauth_required")) > 100


def test_in_the_later_system_a_revocation_outlasts_its_injection_until_it_is_forgotten(plan: PlanFactory) -> None:
    wave = FAULTS["auth.revocation-wave"](memory=900.0)  # type: ignore[call-arg]
    run = run_virtual(heedless(plan((wave, START, START + 60), share=EVERYONE, baseline=KHALA)))
    assert grown(run, CONNECTED, START, START + 900) == 0
    assert grown(run, CONNECTED, START + 900, START + 960) > 25
    assert run.reached.control_harmed == 0


# --- the gate


@pytest.mark.parametrize("reason", INCOMPATIBLE)
def test_a_gate_that_closes_refuses_who_reconnects_for_its_own_reason_and_no_other(
    plan: PlanFactory, reason: str
) -> None:
    run = struck(plan, FAULTS["auth.compatibility-window"](reason=reason))  # type: ignore[call-arg]
    assert grown(run, refused(reason)) > 50
    assert sum(grown(run, key) for key in at(run, END) if key[:2] == ("socket_auth", "error")) == grown(
        run, refused(reason)
    )
    assert grown(run, CONNECTED) == 0
    assert grown(run, LOST) == 0
    assert grown(run, CONNECTED, END, END + 60) > 10


# --- slow clients


def test_slow_clients_are_throttled_and_then_cut_off_again_and_again(plan: PlanFactory) -> None:
    run = struck(plan, FAULTS["liveness.slow-consumer"]())
    throttled, ended = (
        grown(run, ("socket_slow_consumer", "overflow", "queue_overflow", action))
        for action in ("throttle", "disconnect")
    )
    assert ended > 100
    assert throttled >= 2 * ended
    assert grown(run, LOST) == ended
    assert grown(run, ("socket_reconnect", "ok")) > 100


def test_with_the_originals_own_limit_slow_clients_are_only_late(plan: PlanFactory) -> None:
    run = struck(plan, FAULTS["liveness.slow-consumer"](queue_limit=64))  # type: ignore[call-arg]
    assert grown(run, LOST) == 0
    assert grown(run, ("socket_slow_consumer", "overflow", "queue_overflow", "throttle")) == 0
    topics = {key[1] for key in at(run, END) if key[0] == "socket_queue" and key[2] == "queued"}
    assert len(topics) == 4


# --- the guard


def test_who_reconnects_too_soon_is_never_served_while_the_guard_lasts(plan: PlanFactory) -> None:
    run = struck(plan, FAULTS["liveness.poll-guard"](interval=3600.0))  # type: ignore[call-arg]
    calm = run_virtual(plan())
    # Each client is served once, when the guard does not know it yet; whoever comes again is refused for good.
    assert grown(run, ("replay_catchup_duration_ms", "ok", "count")) <= 40
    assert grown(run, OK) > 3 * grown(calm, OK)
    assert grown(run, refused("reauth_required")) == 0
    assert at(run, END)["socket_timeout", "timeout"] == 0


def test_a_registry_with_room_for_one_serves_nearly_everybody(plan: PlanFactory) -> None:
    small = struck(plan, FAULTS["liveness.poll-guard"](interval=3600.0, capacity=1))  # type: ignore[call-arg]
    large = struck(plan, FAULTS["liveness.poll-guard"](interval=3600.0))  # type: ignore[call-arg]
    served = ("replay_catchup_duration_ms", "ok", "count")
    assert grown(small, served) > 1.3 * grown(large, served)


# --- laws, for what the faults do other than by default

VARIANTS: list[tuple[str, dict[str, object]]] = [
    ("auth.broken-revocation", {"done": "evicts_only"}),
    ("auth.broken-revocation", {"done": "remembers_only"}),
    ("auth.compatibility-window", {"reason": "invalid_client_build"}),
    ("liveness.slow-consumer", {"queue_limit": 64, "read_interval": 0.5}),
    ("liveness.slow-consumer", {"queue_limit": 1, "read_interval": 45.0}),
    ("liveness.poll-guard", {"interval": 1000.0, "capacity": 3}),
]


def mixed(plan: Plan) -> Plan:
    """Return a plan with every client profile, one after another."""
    profiles = tuple(PROFILES.values())
    chosen = tuple(profiles[index % len(profiles)] for index in range(plan.population.size))
    return replace(plan, fleet=replace(plan.fleet, profiles=chosen))


@pytest.mark.parametrize(("name", "parameters"), VARIANTS)
def test_lazy_eager_and_live_runs_agree_on_every_variant(
    plan: PlanFactory, name: str, parameters: dict[str, object]
) -> None:
    asked = mixed(plan((FAULTS[name](**parameters), 125.0, 325.0), clients=16, seconds=450.0))
    lazy = run_virtual(asked)
    assert run_virtual(asked, eager=True) == lazy
    assert run_live(asked) == lazy


def test_lazy_eager_and_live_runs_agree_on_all_of_it_at_once_in_the_later_system(plan: PlanFactory) -> None:
    faults = (
        (FAULTS["liveness.slow-consumer"](), 120.0, 300.0),
        (FAULTS["auth.revocation-wave"](memory=60.0), 180.125, 200.125),  # type: ignore[call-arg]
        (FAULTS["liveness.restart"](), 220.0, 220.0),
        (FAULTS["auth.compatibility-window"](), 230.0, 320.0),
        (FAULTS["liveness.poll-guard"](), 260.0, 380.0),
        (FAULTS["auth.key-drift"](), 270.0, 330.0),
    )
    asked = mixed(plan(*faults, clients=16, seconds=500.0, baseline=KHALA, share=Share(0.7)))
    lazy = run_virtual(asked)
    assert run_virtual(asked, eager=True) == lazy
    assert run_live(asked) == lazy


def test_a_socket_whose_client_has_hung_up_unheard_ends_with_its_session(plan: PlanFactory) -> None:
    """Behind a black hole the server still has it, and a revocation ends it as it ends the others."""
    faults = (FAULTS["liveness.black-hole"](), 130.0, 260.0), (FAULTS["auth.revocation-wave"](), 165.125, 225.125)
    asked = mixed(plan(*faults, clients=16, seconds=400.0, share=Share(0.7)))
    assert run_live(asked) == run_virtual(asked)


def test_the_later_system_in_good_health_counts_as_the_earlier_one(plan: PlanFactory) -> None:
    assert Settings() != KHALA
    later, earlier = (run_virtual(plan(baseline=baseline)) for baseline in (KHALA, Settings()))
    own = {"replay_budget"}  # born where budgets are looked at
    for found, expected in zip(later.recording.scrapes, earlier.recording.scrapes, strict=True):
        assert {key: value for key, value in found.items() if key[0] not in own} == expected
    assert later.reached == earlier.reached
