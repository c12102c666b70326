"""What every view of a sweep says, in words: today's setting beside the proposed one, line by line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.durations import format_duration
from simulator.tuning.policy import check_policy
from simulator.tuning.recommendation import describe_check, describe_setting

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from simulator.tuning.delays import Delays
    from simulator.tuning.result import Detail, Runs, SweepReport
    from simulator.tuning.scores import Aftermath, Detection, FalseAlarms, Score
    from simulator.tuning.sensitivity import DurationFloor, LevelFloor, Missed
    from simulator.tuning.statistics import Interval

HEADINGS = {
    "change": "change recommended",
    "no_change": "no change",
    "nothing_satisfies": "nothing satisfies the policy",
    "refuted": "held-out runs refute the choice",
    "inconclusive": "inconclusive",
}

PARTS = {"rise": "signal rise (window fill)", "hold": "hold (for)", "phase": "evaluation", "group_wait": "group_wait"}
"""Where detection time goes, by field of `Delays`."""


def title(report: SweepReport) -> str:
    """Return the alert and what came out."""
    return f"{report.alert}: {HEADINGS[report.recommendation.outcome]}"


def proposed_name(report: SweepReport) -> str:
    """Return what the proposed setting is to be called."""
    return "recommended" if report.is_recommended else "nearest"


def details(report: SweepReport) -> dict[str, Detail]:
    """Return today's setting and the proposed one, by their names."""
    found = {"today": report.today}
    return found if report.proposed is None else found | {proposed_name(report): report.proposed}


def basis(report: SweepReport) -> list[tuple[str, str]]:
    """Return what the sweep was: names and values."""
    policy = list(_demands(report))
    return [
        ("expression", report.expression),
        ("objective", report.objective),
        ("policy", "; ".join(policy)),
        ("settings", f"{len(report.settings)}, of which {len(report.satisfying)} keep the policy"),
        ("runs for choosing", describe_runs(report.tuning_runs)),
        ("held-out runs", describe_runs(report.held_out_runs)),
        ("evaluations", f"every {format_duration(report.interval_seconds)}, at {len(report.phases)} phases"),
    ]


def _demands(report: SweepReport) -> Iterator[str]:
    if report.policy.min_recall is not None:
        yield f"recall at least {report.policy.min_recall:g}"
    if report.policy.max_false_per_day is not None:
        yield f"false alarms a day at most {report.policy.max_false_per_day:g}"
    if report.policy.max_unwanted is not None and report.tuning_runs.ignore:
        yield f"paged, though it must not, at most {report.policy.max_unwanted:g}"
    if report.policy.max_detection_seconds is not None:
        yield f"detection (p95) within {format_duration(report.policy.max_detection_seconds)}"


def describe_runs(runs: Runs) -> str:
    """Return how many runs there were of which role."""
    return (
        f"{runs.page} that must page, {runs.ignore} that must not, {runs.either} of which either is fine, "
        f"{runs.quiet} quiet; {runs.days:.1f} days"
    )


def compare(report: SweepReport, *, held_out: bool) -> list[tuple[str, ...]]:
    """Return the lines of the comparison: what it is, today's value, and the proposed setting's if there is one."""
    scores = [detail.held_out if held_out else report.score(detail) for detail in details(report).values()]
    columns = [list(_lines(score)) for score in scores]
    return [(rows[0][0], *(text for _, text in rows)) for rows in zip(*columns, strict=True)]


def policy_lines(report: SweepReport, detail: Detail) -> list[tuple[str, str, str]]:
    """Return what became of each line of the policy: on which runs, the result, and how it was told."""
    return [
        (where, check.result, describe_check(check))
        for where, score in (("choosing", report.score(detail)), ("held-out", detail.held_out))
        for check in check_policy(report.policy, score)
    ]


def _lines(score: Score) -> Iterator[tuple[str, str]]:
    recall, unwanted = score.recall, score.unwanted
    yield "setting", describe_setting(score.setting)
    yield "paged while it lasts", share(recall.in_time, recall.incidents, recall.interval)
    yield "at the worst phase", "no data" if recall.worst_phase is None else percent(recall.worst_phase)
    yield "paged when it was over", _of(recall.late, recall.incidents)
    yield "fired shorter than group_wait", _of(recall.unsent, recall.incidents)
    yield "never fired", _of(recall.missed, recall.incidents)
    yield "false alarms a quiet day", false_alarms(score.false_alarms)
    yield "paged, though it must not", share(unwanted.paged, unwanted.incidents, unwanted.interval)
    yield from _detection_lines(score.detection)
    yield from _aftermath_lines(score.aftermath)
    yield "where the time goes", "nothing fired" if score.delays is None else delays(score.delays)


def _detection_lines(detection: Detection) -> Iterator[tuple[str, str]]:
    for name, value, band in (
        ("p50", detection.p50, detection.p50_band),
        ("p95", detection.p95, detection.p95_band),
    ):
        yield f"detection {name} (band)", "nothing fired" if value is None else f"{seconds(value)}{_band(band)}"


