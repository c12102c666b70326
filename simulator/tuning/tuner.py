"""A whole sweep: play, judge, recommend, edit, confirm, export."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from simulator.alerting.rule_edit import RuleEdit, edit_rule
from simulator.alerting.toolchain import find_tool
from simulator.errors import EngineError, InputError, Place
from simulator.tuning.certification import Bench, Confirmation, confirm, export
from simulator.tuning.claims import Course
from simulator.tuning.evidence import gather
from simulator.tuning.judging import changed_rule
from simulator.tuning.playing import Budget, Played, play_trials
from simulator.tuning.pool import open_pool
from simulator.tuning.probing import refuse_unseen
from simulator.tuning.result import SweepReport, report_sweep
from simulator.tuning.scores import GROUP_WAIT_SECONDS, judge_incidents
from simulator.tuning.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from simulator.alerting.outcomes import Outcomes
    from simulator.alerting.ruleset import AlertRule
    from simulator.tuning.preparation import Preparation
    from simulator.tuning.trial import Trial

_MOST_SHOWN = 32
_TRIALS = "trials"
_LEFT = ("promtool.yaml", "rules.yaml", "rules.diff", "tune.json", "report.md", "report.html")


@dataclass(frozen=True, slots=True)
class Progress:
    """Who hears how far a sweep is."""

    on_trial: Callable[[Trial], None] = field(default=lambda _trial: None)
    on_judging: Callable[[float], None] = field(default=lambda _share: None)
    on_confirming: Callable[[], None] = field(default=lambda: None)


@dataclass(frozen=True, slots=True)
class Tuning:
    """What a sweep came to.

    Attributes:
        report: All that was found.
        played: What was simulated, and what the time did not suffice for.
        edit: The change of the user's file, None where none is recommended.
        confirmations: What promtool said of the rule today, and of the one that is recommended.
        exported: The test file for CI, None where no rule would pass it.
    """

    report: SweepReport
    played: Played
    edit: RuleEdit | None
    confirmations: tuple[Confirmation, ...]
    exported: Path | None


def tune(
    prepared: Preparation,
    out: Path,
    *,
    executor: str = "local",
    budget_seconds: float | None = None,
    progress: Progress | None = None,
) -> Tuning:
    """Sweep a rule's numbers, and leave what was found in a folder.

    What was played before, by an earlier run with the same folder, is not played again.

    Raises:
        InputError: the folder cannot be written, the time is too short, or the incident is none that the rule sees.
        EngineError: Prometheus or promtool is missing, failed, or does not agree with the sweep.
    """
    progress = progress or Progress()
    for tool in ("prometheus", "promtool"):
        find_tool(tool)
    budget = Budget(budget_seconds)
    _refuse_foreign(out, prepared)
    store = Store(out / _TRIALS)
    refuse_unseen(prepared)
    with open_pool(executor) as pool:
        played = play_trials(
            prepared.cause.stage, prepared.trials, store, pool, budget=budget, on_done=progress.on_trial
        )
    _refuse_too_little(prepared, played)
    outcomes = prepared.judge.judge(played.expositions, prepared.settings, progress.on_judging)
    progress.on_confirming()
    _forget(out)
    return _Conclusion(prepared, played, outcomes, out).draw()


def _refuse_too_little(prepared: Preparation, played: Played) -> None:
    """Refuse to judge by nothing: each kind of run is there at least once, for choosing and held out."""

    def kinds(trials: Iterable[Trial]) -> set[tuple[str, bool]]:
        return {(prepared.objective.role(trial), trial.held_out) for trial in trials}

    if kinds(prepared.trials) - kinds(played.expositions):
        problem = f"sufficed for {len(played.expositions)} of {len(prepared.trials)} runs, and not for one of each kind"
        raise InputError(problem, Place("--budget"), "what was played is kept: run it again, or give it more time")


def _refuse_foreign(out: Path, prepared: Preparation) -> None:
    """Refuse a folder that is not ours: files of the same names may be in there, such as the user's own rules."""
    own = {group.file.resolve() for group in prepared.judge.ruleset.groups if group.file is not None}
    if own & {(out / name).resolve() for name in _LEFT}:
        raise InputError("has your own rule file under a name that would be overwritten", Place(out), "choose another")
    if out.is_dir() and any(out.iterdir()) and not (out / _TRIALS).is_dir():
        hint = "choose a folder that is new, empty, or an earlier sweep's"
        raise InputError("is not empty and holds no earlier sweep", Place(out), hint)


def _forget(out: Path) -> None:
    """Remove what an earlier sweep left: it must not pass for this one's."""
    for name in _LEFT:
        (out / name).unlink(missing_ok=True)
    for file in (out / "certification").glob("*.yaml"):
        file.unlink()


