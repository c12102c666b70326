"""When the original's three sync alerts fire, by the arithmetic of their windows, thresholds and holds.

Counters are initialised and everything happens every 15 s. A figure is the seconds from the fault's start (firing) or
its end (resolved). Where scrapes fall between evaluations, a window holds one sample less or more than on the grid,
which moves a figure by one evaluation at most: that is the tolerance.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from simulator.alerting.ruleset import RuleSet

if TYPE_CHECKING:
    from collections.abc import Callable

    from simulator.alerting.timeline import RuleTimeline
    from tests.alerting.conftest import Workshop

    Curve = Callable[[float], float | int | None]

AUTH, TIMEOUT, STALE = "AuthFailureRatioHigh", "TimeoutRateHigh", "StaleCursorSpike"
RULES = f"""
- alert: {AUTH}
  expr: >-
    sum(rate(openagents_runtime_sync_socket_auth_count{{status="error"}}[5m]))
    / clamp_min(sum(rate(openagents_runtime_sync_socket_auth_count[5m])), 1) > 0.05
  for: 10m
- alert: {TIMEOUT}
  expr: sum(rate(openagents_runtime_sync_socket_timeout_count{{status="timeout"}}[5m])) > 0.05
  for: 10m
- alert: {STALE}
  expr: sum(increase(openagents_runtime_sync_replay_catchup_duration_ms_count{{status="stale_cursor"}}[10m])) > 20
  for: 5m
"""
METRICS = {
    AUTH: "openagents_runtime_sync_socket_auth_count{status=error}",
    TIMEOUT: "openagents_runtime_sync_socket_timeout_count{status=timeout}",
    STALE: "openagents_runtime_sync_replay_catchup_duration_ms_count{status=stale_cursor}",
}
AUTH_OK = "openagents_runtime_sync_socket_auth_count{status=ok}"
START = 900.0
INTERVAL = 15.0


def events(rate: float, start: float, end: float) -> Curve:
    """Count events that come at a rate between two times, in whole numbers."""
    return lambda now: int(max(0.0, min(now, end) - start) * rate)


def rehearse(workshop: Workshop, curves: dict[str, Curve], alert: str, offset: float = 0) -> RuleTimeline:
    """Judge 75 minutes by the three rules, with curves in place of the quiet ones."""
    quiet: dict[str, Curve] = {METRICS[name]: lambda _: 0 for name in METRICS if METRICS[name] not in curves}
    run = workshop.exposition({**quiet, **curves}, duration=4500, offset=offset)
    timeline = workshop.judge(run, RuleSet(workshop.rules(RULES).groups), duration=4500)
    others = {line.rule.alert: line.state for line in timeline.rules if line.rule.alert != alert}
    assert set(others.values()) == {"silent"}
    return next(line for line in timeline.rules if line.rule.alert == alert)


def auth(rate: float, share: float, end: float) -> dict[str, Curve]:
    """Return authentications at a rate, of which a share fails from the fault's start to its end."""
    good, bad = events(rate, 0, START), events(rate * (1 - share), START, end)
    rest = events(rate, end, 1e9)
    return {
        AUTH_OK: lambda now: (good(now) or 0) + (bad(now) or 0) + (rest(now) or 0),
        METRICS[AUTH]: events(rate * share, START, end),
    }


@pytest.mark.parametrize("offset", [0, 5.55])
@pytest.mark.parametrize(
    ("alert", "curves", "end", "fires_after", "resolves_after"),
    [
        pytest.param(AUTH, auth(2, 1, START + 900), START + 900, 615, 285, id="every login fails, 2/s"),
        pytest.param(AUTH, auth(20, 0.1, START + 1200), START + 1200, 750, 150, id="a tenth of 20/s fails"),
        pytest.param(
            TIMEOUT,
            {METRICS[TIMEOUT]: events(0.5, START, START + 900)},
            START + 900,
            645,
            255,
            id="a timeout every two seconds",
        ),
        pytest.param(
            STALE,
            {METRICS[STALE]: events(0.5, START, START + 60)},
            START + 60,
            345,
            555,
            id="30 stale cursors",
        ),
    ],
)
def test_an_alert_fires_and_resolves_when_its_arithmetic_says(  # noqa: PLR0917
    workshop: Workshop,
    alert: str,
    curves: dict[str, Curve],
    end: float,
    fires_after: float,
    resolves_after: float,
    offset: float,
) -> None:
    line = rehearse(workshop, curves, alert, offset)

    assert line.state == "fired"
    assert line.firing_at == pytest.approx(START + fires_after, abs=INTERVAL)
    assert line.resolved_at == pytest.approx(end + resolves_after, abs=INTERVAL)


@pytest.mark.parametrize("offset", [0, 5.55])
def test_a_total_outage_of_five_minutes_never_pages(workshop: Workshop, offset: float) -> None:
    line = rehearse(workshop, auth(2, 1, START + 300), AUTH, offset)

    assert line.state == "pending"


@pytest.mark.parametrize("offset", [0, 5.55])
def test_an_outage_a_minute_longer_pages_four_minutes_after_it_is_over(workshop: Workshop, offset: float) -> None:
    line = rehearse(workshop, auth(2, 1, START + 360), AUTH, offset)

    assert line.state == "fired"
    assert line.firing_at == pytest.approx(START + 615, abs=INTERVAL)


@pytest.mark.parametrize("offset", [0, 5.55])
def test_a_burst_of_ten_thousand_timeouts_never_pages(workshop: Workshop, offset: float) -> None:
    line = rehearse(workshop, {METRICS[TIMEOUT]: lambda now: 10_000 if now >= START else 0}, TIMEOUT, offset)

    assert line.state == "pending"


def test_a_burst_of_21_stale_cursors_pages(workshop: Workshop) -> None:
    line = rehearse(workshop, {METRICS[STALE]: lambda now: 21 if now >= START else 0}, STALE)

    assert line.state == "fired"


@pytest.mark.parametrize(("per_minute", "state"), [(2.4, "silent"), (4, "fired")])
def test_below_three_logins_a_minute_not_even_a_total_failure_pages(
    workshop: Workshop, per_minute: float, state: str
) -> None:
    line = rehearse(workshop, auth(per_minute / 60, 1, START + 3000), AUTH)

    assert line.state == state


def test_a_counter_born_with_its_first_events_hides_them(workshop: Workshop) -> None:
    line = rehearse(workshop, {METRICS[STALE]: lambda now: 10_000 if now >= START else None}, STALE)

    assert line.state == "silent"


def test_a_counter_that_was_never_born_is_no_data(workshop: Workshop) -> None:
    line = rehearse(workshop, {METRICS[STALE]: lambda _: None}, STALE)

    assert (line.state, line.missing) == (
        "no_data",
        ('openagents_runtime_sync_replay_catchup_duration_ms_count{status="stale_cursor"}',),
    )
