"""Have promtool's own rule manager confirm a timeline, in files that anybody can run again."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from simulator.alerting.ruletest import Expectation, metric_text, run_test, write_test
from simulator.alerting.timeline import Certification
from simulator.durations import format_duration

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from pathlib import Path

    from simulator.alerting.exposition import Exposition, Labels
    from simulator.alerting.ruleset import RuleSet
    from simulator.alerting.ruletest import Failure
    from simulator.alerting.timeline import RuleTimeline

    # When each series of ALERTS is there: its labels with `alertstate`, and the evaluations.
    Activity = dict[Labels, set[int]]


# Promtool allows 10,000 samples per query, and a subquery holds each about four times. Beyond that, every single
# evaluation is compared instead.
_SAMPLES = 2000


@dataclass(frozen=True, slots=True)
class Clock:
    """The evaluations of a run: how long it is and how often rules are evaluated by default, in seconds."""

    duration_seconds: float
    evaluation_interval_seconds: float

    def last(self, interval_seconds: float) -> int:
        """Return the number of the last evaluation, from 0."""
        return round(self.duration_seconds * 1000) // round(interval_seconds * 1000)


def certify(  # noqa: PLR0913  # what is claimed, and about what
    timelines: Sequence[RuleTimeline],
    ruleset: RuleSet,
    exposition: Exposition,
    clock: Clock,
    *,
    names: Collection[str],
    out_dir: Path,
    promtool: Path,
) -> Certification:
    """Write one test file per evaluation interval and run it.

    `names` are the metrics that the rules read. The files stay in `out_dir`: `promtool.yaml` and `rules.yaml`
    for the default interval, `promtool-60s.yaml` and `rules-60s.yaml` for groups evaluated every minute.

    Raises:
        EngineError: promtool could not run the test, which says nothing about the timeline.
    """
    mismatches: list[str] = []
    files: list[Path] = []
    for interval, part in ruleset.by_interval(clock.evaluation_interval_seconds).items():
        alerts = set(part.alerts())
        if not alerts:
            continue
        suffix = "" if interval == clock.evaluation_interval_seconds else f"-{interval:g}s"
        file = out_dir / f"promtool{suffix}.yaml"
        last = clock.last(interval)
        claimed = _activity([line for line in timelines if line.rule in alerts], interval, last)
        write_test(
            file,
            out_dir / f"rules{suffix}.yaml",
            part,
            exposition,
            names=names,
            interval_seconds=interval,
            expectations=list(_expectations(claimed, round(interval * 1000), last)),
        )
        mismatches += map(_sentence, run_test(file, promtool))
        files.append(file)
    return Certification(not mismatches, tuple(mismatches), tuple(files))


def _activity(timelines: Sequence[RuleTimeline], interval: float, last: int) -> Activity:
    activity: Activity = defaultdict(set)
    end = last + 1
    for episode in (episode for line in timelines for episode in line.episodes):
        resolved = end if episode.resolved_at is None else _evaluation(episode.resolved_at, interval)
        firing = resolved if episode.firing_at is None else _evaluation(episode.firing_at, interval)
        for state, first, after in (
            ("pending", _evaluation(episode.pending_at, interval), firing),
            ("firing", firing, resolved),
        ):
            if first < after:
                labels = tuple(sorted((*episode.labels, ("alertstate", state))))
                activity[labels].update(range(first, after))
    return activity


def _evaluation(time: float, interval: float) -> int:
    return round(time * 1000) // round(interval * 1000)


def _expectations(claimed: Activity, interval: int, last: int) -> Iterator[Expectation]:
    """Yield what must hold if, and only if, the claimed activity is the true one.

    The vectors at and beside each boundary prove every claimed stretch's ends; the count of stretches leaves
    no room for another, nor for a hole in one. First, last and count are there for people to read.
    """
    if sum(map(len, claimed.values())) > _SAMPLES:
        yield from (_vector(claimed, k, interval) for k in range(last + 1))
        return
    step = format_duration(interval / 1000)
    whole = format_duration((last + 1) * interval / 1000)
    at = last * interval
    starts = {labels: [k for k in active if k - 1 not in active] for labels, active in claimed.items()}
    for expr, value in (
        (f"count_over_time(ALERTS[{whole}])", lambda labels: len(claimed[labels])),
        (
            f"min_over_time(timestamp(ALERTS)[{whole}:{step}])",
            lambda labels: _seconds(min(claimed[labels]) * interval),
        ),
        (
            f"max_over_time(timestamp(ALERTS)[{whole}:{step}])",
            lambda labels: _seconds(max(claimed[labels]) * interval),
        ),
        (
            f"count_over_time((ALERTS unless ALERTS offset {step})[{whole}:{step}])",
            lambda labels: len(starts[labels]),
        ),
    ):
        yield Expectation(expr, at, tuple((metric_text("", labels), value(labels)) for labels in claimed))
    yield from (_vector(claimed, k, interval) for k in sorted(_boundaries(claimed, last)))


def _vector(claimed: Activity, k: int, interval: int) -> Expectation:
    there = (labels for labels, active in claimed.items() if k in active)
    return Expectation("ALERTS", k * interval, tuple((metric_text("ALERTS", labels), 1) for labels in there))


def _seconds(milliseconds: int) -> float:
    whole, rest = divmod(milliseconds, 1000)
    return milliseconds / 1000 if rest else whole


def _boundaries(claimed: Activity, last: int) -> set[int]:
    edges = set()
    for active in claimed.values():
        edges |= {k for k in range(last + 1) if (k in active) != (k - 1 in active)}
        edges |= {k for k in range(last) if (k in active) != (k + 1 in active)}
    return edges


def _sentence(failure: Failure) -> str:
    return f"{failure.expr} at {failure.time}: expected {failure.expected}, promtool has {failure.got}"
