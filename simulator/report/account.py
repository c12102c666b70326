"""All that a report tells of one rehearsal: its journal, its verdict, and what Prometheus had of it.

A report is a function of this and nothing else, so that it comes out the same when it is built again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from simulator.errors import InputError, Place
from simulator.report.criteria import Facts, criteria_of, judge_criteria
from simulator.report.inputs import EVENT, Inputs
from simulator.report.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from simulator.alerting.following import Followed
    from simulator.alerting.ruleset import AlertRule, RuleSet
    from simulator.report.criteria import Judged
    from simulator.scenario.schema import Scenario

STARTED = ("rehearsal_started", "gameday_started")
NO_ACTION = ("reveal", "hint")
"""What facilitators do to let people know more; it is no part of what people did about the incident."""


@dataclass(frozen=True, slots=True)
class Action:
    """Something that somebody did, in seconds since the run's start."""

    at: float
    who: str
    what: str
    text: str
    about: str


@dataclass(frozen=True, slots=True)
class Cohort:
    """How many clients it has, and when each of those that were refused or timed out met that first."""

    size: int
    harmed_at: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Cohorts:
    """The clients that an injection reached, and those that none did; `looping` are None where that is not known."""

    affected: Cohort
    control: Cohort
    looping: int | None


@dataclass(frozen=True, slots=True)
class Account:
    """What there is to tell; without `inputs`, `scenario` and `rules` the journal did not have them.

    `rules` are in the order of the verdict's alerts. If the run has not `ended`, the verdict says so, and nothing else
    counts.
    """

    verdict: Verdict
    inputs: Inputs | None
    scenario: Scenario | None
    rules: tuple[AlertRule, ...]
    followed: Followed
    cohorts: Cohorts | None
    actions: tuple[Action, ...]
    criteria: tuple[Judged, ...]
    ended: bool = True


@dataclass(frozen=True, slots=True)
class Journalled:
    """What a journal says of a run.

    `verdict` is None if the run did not come to one; `began` is the Unix time of a live run's start, 0 in virtual time;
    `last` the latest time of the run that the journal has.
    """

    entries: tuple[dict[str, Any], ...]
    inputs: Inputs | None
    verdict: Verdict | None
    cohorts: Cohorts | None
    actions: tuple[Action, ...]
    began: float
    is_live: bool
    last: float

    @classmethod
    def of(cls, entries: Sequence[dict[str, Any]]) -> Journalled:
        """Return what the lines of a journal say.

        Raises:
            InputError: there is a verdict among them that cannot be read.
        """
        by_event: dict[str, list[dict[str, Any]]] = {}
        for entry in entries:
            by_event.setdefault(entry["event"], []).append(entry)
        started = next((by_event[name][0] for name in STARTED if name in by_event), {})
        times = (entry.get("at_s") for entry in entries)
        return cls(
            entries=tuple(entries),
            inputs=_inputs(by_event.get(EVENT, ())),
            verdict=_verdict(by_event.get("verdict", ())),
            cohorts=_cohorts(by_event.get("suffered", ())),
            actions=tuple(_action(entry) for entry in by_event.get("action", ()) if entry["what"] not in NO_ACTION),
            began=float(started.get("started_at", 0.0)),
            is_live="gameday_started" in by_event,
            last=max((at for at in times if isinstance(at, int | float)), default=0.0),
        )

    def account(
        self, verdict: Verdict, followed: Followed, scenario: Scenario | None, ruleset: RuleSet | None
    ) -> Account:
        """Return what there is to tell, once a verdict and what Prometheus had are known."""
        watched = () if self.inputs is None else self.inputs.watched
        courses = dict(zip(watched, followed.watched, strict=False))
        looping = None if self.cohorts is None else self.cohorts.looping
        rules = {
            alert.alert: closeness.courses
            for alert, closeness in zip(verdict.alerts, followed.rules, strict=False)
            if closeness is not None
        }
        facts = Facts(courses, looping, rules)
        criteria = criteria_of({alert.alert for alert in verdict.alerts})
        return Account(
            verdict,
            self.inputs,
            scenario,
            () if ruleset is None else ruleset.alerts(),
            followed,
            self.cohorts,
            self.actions,
            judge_criteria(verdict, criteria, facts),
            ended=self.verdict is not None,
        )


def describe_cohorts(
    affected: set[int], size: int, harmed_at: Mapping[int, float], looping: int | None
) -> dict[str, Any]:
    """Return the journal's line about the cohorts; `affected` are the clients that an injection reached."""
    sides: dict[str, Any] = {}
    for name, members in (("affected", affected), ("control", set(range(size)) - affected)):
        times = sorted(round(at, 3) for client, at in harmed_at.items() if client in members)
        sides[name] = {"size": len(members), "harmed_at": times}
    return {**sides, "looping": looping}


def _inputs(entries: Sequence[dict[str, Any]]) -> Inputs | None:
    try:
        return Inputs.model_validate(entries[-1]) if entries else None
    except ValidationError:
        return None  # another version's


def _verdict(entries: Sequence[dict[str, Any]]) -> Verdict | None:
    """Return the verdict that a run came to, None if it came to none; one that cannot be read is something else."""
    if not entries:
        return None
    try:
        return Verdict.model_validate(entries[-1].get("entry"))
    except ValidationError:
        problem = "has a verdict that this version of syncstorm cannot read"
        raise InputError(problem, Place("journal.jsonl"), "use the version that wrote it, or rehearse again") from None


def _cohorts(entries: Sequence[dict[str, Any]]) -> Cohorts | None:
    if not entries:
        return None
    last = entries[-1]
    affected, control = (Cohort(side["size"], tuple(side["harmed_at"])) for side in (last["affected"], last["control"]))
    return Cohorts(affected, control, last["looping"])


def _action(entry: dict[str, Any]) -> Action:
    at = float(entry["at_s"] or 0.0)
    return Action(at, *(str(entry.get(key, "")) for key in ("who", "what", "text", "about")))
