"""What a rule makes of scrapes: of too few in its range, of one that fails, of none at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.audit.behaviour.proof import experiment_of
from simulator.audit.finding import Finding, Kind, where_of
from simulator.durations import format_duration

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from simulator.alerting.ruleset import AlertRule
    from simulator.audit.behaviour.laboratory import Outcome, Trial
    from simulator.audit.behaviour.staging import Stage

RANGE = Kind(
    "range-too-short",
    "error",
    "The range holds fewer than two scrapes.",
    "A rate or an increase needs two samples; whether a range that is shorter than two scrape intervals has them "
    "depends on "
    "the chance of when rules are evaluated.",
)
SCRAPE = Kind(
    "scrape-resets-hold",
    "warning",
    "A scrape that fails now and then keeps the rule from firing.",
    "One evaluation without a result takes a pending alert back to the start of its hold, and a scrape fails easily "
    "while "
    "a system is in trouble.",
)
SILENCE = Kind(
    "goes-silent",
    "info",
    "The alert resolves when its metrics are gone, and nothing else fires.",
    "An exporter that dies in the middle of an incident looks like a recovery.",
)
KINDS = (RANGE, SCRAPE, SILENCE)
RARE = 20
"""A scrape that fails is rare where it is one in this many; a rule that more frequent ones hold up is only noted."""
_PHASES = 5


def study_range(stage: Stage, strong: float) -> Generator[Sequence[Trial], list[Outcome], list[Finding]]:
    """Evaluate a total failure at several places between two scrapes, where the range may have only one of them."""
    shortest = min((one.range_seconds for one in stage.shape.readings if one.counts), default=None)
    if shortest is None or shortest >= 2 * stage.scrape:
        return []
    play = stage.play(strength=strong)
    outcomes = yield [stage.trial(play, n * stage.scrape / _PHASES) for n in range(_PHASES)]
    silent = [outcome for outcome in outcomes if not outcome.fired]
    if not silent:
        return []
    every = format_duration(stage.scrape)
    experiment = None
    if not outcomes[0].fired:
        says = f"everything fails, with a scrape every {every}, and {stage.rule.alert} never fires"
        experiment = experiment_of(outcomes[0], says)
    return [
        RANGE.at(
            where_of(stage.rule),
            f"a range of {format_duration(shortest)} with a scrape every {every}: a total failure does not fire it at "
            f"{len(silent)} of {_PHASES} places of the evaluations between two scrapes",
            evidence=("where a range has one sample, rate() and increase() have no value",),
            suggestion=f"use a range of {format_duration(4 * stage.scrape)} or more",
            experiment=experiment,
        )
    ]


def study_missed_scrapes(stage: Stage, strong: float) -> Generator[Sequence[Trial], list[Outcome], list[Finding]]:
    """Let one scrape fail in every hold of a fault that lasts three of them and more."""
    rule = stage.rule
    if rule.for_seconds < 4 * stage.scrape:
        return []
    lasting = 3 * rule.for_seconds + stage.patience
    play = stage.play(lasting, strength=strong)
    every = max(3, int(rule.for_seconds // stage.scrape))
    missed = frozenset(range(every // 2, int(play.length // stage.scrape) + 1, every))
    whole, holed = yield [stage.trial(play), stage.trial(stage.play(lasting, strength=strong, missed=missed))]
    if not whole.fired or holed.fired:
        return []
    fails = f"one scrape in {every} fails"
    return [
        SCRAPE.at(
            where_of(rule),
            f"where {fails}, a total failure of {format_duration(lasting)} never fires it",
            evidence=(
                f"with every scrape answered it fires after {format_duration((whole.fired_at or 0) - stage.warm_up)}",
                (
                    f"with one failing every {format_duration(every * stage.scrape)} its hold of "
                    f"{format_duration(rule.for_seconds)} begins anew each time"
                ),
            ),
            suggestion="read it over a range of a few scrapes, as max_over_time(...) or min_over_time(...) do",
            experiment=experiment_of(holed, f"{fails}, and {rule.alert} never fires"),
            severity="warning" if every >= RARE else "info",
        )
    ]


def study_silence(stage: Stage, strong: float) -> Generator[Sequence[Trial], list[Outcome], list[Finding]]:
    """Take the metrics away while the rule fires, and see what is left."""
    if stage.shape.absence:
        return []
    lasting = stage.patience + 1800.0
    gone = stage.warm_up + stage.patience
    (outcome,) = yield [stage.trial(stage.play(lasting, strength=strong, gone=gone), watched=True)]
    end = stage.warm_up + lasting
    resolved = [page[1] for page in outcome.pages if gone <= page[1] < end]
    if not resolved or any(_fires_after(outcome, watcher, gone) for watcher in stage.watchers):
        return []
    after = format_duration(resolved[0] - gone)
    alone = outcome.trial.rules[0]
    return [
        SILENCE.at(
            where_of(alone),
            f"it resolves {after} after its metrics are gone, while the fault goes on, and no other rule fires",
            evidence=(f"the fault lasted {format_duration(end - gone)} longer",),
            suggestion="add an alert on absent(...) of its metrics, or on up == 0 of their target",
            experiment=experiment_of(
                outcome, f"its metrics are gone, and {alone.alert} resolves in the middle of the fault"
            ),
            cause=SILENCE.name,
        )
    ]


def _fires_after(outcome: Outcome, watcher: AlertRule, gone: float) -> bool:
    return any(one.firing_at is not None and one.firing_at >= gone for one in outcome.of(watcher))
