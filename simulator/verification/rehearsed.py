"""A rehearsal that was run, and the questions that a test asks of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from simulator.durations import format_duration, parse_duration
from simulator.errors import InputError, NoData, Place, unknown_name
from simulator.report.findings import check_expectation
from simulator.report.verdict import Result
from simulator.scenario.schema import ExpectFires, ExpectSilent, Fires, Silent

if TYPE_CHECKING:
    from pathlib import Path

    from simulator.rehearsal import Rehearsal
    from simulator.report.verdict import AlertEntry, Verdict


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Answer:
    """The answer to a question about an alert: true or not, and what there was to see."""

    met: bool
    alert: str
    detail: str

    def __bool__(self) -> bool:
        return self.met

    def __repr__(self) -> str:
        return f"<{'yes' if self.met else 'no'}: {self.alert} {self.detail}>"


class Rehearsed:
    """What came of a rehearsal.

    `report` is the whole verdict, `folder` has its files. `foreign` are the alerts that the scenario expects something
    of and that are not among the rules; what it expects was left out then.
    """

    def __init__(self, report: Verdict, prepared: Rehearsal, folder: Path, foreign: tuple[str, ...] = ()) -> None:
        self.report = report
        self.folder = folder
        self.foreign = foreign
        self._prepared = prepared
        self._injections = {injection.id: injection for injection in prepared.injections}

    def __repr__(self) -> str:
        return f"<rehearsal of {self.report.scenario}, seed {self.report.seed}>"

    @property
    def verdict(self) -> Result:
        """The verdict on what the scenario's file expects: `PASS`, `FAIL` or `INCONCLUSIVE`.

        Raises:
            InputError: it expects something of alerts that are not among the rules.
        """
        __tracebackhide__ = True
        if self.foreign:
            known = self._prepared.ruleset.alert_names()
            place = Place(self._prepared.loaded.document.file, key="expect")
            raise unknown_name("alert", self.foreign[0], known, place)
        return self.report.verdict

    @property
    def passed(self) -> bool:
        """Whether everything that the scenario's file expects was met.

        Raises:
            InputError: as `verdict`.
        """
        __tracebackhide__ = True
        return self.verdict is Result.PASS

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why the verdict is what it is."""
        return self.report.reasons

    def fired(
        self,
        alert: str,
        *,
        within: str | float | None = None,
        resolves_within: str | float | None = None,
        injection: str | None = None,
    ) -> Answer:
        """Whether an alert fired: at all, or `within` a time from the start of the injection that explains it.

        Raises:
            InputError: there is no such alert or injection, or a time is none.
            NoData: it did not fire, but it had no data either.
        """
        __tracebackhide__ = True
        rules = self._named(alert)
        bounds = (_seconds("within", within), _seconds("resolves_within", resolves_within))
        first = min((rule.firing_at_s for rule in rules if rule.firing_at_s is not None), default=None)
        if first is not None and bounds == (None, None) and injection is None:
            return Answer(met=True, alert=alert, detail=f"fired at {format_duration(first)}")
        return self._fires(alert, *bounds, injection)

    def resolved(self, alert: str, *, within: str | float | None = None, injection: str | None = None) -> Answer:
        """Whether an alert fired and was over before the run ended, `within` a time from the injection's end.

        Raises:
            InputError: as `fired`.
            NoData: as `fired`, or its data was gone when it was over, which is no recovery.
        """
        __tracebackhide__ = True
        self._named(alert)
        longest = self.report.duration_s
        return self._fires(alert, None, longest if within is None else _seconds("within", within), injection)

    def silent(self, alert: str) -> Answer:
        """Whether an alert did not fire, and could have.

        Raises:
            InputError: there is no such alert.
            NoData: it could not have fired, for it had no data, or not all the time.
        """
        __tracebackhide__ = True
        self._named(alert)
        return self._answer(alert, ExpectSilent(silent=Silent(alert=alert)))

    def _fires(self, alert: str, within: float | None, resolves_within: float | None, injection: str | None) -> Answer:
        __tracebackhide__ = True
        if injection is not None and injection not in self._injections:
            raise unknown_name("injection", injection, self._injections)
        bounds = {"within": within, "resolves_within": resolves_within}
        fires = Fires.model_validate({"alert": alert, "injection": injection, **bounds})
        return self._answer(alert, ExpectFires(fires=fires))

    def _answer(self, alert: str, expectation: ExpectFires | ExpectSilent) -> Answer:
        __tracebackhide__ = True
        entry = check_expectation(
            expectation,
            self.report.alerts,
            (),
            self._injections,
            routed=False,
            evaluation_seconds=self._prepared.loaded.scenario.monitoring.evaluation_interval,
            ended=self.report.duration_s,
        )
        if entry.outcome == "inconclusive":
            raise NoData(f"{alert}: {entry.detail}; so nobody can say what it would have done (files: {self.folder})")
        met = entry.outcome == "met"
        seen = "" if met else "".join(f"; {text}" for rule in self._named(alert) if (text := _tell(rule)))
        return Answer(met=met, alert=alert, detail=entry.detail + seen)

    def _named(self, alert: str) -> list[AlertEntry]:
        __tracebackhide__ = True
        found = [entry for entry in self.report.alerts if entry.alert == alert]
        if not found:
            raise unknown_name("alert", alert, (entry.alert for entry in self.report.alerts))
        return found


def _tell(rule: AlertEntry) -> str:
    """Return how near a rule that did not fire came to it."""
    if rule.state == "fired":
        return ""
    held = [
        (entry.resolved_at_s - entry.pending_at_s, entry.pending_at_s)
        for entry in rule.episodes
        if entry.resolved_at_s is not None
    ]
    said = []
    if held:
        longest, since = max(held)
        said.append(f"longest pending {format_duration(longest)}, from {format_duration(since)} on")
    if rule.threshold is not None and rule.nearest is not None:
        said.append(f"came to {rule.nearest:.4g}, and its threshold is {rule.threshold:.4g}")
    return ", ".join(said)


def _seconds(name: str, given: str | float | None) -> float | None:
    __tracebackhide__ = True
    try:
        return None if given is None else parse_duration(given)
    except ValueError as error:
        raise InputError(str(error), Place(name)) from None
