"""Things that happen once: a burst of failures, also on a series that was not there before."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.audit.behaviour.proof import experiment_of
from simulator.audit.finding import Finding, Kind, where_of
from simulator.durations import format_duration

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from simulator.audit.behaviour.laboratory import Outcome, Trial
    from simulator.audit.behaviour.staging import Stage

BURST = Kind(
    "burst-unseen",
    "warning",
    "A one-off burst never fires the rule.",
    "Clients that are all thrown out at once fail within seconds; what is counted then leaves the range before the "
    "hold "
    "is over.",
)
BIRTH = Kind(
    "birth-unseen",
    "warning",
    "Failures that a series is born with are not seen.",
    "A rate or an increase is taken between two samples: a counter that is there only from its first increment on "
    "has no sample "
    "before it, and what it is born with never counts.",
)
KINDS = (BURST, BIRTH)
BURST_EVENTS = 10_000


def study_bursts(
    stage: Stage, strong: float, *, initialised: bool
) -> Generator[Sequence[Trial], list[Outcome], list[Finding]]:
    """Let ten thousand fail at once, and one, on series that are there and on series that are born with it.

    `initialised` says whether the scenario's system has every series from its start on.
    """
    fails = any(player.part == "bad" and not player.level for player in stage.cast.players)
    if not stage.shape.counts or not stage.shape.rising or not fails:
        return []
    wanted = [
        stage.trial(stage.play(stage.interval, burst=events, born_late=born, strength=strong))
        for events in (BURST_EVENTS, 1)
        for born in (False, True)
    ]
    many, many_born, one, one_born = yield wanted
    if not many.fired:
        return [] if stage.shape.is_ratio else [_burst(stage, many)]
    if many_born.fired:
        return []
    return [_birth(stage, many, many_born, one if one.fired and not one_born.fired else None, initialised=initialised)]


def _burst(stage: Stage, many: Outcome) -> Finding:
    pending = max((one.resolved_at or 0.0) - one.pending_at for one in many.episodes) if many.episodes else 0.0
    rule = stage.rule
    return BURST.at(
        where_of(rule),
        f"{BURST_EVENTS:,} failures at once never fire it",
        evidence=(
            (
                f"after the burst it is pending for {format_duration(pending)}, and it holds for "
                f"{format_duration(rule.for_seconds)}"
            ),
        ),
        suggestion="hold for less than the range, or add a rule on increase() for what comes at once",
        experiment=experiment_of(many, f"{BURST_EVENTS} failures within one scrape, and {rule.alert} never fires"),
    )


def _birth(stage: Stage, many: Outcome, born: Outcome, single: Outcome | None, *, initialised: bool) -> Finding:
    rule, fired = stage.rule, many.fired_at
    assert fired is not None  # it was asked before
    about_one = single is not None
    evidence = [
        (
            f"the same {BURST_EVENTS:,} failures fire it after {format_duration(fired - stage.warm_up)} where the "
            "series was there before, at 0"
        )
    ]
    if about_one:
        evidence.append("it is meant for single events: one is enough to fire it, unless the series begins with it")
    if initialised:
        evidence.append("this scenario's system has all its series from the start (monitoring.initialise_series)")
    else:
        evidence.append("this scenario's system has no series before their first increment")
    return BIRTH.at(
        where_of(rule),
        f"{BURST_EVENTS:,} failures that their series is born with never fire it",
        evidence=tuple(evidence),
        suggestion="have the exporter show the series at 0 from its start on, for each label value that the rule reads",
        experiment=experiment_of(born, f"a series is born at {BURST_EVENTS}, and {rule.alert} never fires"),
        severity="info" if initialised and not about_one else "warning",
        cause="" if about_one else BIRTH.name,
    )
