"""What a user demands of a rule, and whether what was measured shows it: line by line, with what was used to tell."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from simulator.durations import format_duration
from simulator.errors import InputError, Place, show
from simulator.tuning.statistics import exposure_needed, trials_needed, values_needed

if TYPE_CHECKING:
    from simulator.tuning.scores import Score

Line = Literal["min_recall", "max_false_per_day", "max_unwanted", "max_detection"]
Result = Literal["shown", "unshown", "violated", "no_data"]
"""`shown`: also the worse end of the interval keeps the bound. `unshown`: what was measured keeps it, and there is too
little data for more. `violated`: it does not. `no_data` is never a pass."""


@dataclass(frozen=True, slots=True)
class Policy:
    """The user's demands; None where nothing is demanded.

    Attributes:
        min_recall: The least share of the incidents that must page that is paged while they last, below 1.
        max_false_per_day: The most false alarms in a quiet day, above 0.
        max_detection_seconds: The longest 95th percentile of the time from an incident's start to its page, each at its
            latest phase.
        max_unwanted: The greatest share of the incidents that must not page that does, above 0 and below 1; nothing is
            demanded where a sweep has none of them.
    """

    min_recall: float | None = 0.95
    max_false_per_day: float | None = 0.2
    max_detection_seconds: float | None = None
    max_unwanted: float | None = 0.1

    def __post_init__(self) -> None:
        for flag, value, fits, hint in (
            ("--min-recall", self.min_recall, _is_share, "it takes a share above 0 and below 1"),
            ("--max-false-per-day", self.max_false_per_day, _is_positive, "it takes a number above 0"),
            ("--max-detection", self.max_detection_seconds, _is_positive, "it takes a time above 0s"),
            ("--max-unwanted", self.max_unwanted, _is_share, "it takes a share above 0 and below 1"),
        ):
            if value is not None and not fits(value):
                raise InputError(f"{show(value)} can never be shown by a finite number of runs", Place(flag), hint)
        if (self.min_recall, self.max_false_per_day, self.max_detection_seconds) == (None, None, None):
            flags = "--min-recall, --max-false-per-day or --max-detection"
            raise InputError("the policy demands nothing, so that every setting would do", None, f"give {flags}")


def _is_share(value: float) -> bool:
    return 0 < value < 1


def _is_positive(value: float) -> bool:
    return 0 < value < math.inf


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the policy against one score.

    Attributes:
        line: Which line.
        bound: What it demands; times in seconds.
        measured: What was measured, None without data.
        judged: The value that was held against the bound: the worse end of the interval, or what was measured.
        used: Which of the two it is.
        result: What came out.
        needed: How much more data would be needed, at least, to show it, in words; empty where that is not the reason.
    """

    line: Line
    bound: float
    measured: float | None
    judged: float | None
    used: Literal["interval", "measured"]
    result: Result
    needed: str = ""

    @property
    def holds(self) -> bool:
        """Tell whether the bound is kept as far as the data can tell."""
        return self.result in ("shown", "unshown")

    @property
    def margin(self) -> float:
        """Return by how much the bound is missed, in the line's own unit; zero or less where it is kept."""
        if self.judged is None:
            return math.inf
        return self.bound - self.judged if self.line == "min_recall" else self.judged - self.bound

    @property
    def shortfall(self) -> float:
        """Return by how much the bound is missed, as a number from 0 to 1 that can be compared between lines."""
        margin = max(self.margin, 0.0)
        if self.line == "min_recall":
            return min(margin / self.bound, 1.0)
        return 1.0 if math.isinf(margin) else margin / (self.bound + margin)


def check_policy(policy: Policy, score: Score) -> tuple[Check, ...]:
    """Return what became of each line of the policy."""
    checks = (check(policy, score) for check in (_check_recall, _check_false, _check_unwanted, _check_detection))
    return tuple(check for check in checks if check is not None)


def satisfies(checks: tuple[Check, ...]) -> bool:
    """Tell whether every line is kept."""
    return all(check.holds for check in checks)


def _check_recall(policy: Policy, score: Score) -> Check | None:
    bound, recall = policy.min_recall, score.recall
    if bound is None:
        return None
    if recall.value is None or recall.interval is None:
        return _no_data("min_recall", bound, "an incident that must page")
    needed = trials_needed(bound)
    if recall.incidents >= needed:
        return _judge("min_recall", bound, recall.value, recall.interval.low)
    return _judge("min_recall", bound, recall.value, None, f"{needed} incidents, not {recall.incidents}")


def _check_false(policy: Policy, score: Score) -> Check | None:
    bound, alarms = policy.max_false_per_day, score.false_alarms
    if bound is None:
        return None
    if alarms.per_day is None or alarms.interval is None:
        return _no_data("max_false_per_day", bound, "quiet days")
    needed = exposure_needed(bound)
    if alarms.days >= needed:
        return _judge("max_false_per_day", bound, alarms.per_day, alarms.interval.high)
    missing = f"{needed:.1f} quiet days, not {alarms.days:.1f}"
    return _judge("max_false_per_day", bound, alarms.per_day, None, missing)


def _check_unwanted(policy: Policy, score: Score) -> Check | None:
    bound, unwanted = policy.max_unwanted, score.unwanted
    if bound is None or unwanted.share is None or unwanted.interval is None:
        return None
    needed = trials_needed(1 - bound)
    if unwanted.incidents >= needed:
        return _judge("max_unwanted", bound, unwanted.share, unwanted.interval.high)
    return _judge("max_unwanted", bound, unwanted.share, None, f"{needed} incidents, not {unwanted.incidents}")


def _check_detection(policy: Policy, score: Score) -> Check | None:
    bound, detection = policy.max_detection_seconds, score.detection
    if bound is None:
        return None
    if detection.p95 is None or detection.p95_worst is None:
        return _no_data("max_detection", bound, "an incident that was paged")
    if detection.p95_at_most is not None:
        return _judge("max_detection", bound, detection.p95, detection.p95_at_most)
    missing = f"{values_needed(0.95)} paged incidents, not {detection.incidents}"
    return _judge("max_detection", bound, detection.p95_worst, None, missing)


def _judge(line: Line, bound: float, measured: float, end: float | None, needed: str = "") -> Check:
    """Hold the interval's worse end against the bound, or what was measured where no end could ever keep it."""
    judged = measured if end is None else end
    kept = judged >= bound if line == "min_recall" else judged <= bound
    result: Result = "violated" if not kept else "shown" if end is not None else "unshown"
    used: Literal["interval", "measured"] = "measured" if end is None else "interval"
    return Check(line, bound, measured, judged, used, result, needed if result == "unshown" else "")


def _no_data(line: Line, bound: float, needed: str) -> Check:
    return Check(line, bound, None, None, "measured", "no_data", needed)


NAMES: dict[Line, str] = {
    "min_recall": "recall at least",
    "max_false_per_day": "false alarms a day at most",
    "max_unwanted": "paged, though it must not, at most",
    "max_detection": "detection (p95) within",
}


def show_value(line: Line, value: float | None) -> str:
    """Return a value of a line as people read it."""
    if value is None:
        return "no data"
    return format_duration(round(value)) if line == "max_detection" else f"{value:.3g}"
