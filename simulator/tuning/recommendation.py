"""Which setting to take, if any: the centre of a plateau that keeps the policy and that held-out runs do not refute."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from simulator.durations import format_duration
from simulator.tuning.plateau import Grid, measure_depths
from simulator.tuning.policy import NAMES, Check, check_policy, satisfies, show_value

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from simulator.alerting.outcomes import Setting
    from simulator.tuning.policy import Policy
    from simulator.tuning.scores import Score
    from simulator.tuning.statistics import Interval

Outcome = Literal["change", "no_change", "nothing_satisfies", "refuted", "inconclusive"]
"""`refuted`: settings kept the policy on the runs they were chosen by, and none of them on the held-out ones.
`inconclusive`: there is no data for a line of the policy, or none that was held out."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A setting that came into question, in the order in which they were tried.

    Attributes:
        number: Its number among the settings.
        depth: How many steps it is from the nearest setting that breaks the policy, or of which nothing is known.
        failing_neighbours: How many of the settings beside it break the policy; none on a plateau.
        worst: The policy's worst lines among it and the settings beside it.
        tuning: What became of the policy on the runs that it was chosen by.
        held_out: What became of it on the others.
    """

    number: int
    depth: int
    failing_neighbours: int
    worst: tuple[Check, ...]
    tuning: tuple[Check, ...]
    held_out: tuple[Check, ...]

    @property
    def is_refuted(self) -> bool:
        """Tell whether the held-out runs break the policy."""
        return not satisfies(self.held_out)


@dataclass(frozen=True, slots=True)
class Recommendation:
    """What to do, and why.

    Attributes:
        outcome: What came out.
        reason: The same in a sentence or two.
        today: Today's setting.
        chosen: What is recommended; None unless `outcome` is `change`.
        best: Where no setting keeps the policy or can be verified, what comes nearest to that.
        refuted: What was tried before `chosen` and refuted by held-out runs; the first few of them.
        caveats: What the data cannot show, and what else to know, a sentence each.
    """

    outcome: Outcome
    reason: str
    today: Candidate
    chosen: Candidate | None = None
    best: Candidate | None = None
    refuted: tuple[Candidate, ...] = ()
    caveats: tuple[str, ...] = ()


_MOST_REFUTED = 10


def recommend(policy: Policy, tuning: Sequence[Score], held_out: Sequence[Score], today: int) -> Recommendation:
    """Return what to do.

    `tuning` are the scores of all settings over the runs for choosing, `held_out` those over the others, both in the
    same order; `today` is the number of today's setting. Raises `ValueError` where there is none such.
    """
    if not 0 <= today < len(tuning) or len(tuning) != len(held_out):
        raise ValueError(f"no setting number {today} among {len(tuning)} and {len(held_out)}")
    return _Choice(policy, tuning, held_out, today).make()


class _Choice:
    """The choice among settings: candidates are made where they are needed, depths once for all."""

    def __init__(self, policy: Policy, tuning: Sequence[Score], held_out: Sequence[Score], today: int) -> None:
        self.scores = tuning
        self.held_out = held_out
        self.number_today = today
        self.grid = Grid.of([score.setting for score in tuning])
        self.checks = [check_policy(policy, score) for score in tuning]
        self.held_out_checks = [check_policy(policy, score) for score in held_out]
        self.good = [satisfies(checks) for checks in self.checks]
        self.depths = measure_depths(self.grid, self.good)
        self.today = self._candidate(today)

    def make(self) -> Recommendation:
        """Return what to do."""
        if unknown := self._unknown():
            return Recommendation("inconclusive", unknown, self.today, best=self._nearest())
        keeps = satisfies(self.today.tuning) and not self.today.is_refuted
        candidates = [number for number, good in enumerate(self.good) if good and number != self.number_today]
        if keeps:
            candidates = [number for number in candidates if self._is_better(number)]
        refuted: list[Candidate] = []
        for number in sorted(candidates, key=self._rank):
            candidate = self._candidate(number)
            if not candidate.is_refuted:
                return self._change(candidate, tuple(refuted), keeps=keeps)
            refuted.append(candidate)
        if keeps:
            return self._no_change(tuple(refuted))
        return self._nothing(tuple(refuted))

    def _change(self, chosen: Candidate, refuted: tuple[Candidate, ...], *, keeps: bool) -> Recommendation:
        before = self.scores[self.number_today].setting
        after = self.scores[chosen.number].setting
        why = (
            f"today's setting keeps the policy, too, but this one is better beyond the intervals: {self._gains(chosen)}"
            if keeps
            else f"today's setting does not keep the policy ({self._broken(self.today)})"
        )
        reason = f"Change {describe_change(before, after)}: {why}."
        caveats = (*self._narrow(chosen), *_unshown(chosen))
        return Recommendation("change", reason, self.today, chosen, refuted=refuted[:_MOST_REFUTED], caveats=caveats)

    def _no_change(self, refuted: tuple[Candidate, ...]) -> Recommendation:
        reason = "No change: today's setting keeps the policy, and none is better beyond the intervals"
        reason += " that holds on held-out runs." if refuted else "."
        caveats = (*self._narrow(self.today), *_unshown(self.today))
        return Recommendation("no_change", reason, self.today, refuted=refuted[:_MOST_REFUTED], caveats=caveats)

    def _nothing(self, refuted: tuple[Candidate, ...]) -> Recommendation:
        shown = refuted[:_MOST_REFUTED]
        if not refuted and not self.good[self.number_today]:
            best = self._nearest()
            name = describe_setting(self.scores[best.number].setting)
            reason = f"Nothing satisfies the policy. The nearest is {name}: {self._broken(best)}."
            return Recommendation("nothing_satisfies", reason, self.today, best=best)
        best = min((self.today, *refuted) if self.good[self.number_today] else refuted, key=_worst_held_out)
        count = len(refuted) + self.good[self.number_today]
        verb = "setting keeps" if count == 1 else "settings keep"
        reason = (
            f"{count} {verb} the policy on the runs for choosing and none on held-out ones. The nearest is "
            f"{describe_setting(self.scores[best.number].setting)}: {self._broken(best)}."
        )
        return Recommendation("refuted", reason, self.today, best=best, refuted=shown)

    def _unknown(self) -> str:
        """Return for which line there is no data at all, empty if there is for each."""
        for where, scores, checks in (
            ("", self.scores, self.checks),
            ("held-out ", self.held_out, self.held_out_checks),
        ):
            for found in zip(*checks, strict=True):
                # That nothing was paged, so that nothing has a time, is no lack of data.
                paged_nobody = found[0].line == "max_detection" and any(score.recall.incidents for score in scores)
                if not paged_nobody and all(check.result == "no_data" for check in found):
                    return f"Nothing can be said: no {where}run has {found[0].needed}, which the policy asks about."
        return ""

    def _candidate(self, number: int) -> Candidate:
        near = self.grid.neighbours(number)
        return Candidate(
            number,
            self.depths[number],
            sum(not self.good[other] for other in near),
            _worst(self.checks[other] for other in (number, *near)),
            self.checks[number],
            self.held_out_checks[number],
        )

    def _rank(self, number: int) -> tuple[object, ...]:
        """Return what the best candidate has least of.

        First those on a plateau, the deepest first; then what is best in the worst case among neighbours; then
        what changes least.
        """
        near = (number, *self.grid.neighbours(number))
        failing = sum(not self.good[other] for other in near)
        return (
            failing,
            -self.depths[number],
            self._losses(near),
            self.grid.distance(number, self.number_today),
            number,
        )

    def _losses(self, numbers: Sequence[int]) -> tuple[float, float, float, float]:
        """Return the worst recall, false alarms, unwanted pages and detection time among settings."""
        scores = [self.scores[number] for number in numbers]
        return (
            max(round(1 - (score.recall.value or 0), 2) for score in scores),
            max(round(_or_inf(score.false_alarms.per_day), 2) for score in scores),
            max(round(score.unwanted.share or 0, 2) for score in scores),
            max(_or_inf(score.detection.p95) for score in scores),
        )

    def _nearest(self) -> Candidate:
        """Return what comes nearest to the policy: its worst line is missed by least, then all of them together."""

        def misses(number: int) -> tuple[float, float, int, int]:
            found = [check.shortfall for check in self.checks[number]]
            return max(found, default=0), sum(found), self.grid.distance(number, self.number_today), number

        return self._candidate(min(range(len(self.checks)), key=misses))

    def _is_better(self, number: int) -> bool:
        """Tell whether a setting is better than today's beyond both intervals in something, and worse in nothing."""
        signs = list(self._compare(number).values())
        return 1 in signs and -1 not in signs

    def _gains(self, chosen: Candidate) -> str:
        return ", ".join(name for name, sign in self._compare(chosen.number).items() if sign == 1)

    def _compare(self, number: int) -> dict[str, int]:
        """Return for each measure whether a setting is better than today's (1), worse (-1), or neither (0)."""
        new, old = self.scores[number], self.scores[self.number_today]
        return {
            "recall": -_sign(new.recall.interval, old.recall.interval),
            "false alarms": _sign(new.false_alarms.interval, old.false_alarms.interval),
            "unwanted pages": _sign(new.unwanted.interval, old.unwanted.interval),
            "detection time": _sign(new.detection.p95_band, old.detection.p95_band),
        }

    def _broken(self, candidate: Candidate) -> str:
        on_tuning = [describe_check(check) for check in candidate.tuning if not check.holds]
        on_others = [f"{describe_check(check)} on held-out runs" for check in candidate.held_out if not check.holds]
        return "; ".join(on_tuning or on_others)

    def _narrow(self, candidate: Candidate) -> Iterable[str]:
        if candidate.failing_neighbours:
            broken = "; ".join(describe_check(check) for check in candidate.worst if not check.holds)
            many = candidate.failing_neighbours
            those = "One setting beside it breaks" if many == 1 else f"{many} settings beside it break"
            yield f"{those} the policy ({broken}): the plateau is narrow."
        if self.grid.is_at_edge(candidate.number):
            yield "It is at the edge of what was swept: what lies beyond was not tried."


