"""What faults of tokens do to a fleet, beyond the reject reason that `tests/drivers/test_virtual.py` holds them to."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from simulator.conditions import EVERYONE, Settings
from simulator.drivers.virtual import run_virtual

if TYPE_CHECKING:
    from collections.abc import Callable

    from simulator.conditions import Fault
    from simulator.core.plan import Plan
    from simulator.core.recording import Recording
    from tests.conftest import PlanFactory

START, END = 300.0, 900.0
OK = ("socket_auth", "ok", "authorized")
MINTED, NOT_MINTED = ("token_mint", "ok"), ("token_mint", "error")


def grown(recording: Recording, key: tuple[str, ...], begin: float = START, end: float = END) -> int:
    """Return by how much a series grew between two times."""
    found = dict(zip(recording.times, recording.scrapes, strict=True))
    before = max(at for at in found if at <= max(begin, recording.times[0]))
    after = max(at for at in found if at <= end)
    return found[after][key] - found[before][key]


def errors(recording: Recording, begin: float = START, end: float = END) -> dict[str, int]:
    """Return the refused tokens by reason."""
    keys = [key for key in recording.scrapes[-1] if key[:2] == ("socket_auth", "error")]
    counts = {key[2]: grown(recording, key, begin, end) for key in keys}
    return {reason: count for reason, count in counts.items() if count}


def under(plan: PlanFactory, fault: Fault, **options: Any) -> Plan:
    """Return a plan in which everybody meets a fault."""
    return plan((fault, START, END), share=EVERYONE, **options)


@pytest.mark.parametrize(
    "reason",
    [
        "invalid_token_format",
        "invalid_token_encoding",
        "invalid_header",
        "unsupported_alg",
        "missing_kid",
        "invalid_claims",
        "invalid_token",
    ],
)
def test_malformed_tokens_are_refused_for_the_reason_that_was_asked_for(
    plan: PlanFactory, faults: dict[str, type[Fault]], reason: str
) -> None:
    run = under(plan, faults["auth.malformed-tokens"](reason=reason), clients=20)  # type: ignore[call-arg]
    assert set(errors(run_virtual(run).recording)) == {reason}


def test_a_clock_that_is_behind_refuses_new_tokens_and_lets_expired_ones_in(
    plan: PlanFactory, faults: dict[str, type[Fault]]
) -> None:
    behind = faults["auth.clock-skew"](clock="behind", skew=100.0)  # type: ignore[call-arg]
    assert set(errors(run_virtual(under(plan, behind)).recording)) == {"token_not_yet_valid"}
    stuck = under(plan, faults["auth.expired-tokens"]())
    assert errors(run_virtual(stuck).recording)
    slow = Settings().with_value("retention.horizon", 120.0).with_value("verifier.clock_behind", 1000.0)
    stuck_too = under(plan, faults["auth.expired-tokens"](), baseline=slow)
    assert "token_expired" not in errors(run_virtual(stuck_too).recording)


def test_a_token_that_is_too_old_is_refused_once_and_a_new_one_is_let_in(
    plan: PlanFactory, make_fault: Callable[[str], Fault]
) -> None:
    recording = run_virtual(under(plan, make_fault("auth.token-too-old"))).recording
    refused = grown(recording, ("socket_auth", "error", "token_too_old"))
    assert 0 < refused <= grown(recording, OK)


def test_tokens_for_other_topics_pass_the_handshake_and_dilute_the_failure_ratio(
    plan: PlanFactory, make_fault: Callable[[str], Fault]
) -> None:
    """Nobody can subscribe, and all that moves is the number of successes."""
    calm = run_virtual(plan()).recording
    drifted = run_virtual(under(plan, make_fault("auth.scope-drift"))).recording
    assert not errors(drifted)
    assert grown(drifted, OK) > 3 * grown(calm, OK)
    caught_up = ("replay_catchup_duration_ms", "ok", "count")
    assert grown(drifted, caught_up, 610.0) < grown(calm, caught_up, 610.0) / 4


def test_a_wrong_origin_is_seen_by_no_counter_of_tokens(plan: PlanFactory, make_fault: Callable[[str], Fault]) -> None:
    recording = run_virtual(under(plan, make_fault("auth.wrong-origin"))).recording
    assert not errors(recording)
    assert grown(recording, OK, 315.0) == 0
    assert grown(recording, OK, END, 1000.0) > 0


@pytest.mark.parametrize("answer", ["unavailable", "denied", "invalid_scope", "unauthenticated"])
def test_every_class_of_mint_errors_counts_as_an_error_and_ends_with_the_fault(
    plan: PlanFactory, faults: dict[str, type[Fault]], answer: str
) -> None:
    run = under(plan, faults["auth.mint-outage"](answer=answer), clients=20)  # type: ignore[call-arg]
    recording = run_virtual(run).recording
    assert grown(recording, NOT_MINTED) > 0
    assert grown(recording, MINTED) == 0
    assert grown(recording, MINTED, END, 1200.0) > 0
    assert grown(recording, NOT_MINTED, 1000.0, 1495.0) == 0


def test_a_slow_mint_gives_as_many_tokens_later(plan: PlanFactory, make_fault: Callable[[str], Fault]) -> None:
    recording = run_virtual(under(plan, make_fault("auth.slow-mint"))).recording
    assert grown(recording, MINTED) > 20
    assert grown(recording, NOT_MINTED) == 0


def test_a_mint_that_is_slower_than_patience_gives_none_and_counts_nothing(
    plan: PlanFactory, faults: dict[str, type[Fault]]
) -> None:
    run = under(plan, faults["auth.slow-mint"](delay=30.0))  # type: ignore[call-arg]
    recording = run_virtual(run).recording
    assert grown(recording, MINTED, 315.0) == 0
    assert grown(recording, NOT_MINTED) == 0
    assert grown(recording, MINTED, END, 1000.0) > 0


def test_a_client_that_is_closed_and_opened_while_it_waits_for_a_token_does_not_ask_twice(
    plan: PlanFactory, faults: dict[str, type[Fault]]
) -> None:
    brief = Settings().with_value("issuer.ttl", 5.0)
    run = under(plan, faults["auth.slow-mint"](delay=9.0), clients=30, baseline=brief)  # type: ignore[call-arg]
    hasty = replace(run.fleet.habits, session_lifetime_seconds=2.0, offline_seconds=1.0)
    recording = run_virtual(replace(run, fleet=replace(run.fleet, habits=hasty))).recording
    assert 0 < grown(recording, MINTED) <= 30 * (END - START) / 9.0
