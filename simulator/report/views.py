"""A rehearsal as the values that charts are drawn from."""

from __future__ import annotations

import bisect
import math
from itertools import pairwise
from typing import TYPE_CHECKING

from simulator.alerting.anatomy import dissect
from simulator.durations import format_duration
from simulator.report.charts.values import AlertView, Cell, Curve, Lane, Level, Mark, Stretch
from simulator.report.units import unit_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from simulator.alerting.closeness import Closeness, Course
    from simulator.report.account import Account, Cohort
    from simulator.report.verdict import AlertEntry, Verdict

MOST_CURVES = 5
"""So many label sets of one rule are drawn: those that came nearest to the threshold."""

_COHORT_POINTS = 120


def injected(verdict: Verdict) -> tuple[Stretch, ...]:
    """Return the stretches of the injections."""
    return tuple(Stretch(entry.at_s, entry.until_s, "injected", entry.id) for entry in verdict.injections)


def stretches_of(alert: AlertEntry, duration_seconds: float) -> tuple[Stretch, ...]:
    """Return when an alert was pending, when it fired, and when it had no data."""
    found = []
    for episode in alert.episodes:
        end = duration_seconds if episode.resolved_at_s is None else episode.resolved_at_s
        fired = episode.firing_at_s
        name = ", ".join(f"{key}={value}" for key, value in episode.labels.items() if key != "alertname")
        # It may fire from its first evaluation on, and may have been pending before the run began.
        pending_until = end if fired is None else fired
        if pending_until > episode.pending_at_s:
            found.append(Stretch(max(episode.pending_at_s, 0.0), pending_until, "pending", name))
        if fired is not None:
            found.append(Stretch(fired, end, "firing", name))
    found += [Stretch(start, end, "blind") for start, end in alert.blind_s]
    return tuple(found)


def timeline_lanes(verdict: Verdict) -> list[Lane]:
    """Return a lane for each injection, and for each alert that was ever active or lost its data for a while."""
    lanes = [Lane(stretch.name, (stretch,)) for stretch in injected(verdict)]
    alerts = [Lane(alert.alert, stretches_of(alert, verdict.duration_s)) for alert in verdict.alerts]
    return [*lanes, *(lane for lane in alerts if lane.stretches)]


def timeline_marks(account: Account) -> list[Mark]:
    """Return what people did and what receivers were told."""
    marks = [Mark(action.at, f"{action.who} {action.what} {action.about} {action.text}") for action in account.actions]
    marks += [
        Mark(
            told.at_s, f"{told.receiver} was told: {', '.join((*told.firing, *told.resolved))} ({told.status})", "told"
        )
        for told in account.verdict.notifications
    ]
    return sorted(marks, key=lambda mark: mark.at)


def has_chart(alert: AlertEntry, closeness: Closeness | None) -> bool:
    """Whether there is anything to draw of an alert: a state or a series; without data there is none worth a look."""
    seen = alert.state != "no_data" and closeness is not None and closeness.courses
    return bool(alert.episodes or alert.blind_s or seen)


def alert_view(account: Account, number: int) -> AlertView:
    """Return what the chart of the alert of a number shows, counted from 0 in the order of the verdict."""
    verdict = account.verdict
    alert, closeness = verdict.alerts[number], closeness_at(account, number)
    state = Lane("state of the alert", stretches_of(alert, verdict.duration_s))
    return AlertView(
        title=alert.alert,
        unit=unit_at(account, number),
        duration_seconds=verdict.duration_s,
        curves=curves_of(closeness, verdict.duration_s),
        levels=levels_of(closeness),
        injections=injected(verdict),
        lanes=(state,),
    )


def closeness_at(account: Account, number: int) -> Closeness | None:
    """Return what Prometheus had of a rule; None if that is not known."""
    rules = account.followed.rules
    return rules[number] if number < len(rules) else None


def unit_at(account: Account, number: int) -> str:
    """Return what a rule's left side is measured in."""
    bound = dissect(account.rules[number].expr).whole if number < len(account.rules) else None
    return "value" if bound is None else unit_of(bound.expr)


def levels_of(closeness: Closeness | None, prefix: str = "", *, dashed: bool = False) -> tuple[Level, ...]:
    """Return a rule's threshold."""
    if closeness is None:
        return ()
    return (Level(f"{prefix}threshold {closeness.comparison}", closeness.threshold, dashed),)


def curves_of(
    closeness: Closeness | None, duration_seconds: float, prefix: str = "", *, dashed: bool = False
) -> tuple[Curve, ...]:
    """Return a rule's left side, by label set, with a gap wherever an evaluation had no value."""
    if closeness is None:
        return ()
    return tuple(_curve(course, duration_seconds, prefix, dashed=dashed) for course in closeness.courses[:MOST_CURVES])


def _curve(course: Course, duration: float, prefix: str, *, dashed: bool) -> Curve:
    steps = [after - before for (before, _), (after, _) in pairwise(course.samples)]
    usual = min(steps, default=duration)
    times: list[float] = []
    values: list[float | None] = []
    for at, value in course.samples:
        if times and at - times[-1] > 1.5 * usual:
            times.append(times[-1] + usual)
            values.append(None)
        times.append(at)
        values.append(None if math.isnan(value) else value)
    labels = ", ".join(f"{name}={value}" for name, value in course.labels if name != "__name__")
    return Curve(prefix + (labels or "rule's left side"), tuple(times), tuple(values), dashed)


def matrix_cells(verdict: Verdict) -> list[Cell]:
    """Return what each alert made of each injection; of alerts that were ever active, or are expected to be something.

    An alert made nothing of an injection that does not explain any of its episodes.
    """
    shown = [alert for alert in verdict.alerts if alert.episodes or alert.expected is not None]
    return [_cell(alert, entry.id, entry.at_s) for alert in shown for entry in verdict.injections]


def _cell(alert: AlertEntry, injection: str, began: float) -> Cell:
    caused = [episode for episode in alert.episodes if episode.injection == injection]
    fired = min((e.firing_at_s for e in caused if e.firing_at_s is not None), default=None)
    if fired is not None:
        return Cell(alert.alert, injection, "fired", f"after {format_duration(round(fired - began, 3))}")
    if caused:
        return Cell(alert.alert, injection, "pending")
    return Cell(alert.alert, injection, "no_data" if alert.state == "no_data" else "silent")


def cohort_curves(account: Account) -> tuple[Curve, ...]:
    """Return the share of each cohort, in per cent, that had been refused or had timed out by a time."""
    if account.cohorts is None:
        return ()
    sides = (("affected cohort", account.cohorts.affected), ("control cohort", account.cohorts.control))
    duration = account.verdict.duration_s
    return tuple(_cohort(name, side, duration) for name, side in sides if side.size)


def _cohort(name: str, cohort: Cohort, duration: float) -> Curve:
    times = tuple(round(duration * point / _COHORT_POINTS, 3) for point in range(_COHORT_POINTS + 1))
    values = tuple(100.0 * bisect.bisect_right(cohort.harmed_at, at) / cohort.size for at in times)
    return Curve(f"{name} ({cohort.size} clients)", times, values)


def pages_late(verdict: Verdict) -> Iterator[AlertEntry]:
    """Yield the alerts that fired when what explains them was over."""
    yield from (alert for alert in verdict.alerts if alert.lateness_s is not None and alert.lateness_s > 0)
