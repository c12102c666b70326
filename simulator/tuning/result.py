"""`tune.json`: all that a sweep found, as values that the views are drawn from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict

from simulator.tuning.evidence import gather
from simulator.tuning.frontier import find_front
from simulator.tuning.policy import Policy, check_policy, satisfies
from simulator.tuning.recommendation import Recommendation, recommend
from simulator.tuning.scores import GROUP_WAIT_SECONDS, Score, score_settings
from simulator.tuning.sensitivity import Sensitivity, measure_sensitivity

if TYPE_CHECKING:
    from collections.abc import Sequence

    from simulator.alerting.outcomes import Outcomes, Setting
    from simulator.tuning.evidence import Evidence
    from simulator.tuning.objective import Objective
    from simulator.tuning.trial import Trial


@dataclass(frozen=True, slots=True)
class Runs:
    """How many runs of each role there were, and how many simulated days."""

    page: int
    ignore: int
    either: int
    quiet: int
    days: float


@dataclass(frozen=True, slots=True)
class Detail:
    """One setting in full: what held-out runs say about it, and what it sees in all runs."""

    number: int
    held_out: Score
    sensitivity: Sensitivity


class SweepReport(BaseModel):
    """All that a sweep found. Times are seconds; settings are referred to by their number, from 0.

    Attributes:
        format: The name and version of this format.
        alert: The alert that was tuned.
        expression: Its expression today.
        objective: What must page and what must not.
        policy: What the user demands.
        interval_seconds: How often the rule is evaluated.
        phases: How long after each multiple of the interval that was, each tried by itself.
        group_wait_seconds: How long Alertmanager collects before it sends.
        tuning_runs: The runs that settings were chosen by.
        held_out_runs: The runs that say what the choice is worth.
        settings: The score of every setting over the runs for choosing.
        front: The settings that none beats in recall, false alarms and detection time.
        satisfying: The settings that keep the policy, as far as the runs for choosing can tell.
        recommendation: What to do, and why.
        today: Today's setting in full.
        proposed: The setting that is recommended, or comes nearest to the policy; None where that is today's.
        notes: What else the sweep has to say, such as what of the rule it left alone.
        diff: The recommended change of the user's file, as a unified diff.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal["syncstorm-tune/1"] = "syncstorm-tune/1"
    alert: str
    expression: str
    objective: str
    policy: Policy
    interval_seconds: float
    phases: tuple[float, ...]
    group_wait_seconds: float
    tuning_runs: Runs
    held_out_runs: Runs
    settings: tuple[Score, ...]
    front: tuple[int, ...]
    satisfying: tuple[int, ...]
    recommendation: Recommendation
    today: Detail
    proposed: Detail | None = None
    notes: tuple[str, ...] = ()
    diff: str | None = None

    def score(self, detail: Detail) -> Score:
        """Return the score of a setting over the runs for choosing."""
        return self.settings[detail.number]

    def setting(self, detail: Detail) -> Setting:
        """Return the numbers of a setting."""
        return self.settings[detail.number].setting

    @property
    def is_recommended(self) -> bool:
        """Tell whether the proposed setting is recommended, and not only the nearest to what is demanded."""
        return self.recommendation.outcome == "change"

    def dump(self) -> str:
        """Return it as JSON, the same bytes for the same values."""
        return self.model_dump_json(indent=2) + "\n"


def report_sweep(  # noqa: PLR0913  # what a sweep is about, each by its name
    outcomes: Outcomes,
    trials: Sequence[Trial],
    *,
    today: Setting,
    alert: str,
    expression: str,
    objective: Objective,
    policy: Policy,
    interval_seconds: float,
    group_wait_seconds: float = GROUP_WAIT_SECONDS,
    notes: Sequence[str] = (),
) -> SweepReport:
    """Judge a sweep and return all that was found; `diff` is left open.

    `trials` are the runs of `outcomes`, in their order; `today` is one of its settings.

    Raises:
        InputError: the objective contradicts itself.
        ValueError: the trials are not those of the outcomes, or today's setting was not swept.
    """
    tuning, held_out, every = (gather(outcomes, trials, objective, held_out=part) for part in (False, True, None))
    scores = score_settings(tuning, group_wait_seconds=group_wait_seconds)
    others = score_settings(held_out, group_wait_seconds=group_wait_seconds)
    number = outcomes.settings.index(today)
    found = recommend(policy, scores, others, number)

    def detail(which: int) -> Detail:
        seen = measure_sensitivity(every, which, group_wait_seconds=group_wait_seconds)
        return Detail(which, others[which], seen)

    proposed = found.chosen or found.best
    return SweepReport(
        alert=alert,
        expression=expression,
        objective=str(objective),
        policy=policy,
        interval_seconds=interval_seconds,
        phases=outcomes.phases,
        group_wait_seconds=group_wait_seconds,
        tuning_runs=_count(tuning),
        held_out_runs=_count(held_out),
        settings=scores,
        front=find_front(scores),
        satisfying=tuple(at for at, score in enumerate(scores) if satisfies(check_policy(policy, score))),
        recommendation=found,
        today=detail(number),
        proposed=None if proposed is None or proposed.number == number else detail(proposed.number),
        notes=tuple(notes),
    )


def _count(evidence: Evidence) -> Runs:
    roles = evidence.roles
    days = sum(trial.length for trial in evidence.trials) / 86_400
    return Runs(roles.count("page"), roles.count("ignore"), roles.count("either"), roles.count("quiet"), round(days, 6))