class _Conclusion:
    """Draws what follows from what was played and judged."""

    def __init__(self, prepared: Preparation, played: Played, outcomes: Outcomes, out: Path) -> None:
        self.prepared = prepared
        self.played = played
        self.outcomes = outcomes
        self.out = out
        self.trials = list(played.expositions)
        names = {series.name for exposition in played.expositions.values() for series in exposition.series()}
        judge, promtool = prepared.judge, find_tool("promtool").path
        self.bench = Bench(judge.ruleset, judge.interval_seconds, names, promtool, judge.recordings)

    def draw(self) -> Tuning:
        """Return all that follows."""
        prepared = self.prepared
        report = report_sweep(
            self.outcomes,
            self.trials,
            today=prepared.today,
            alert=prepared.rule.alert,
            expression=prepared.rule.expr,
            objective=prepared.objective,
            policy=prepared.policy,
            interval_seconds=prepared.judge.interval_seconds,
            notes=prepared.notes,
        )
        chosen = report.recommendation.chosen
        number = report.today.number if chosen is None else chosen.number
        changed = self._changed(number)
        edit, why_not = (None, "") if chosen is None else self._edit(changed)
        shown = self._sample()
        confirmations = [self._confirm("today", report.today.number, shown)]
        if chosen is not None:
            confirmations.append(self._confirm("recommended", number, shown))
        exported: Path | None = None
        if report.recommendation.outcome in ("change", "no_change"):
            exported = self._export(number, changed, shown)
        notes = (*report.notes, *filter(None, [why_not]), *self._notes(confirmations))
        report = report.model_copy(update={"notes": notes, "diff": None if edit is None else edit.diff()})
        return Tuning(report, self.played, edit, tuple(confirmations), exported)

    def _changed(self, number: int) -> AlertRule:
        return changed_rule(self.prepared.rule, self.outcomes.settings[number], self.prepared.judge.bound)

    def _edit(self, changed: AlertRule) -> tuple[RuleEdit | None, str]:
        """Return the edit of the user's file, or why there is none."""
        try:
            return edit_rule(self.prepared.rule, changed, self.prepared.judge.ruleset), ""
        except InputError as error:
            return None, f"The rule file was not edited: {error}."

    def _sample(self) -> list[int]:
        """Return which runs promtool is asked about: one of each kind, held-out ones first, and the loudest quiet ones.

        Among them are those at the objective's boundaries, as every level, duration and traffic is.
        """
        order = sorted(range(len(self.trials)), key=lambda run: (not self.trials[run].held_out, run))
        kinds: dict[tuple[float, float, int], int] = {}
        for run in order:
            trial = self.trials[run]
            if not trial.is_quiet:
                kinds.setdefault((trial.level, trial.duration_seconds, trial.clients), run)
        loudness = self.outcomes.pages[:, :, 0].sum(axis=1)
        quiet = sorted((run for run in order if self.trials[run].is_quiet), key=lambda run: -int(loudness[run]))
        return sorted([*_spread(list(kinds.values()), _MOST_SHOWN), *quiet[:1], *quiet[-1:]])

    def _confirm(self, name: str, number: int, shown: Sequence[int]) -> Confirmation:
        found = confirm(
            self.bench,
            self.prepared.rule,
            self._changed(number),
            [
                (
                    self.trials[run],
                    self.played.expositions[self.trials[run]],
                    Course.of(self.outcomes, run, number, 0),
                )
                for run in dict.fromkeys(shown)
            ],
            folder=self.out / "certification",
            name=name,
        )
        if found.mismatches:
            more = f" and {len(found.mismatches) - 1} more" if len(found.mismatches) > 1 else ""
            raise EngineError(f"promtool does not agree with the sweep: {found.mismatches[0]}{more}; see {found.file}")
        return found

    def _export(self, number: int, changed: AlertRule, shown: Sequence[int]) -> Path:
        must, must_not = [], []
        evidence = gather(self.outcomes, self.trials, self.prepared.objective)
        pages = evidence.pages(number)
        in_time = judge_incidents(pages, evidence, GROUP_WAIT_SECONDS).in_time[:, 0]
        for run in dict.fromkeys(shown):
            trial = self.trials[run]
            entry = (trial, self.played.expositions[trial])
            role = evidence.roles[run]
            if role == "page" and in_time[run]:
                must.append(entry)
            elif role in ("quiet", "ignore") and pages.pages[run, 0] == 0:
                must_not.append(entry)
        return export(self.bench, self.prepared.rule, changed, must_page=must, must_not_page=must_not, folder=self.out)

    def _notes(self, confirmations: Sequence[Confirmation]) -> Iterable[str]:
        which = "as it is" if len(confirmations) == 1 else "as it is and as recommended"
        yield f"promtool agrees with the sweep about the rule {which}, in {confirmations[0].runs} runs each."
        if self.played.left_out:
            kinds = Counter("quiet" if trial.is_quiet else "incident" for trial in self.played.left_out)
            what = " and ".join(f"{count} {kind} run{'s' * (count > 1)}" for kind, count in kinds.items())
            yield f"The budget left out {what}, of {len(self.prepared.trials)} runs in all; run it again to add them."


def _spread(runs: list[int], most: int) -> list[int]:
    """Return at most so many of the runs, evenly."""
    if len(runs) <= most:
        return runs
    return [runs[int(place)] for place in np.linspace(0, len(runs) - 1, most)]
