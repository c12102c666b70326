"""What is known of the original's rules by measurement, found again by an audit that knows nothing of them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from faults import load_faults
from simulator.audit.auditing import audit
from simulator.audit.checks import BEHAVIOURAL
from simulator.audit.preparing import Request, prepare
from simulator.durations import parse_duration
from simulator.shipped import find_file

if TYPE_CHECKING:
    from simulator.audit.auditing import Result
    from simulator.audit.finding import Finding

AUTH = "OpenAgentsRuntimeSyncSocketAuthFailureRatioHigh"
TIMEOUTS = "OpenAgentsRuntimeSyncSocketTimeoutRateHigh"
STALE = "OpenAgentsRuntimeSyncStaleCursorSpike"
MINT = "OpenAgentsKhalaTokenMintFailureRatioHigh"
SINGLE_EVENTS = (
    "OpenAgentsRuntimeKhalaProjectionHashMismatchDetected",
    "OpenAgentsRuntimeKhalaProjectionReplayFailures",
)


@pytest.fixture(scope="session")
def original() -> Result:
    """Return what an audit says of how the original's sixteen rules behave."""
    return audit(prepare(Request((find_file("rules", "openagents-runtime"),)), load_faults()), BEHAVIOURAL)


def finding(original: Result, kind: str, alert: str) -> Finding:
    """Return the one finding of a kind about an alert."""
    (found,) = (
        one
        for one in original.findings
        if one.kind.name == kind and alert in {where.subject for where in (one.where, *one.also)}
    )
    return found


def kinds(original: Result, alert: str) -> set[str]:
    """Return the kinds of what is more than a note about an alert."""
    return {one.kind.name for one in original.findings if one.where.subject == alert and one.severity != "info"}


@pytest.mark.parametrize(
    ("alert", "per_second"),
    [pytest.param(AUTH, 0.05, id="5 % of logins"), pytest.param(MINT, 0.01, id="1 % of tokens")],
)
def test_a_floor_of_one_event_a_second_takes_clients_by_the_time_between_their_events(
    original: Result, alert: str, per_second: float
) -> None:
    found = finding(original, "traffic-floor", alert)

    silent, fires = re.findall(r"at (\S+)/s it does", found.evidence[0])
    assert float(silent) == pytest.approx(per_second, rel=0.01)
    assert float(fires) == pytest.approx(per_second, rel=0.01)
    every, fewest, without, whole = re.findall(
        r"comes once in (\S+): a total failure fires it with (\d+) clients and not with (\d+); .* from (\d+) on",
        found.evidence[2],
    )[0]
    seconds = parse_duration(every)
    assert int(fewest) == pytest.approx(per_second * seconds, abs=1)
    assert int(without) == int(fewest) - 1
    assert int(whole) == pytest.approx(seconds, rel=0.1)


@pytest.mark.parametrize(
    ("alert", "unseen", "late"),
    [
        pytest.param(AUTH, 300, 285, id="logins"),
        pytest.param(TIMEOUTS, 300, 285, id="timeouts"),
        pytest.param(MINT, 300, 585, id="tokens"),
    ],
)
def test_a_hold_of_more_than_the_range_hides_outages_of_five_minutes_and_pages_after_longer_ones(
    original: Result, alert: str, unseen: float, late: float
) -> None:
    found = finding(original, "hold-outlasts-range", alert)

    longest, shortest, after = re.findall(
        r"up to (\S+) never pages; one of (\S+) pages up to (\S+) after", found.problem
    )[0]
    assert parse_duration(longest) == pytest.approx(unseen, abs=30)
    assert parse_duration(shortest) == parse_duration(longest) + 15
    assert parse_duration(after) == pytest.approx(late, abs=15)
    assert found.severity == "warning"


def test_ten_thousand_timeouts_at_once_are_not_seen(original: Result) -> None:
    found = finding(original, "burst-unseen", TIMEOUTS)

    assert found.experiment is not None
    assert " 10000 " in f" {found.experiment.series[0][1]} ".replace("_x2", "")


def test_stale_cursors_are_seen_unless_their_series_is_born_with_them(original: Result) -> None:
    found = finding(original, "birth-unseen", STALE)

    assert found.severity == "info"
    assert "hold-outlasts-range" not in kinds(original, STALE)
    assert "burst-unseen" not in kinds(original, STALE)


@pytest.mark.parametrize("alert", SINGLE_EVENTS)
def test_a_rule_for_single_events_does_not_see_the_one_that_its_series_is_born_with(
    original: Result, alert: str
) -> None:
    assert finding(original, "birth-unseen", alert).severity == "warning"


def test_a_ratio_of_successes_with_a_floor_fires_when_there_is_little_traffic(original: Result) -> None:
    found = finding(original, "fires-in-calm", "OpenAgentsRuntimeStreamDoneRatioLow")

    assert "fewer than 0.95 events a second" in found.problem


def test_one_failed_scrape_in_a_hold_keeps_a_rule_on_a_gauge_from_firing(original: Result) -> None:
    assert kinds(original, "OpenAgentsRuntimeCircuitBreakerOpen") == {"scrape-resets-hold"}


def test_nothing_tells_when_the_metrics_are_gone(original: Result) -> None:
    found = finding(original, "goes-silent", AUTH)

    assert {where.subject for where in (found.where, *found.also)} >= {AUTH, TIMEOUTS, STALE, MINT}


def test_a_login_ratio_is_diluted_by_those_who_are_let_in_and_thrown_out(original: Result) -> None:
    well, looping = re.findall(r"([\d.]+)%", finding(original, "diluted-ratio", AUTH).problem)

    assert float(looping) > 2 * float(well)


def test_none_of_them_is_said_never_to_fire(original: Result) -> None:
    assert [one.problem for one in original.findings if one.kind.name == "cannot-fire"] == []


def test_promtool_confirms_every_counter_example_of_the_originals(original: Result) -> None:
    assert [one for one in original.unchecked if "does not confirm" in one.reason] == []
    assert all(one.experiment is not None for one in original.findings)