def _aftermath_lines(aftermath: Aftermath) -> Iterator[tuple[str, str]]:
    if aftermath.reset_p50 is None or aftermath.reset_p95 is None:
        reset = "none was seen to end"
    else:
        reset = f"{seconds(aftermath.reset_p50)}, {seconds(aftermath.reset_p95)}"
    if aftermath.unresolved:
        reset += f"; {number(aftermath.unresolved)} not over when the run was"
    yield "reset after the end p50, p95", reset
    yield "pages begun after the end", number(aftermath.began_after)
    yield "pages beyond the first", number(aftermath.refires)


def false_alarms(found: FalseAlarms) -> str:
    """Return how many false alarms there are in a day, of how many days that is known, and when they were."""
    if found.per_day is None or found.interval is None:
        return "no data"
    count = found.in_quiet_runs + found.before_incidents
    text = (
        f"{number(found.per_day)} ({number(found.interval.low)} to {number(found.interval.high)}): "
        f"{number(count)} in {found.days:.1f} days"
    )
    return f"{text}, {number(found.before_incidents)} of them before incidents" if found.before_incidents else text


def delays(found: Delays) -> str:
    """Return where the time goes, as a sum."""
    parts = " + ".join(f"{name} {seconds(getattr(found, field))}" for field, name in PARTS.items())
    return f"{seconds(found.total)} = {parts}"


def missed_row(missed: Missed) -> tuple[str, ...]:
    """Return a kind of incident that was missed: level, duration, clients, how often, too late, unsent."""
    late = _of(missed.late, missed.incidents) if missed.late else ""
    if missed.late_seconds is not None:
        late += f", {seconds(missed.late_seconds)} after the end"
    return (
        f"{missed.level:g}",
        format_duration(missed.duration_seconds),
        str(missed.clients),
        _of(missed.missed, missed.incidents) if missed.missed else "",
        late,
        _of(missed.unsent, missed.incidents) if missed.unsent else "",
    )


MISSED_HEAD = ("level", "duration", "clients", "never fired", "paged too late", "shorter than group_wait")


def floor_table(detail: Detail) -> tuple[list[str], list[list[str]]]:
    """Return the least level that is always paged in time: a row for each duration, a column for each traffic."""
    floors = {(one.duration_seconds, one.clients): level_text(one) for one in detail.sensitivity.levels}
    return _matrix(floors, format_duration, "least level")


def duration_table(detail: Detail) -> tuple[list[str], list[list[str]]]:
    """Return the least duration that is always paged in time: a row for each level, a column for each traffic."""
    floors = {(one.level, one.clients): duration_text(one) for one in detail.sensitivity.durations}
    return _matrix(floors, lambda level: f"level {level:g}", "least duration")


def _matrix(
    cells: dict[tuple[float, int], str], name: Callable[[float], str], corner: str
) -> tuple[list[str], list[list[str]]]:
    columns = sorted({clients for _, clients in cells})
    rows = sorted({value for value, _ in cells})
    head = [corner, *(f"{clients} clients" for clients in columns)]
    return head, [[name(row), *(cells.get((row, clients), "") for clients in columns)] for row in rows]


def level_text(floor: LevelFloor) -> str:
    """Return a least level in words."""
    if floor.level is None:
        return "never"
    return f"{floor.level:g} or less" if floor.is_least_tried else f"{floor.level:g}"


def duration_text(floor: DurationFloor) -> str:
    """Return a least duration in words."""
    if floor.duration_seconds is None:
        return "never"
    text = format_duration(floor.duration_seconds)
    return f"{text} or less" if floor.is_least_tried else text


def share(count: float, total: int, interval: Interval | None) -> str:
    """Return a share with its interval, and of how many."""
    if not total or interval is None:
        return "no data"
    return f"{percent(count / total)} ({percent(interval.low)} to {percent(interval.high)}): {_of(count, total)}"


def percent(value: float) -> str:
    """Return a share as people read it: never 100 % or 0 % where it is not quite."""
    digits = 0 if value in (0, 1) else 1
    text = f"{100 * value:.{digits}f}"
    if value not in (0, 1) and text in ("100.0", "0.0"):
        return ">99.9 %" if text == "100.0" else "<0.1 %"
    return f"{text} %"


def number(value: float) -> str:
    """Return a mean count without needless digits."""
    return f"{value:.2f}".rstrip("0").rstrip(".") if value == 0 or abs(value) >= 0.005 else "<0.01"


def seconds(value: float) -> str:
    """Return a time to the second."""
    return format_duration(round(value))


def _of(count: float, total: int) -> str:
    return f"{number(count)} of {total}"


def _band(band: Interval | None) -> str:
    return "" if band is None else f" ({seconds(band.low)} to {seconds(band.high)})"


def windows(report: SweepReport) -> Sequence[float | None]:
    """Return the windows that were tried, in order; None where the rule has none."""
    found = {score.setting.window_seconds for score in report.settings}
    return sorted(found, key=lambda window: -1 if window is None else window)


def window_name(window: float | None) -> str:
    """Return how a window is called."""
    return "no window" if window is None else f"window {format_duration(window)}"
