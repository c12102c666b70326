"""The curves of a game day: what each rule compares with its threshold, and what the processes say of themselves."""

from __future__ import annotations

import math
from collections import deque
from typing import TYPE_CHECKING

from simulator.alerting.anatomy import dissect
from simulator.alerting.querying import QueryRefused
from simulator.control.day_models import LineInfo, SeriesInfo
from simulator.gameday.alert_book import key_of
from simulator.gameday.view import Rates
from simulator.report.units import unit_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from simulator.alerting.anatomy import Bound
    from simulator.alerting.querying import Matrix, PrometheusApi
    from simulator.alerting.ruleset import AlertRule, RuleSet
    from simulator.control.day_models import Point

MOST_POINTS = 2000
MOST_LINES = 8
"""So many of a rule's label sets are drawn, the first that it had."""


class _Curve:
    """Points of one line, the newest so many."""

    def __init__(self) -> None:
        self._points: deque[Point] = deque(maxlen=MOST_POINTS)

    def add(self, at: float, value: float | None) -> None:
        self._points.append((round(at, 3), None if value is None or not math.isfinite(value) else value))

    def after(self, since: float) -> tuple[Point, ...]:
        return tuple(point for point in self._points if point[0] > since)


class RuleCurve:
    """What one rule compares with a number, asked of its Prometheus at the rule's own interval."""

    def __init__(self, key: str, rule: AlertRule, bound: Bound, interval_seconds: float) -> None:
        self._key = key
        self._rule = rule
        self._bound = bound
        self._interval_seconds = interval_seconds
        self._curves: dict[str, _Curve] = {}
        self._asked_until: float | None = None
        self._is_refused = False

    def ask(self, prometheus: PrometheusApi, now: float, began: float) -> Matrix:
        """Return what came since the last time; `now` and `began` are Unix times.

        Raises:
            EngineError: Prometheus is gone.
        """
        first = began if self._asked_until is None else self._asked_until + self._interval_seconds
        steps = math.floor((now - first) / self._interval_seconds)
        if steps < 0 or self._is_refused:
            return []
        # Never more at once than are kept, even where nobody asked for a day.
        first += max(0, steps - MOST_POINTS) * self._interval_seconds
        last = first + min(steps, MOST_POINTS) * self._interval_seconds
        try:
            found = prometheus.query_range(self._bound.expr, first, last, self._interval_seconds)
        except QueryRefused:
            self._is_refused = True
            return []
        self._asked_until = last
        return found

    def take(self, found: Matrix, began: float) -> None:
        """Take what was answered."""
        for labels, samples in found:
            label = ", ".join(f"{name}={value}" for name, value in sorted(labels.items()) if name != "__name__")
            if label not in self._curves and len(self._curves) >= MOST_LINES:
                continue
            curve = self._curves.setdefault(label, _Curve())
            for at, text in samples:
                curve.add(at - began, float(text))

    def info(self, since: float) -> SeriesInfo:
        """Return its chart's points after a time in seconds since the run's start."""
        return SeriesInfo(
            key=self._key,
            title=self._rule.alert,
            unit=unit_of(self._rule.expr),
            of_alert=True,
            operator=self._bound.operator,
            threshold=self._bound.threshold,
            lines=tuple(LineInfo(label=label, points=curve.after(since)) for label, curve in self._curves.items()),
        )


def rule_curves(ruleset: RuleSet, evaluation_seconds: float) -> tuple[RuleCurve, ...]:
    """Return a curve for each alerting rule that compares something with a number."""
    intervals = {
        rule: seconds for seconds, part in ruleset.by_interval(evaluation_seconds).items() for rule in part.alerts()
    }
    found = ((number, rule, dissect(rule.expr).whole) for number, rule in enumerate(ruleset.alerts()))
    return tuple(
        RuleCurve(key_of(number, rule), rule, bound, intervals[rule])
        for number, rule, bound in found
        if bound is not None
    )


class SystemCurves:
    """Connections, handshakes and reconnects as the processes report them, and sums over the last minute."""

    _CHARTS: Mapping[str, tuple[str, str, tuple[str, ...]]] = {
        "connections": ("Connections", "count", ("sockets", "clients")),
        "handshakes": ("Handshakes", "per second", ("accepted", "refused")),
        "reconnects": ("Reconnects", "per second", ("reconnects",)),
        "auth_failures": ("Auth failures", "ratio, last minute", ("refused",)),
        "timeouts": ("Timeouts", "last minute", ("timeouts",)),
        "stale_cursors": ("Stale cursors", "last minute", ("stale cursors",)),
    }

    def __init__(self) -> None:
        self._rates = Rates()
        self._curves = {key: {line: _Curve() for line in chart[2]} for key, chart in self._CHARTS.items()}
        self._before: tuple[float, dict[str, int]] | None = None

    def take(self, now: float, states: Mapping[str, Mapping[str, Any]], counts: dict[str, int]) -> None:
        """Take what the processes said last; `now` is in seconds since the run's start."""
        self._rates.take(now, counts)
        before, self._before = self._before, (now, counts)
        for line, name in (("sockets", "sockets"), ("clients", "connected")):
            self._add("connections", line, now, sum(state.get(name, 0) for state in states.values()))
        for chart, line, counter in (
            ("handshakes", "accepted", "socket_auth.ok"),
            ("handshakes", "refused", "socket_auth.error"),
            ("reconnects", "reconnects", "socket_reconnect.ok"),
        ):
            self._add(chart, line, now, _per_second(before, now, counts, counter))
        refused, accepted = self._rates.rise("socket_auth.error"), self._rates.rise("socket_auth.ok")
        ratio = refused / (refused + accepted) if refused + accepted else None
        self._add("auth_failures", "refused", now, ratio)
        self._add("timeouts", "timeouts", now, self._rates.rise("socket_timeout.timeout"))
        self._add("stale_cursors", "stale cursors", now, self._rates.rise("replay_catchup_duration_ms.stale_cursor"))

    def infos(self, since: float) -> tuple[SeriesInfo, ...]:
        """Return every chart's points after a time."""
        return tuple(
            SeriesInfo(
                key=key,
                title=title,
                unit=unit,
                of_alert=False,
                lines=tuple(LineInfo(label=line, points=self._curves[key][line].after(since)) for line in lines),
            )
            for key, (title, unit, lines) in self._CHARTS.items()
        )

    def _add(self, chart: str, line: str, now: float, value: float | None) -> None:
        self._curves[chart][line].add(now, value)


def _per_second(
    before: tuple[float, dict[str, int]] | None, now: float, counts: dict[str, int], counter: str
) -> float | None:
    """Return by how much a counter rose a second since the look before; one that fell began anew."""
    if before is None or now <= before[0]:
        return None
    value, earlier = counts.get(counter, 0), before[1].get(counter, 0)
    return (value - earlier if value >= earlier else value) / (now - before[0])