def describe_setting(setting: Setting) -> str:
    """Return a setting in words."""
    parts = [f"threshold {setting.threshold:g}"]
    if setting.window_seconds is not None:
        parts.append(f"window {format_duration(setting.window_seconds)}")
    parts.append(f"for {format_duration(setting.for_seconds)}")
    if setting.keep_firing_for_seconds:
        parts.append(f"keep_firing_for {format_duration(setting.keep_firing_for_seconds)}")
    return ", ".join(parts)


def describe_change(before: Setting, after: Setting) -> str:
    """Return what is different between two settings."""
    changes = []
    if before.threshold != after.threshold:
        changes.append(f"the threshold from {before.threshold:g} to {after.threshold:g}")
    for name, old, new in (
        ("the window", before.window_seconds, after.window_seconds),
        ("for", before.for_seconds, after.for_seconds),
        ("keep_firing_for", before.keep_firing_for_seconds, after.keep_firing_for_seconds),
    ):
        if old != new and old is not None and new is not None:
            changes.append(f"{name} from {format_duration(old)} to {format_duration(new)}")
    return " and ".join(filter(None, (", ".join(changes[:-1]), changes[-1]))) if changes else "nothing"


def describe_check(check: Check) -> str:
    """Return what became of a line of the policy, and by what it was told."""
    name = f"{NAMES[check.line]} {show_value(check.line, check.bound)}"
    if check.result == "no_data":
        return f"{name}: no data, as there was not {check.needed}"
    measured = show_value(check.line, check.measured)
    if check.used == "interval":
        word = "at least" if check.line == "min_recall" else "at most"
        told = f"measured {measured}, {word} {show_value(check.line, check.judged)} with 95 % confidence"
    else:
        told = f"measured {measured}"
    if check.result == "violated":
        return f"{name}: {told}, missed by {show_value(check.line, check.margin)}"
    return f"{name}: {told}" + (f"; to show it takes {check.needed}" if check.needed else "")


def _unshown(candidate: Candidate) -> Iterable[str]:
    """Yield what there is too little data for: the runs for choosing and the others, together where they agree."""
    lacking = {
        where: "; ".join(
            f"{NAMES[check.line]} {show_value(check.line, check.bound)} (it takes {check.needed})"
            for check in checks
            if check.result == "unshown"
        )
        for where, checks in (("the runs for choosing", candidate.tuning), ("held-out runs", candidate.held_out))
    }
    if len(set(lacking.values())) == 1:
        lacking = {" and ".join(lacking): next(iter(lacking.values()))}
    for where, what in lacking.items():
        if what:
            yield f"Kept on {where}, with too little data to show it: {what}."


def _worst(found: Iterable[tuple[Check, ...]]) -> tuple[Check, ...]:
    """Return for each line the check that misses its bound by most."""
    return tuple(max(checks, key=lambda check: check.margin) for checks in zip(*found, strict=True))


def _worst_held_out(candidate: Candidate) -> float:
    return max((check.shortfall for check in candidate.held_out), default=0.0)


def _sign(new: Interval | None, old: Interval | None) -> int:
    """Return 1 if a new interval is wholly below an old one, -1 if above, 0 if they touch or one is missing."""
    if new is None or old is None:
        return 0
    return int(new.high < old.low) - int(new.low > old.high)


def _or_inf(value: float | None) -> float:
    return float("inf") if value is None else value
