"""Have promtool confirm what a sweep says of a rule, and leave a test of the rule for everybody's own CI."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from simulator.alerting.ruleset import RuleSet
from simulator.alerting.ruletest import Case, run_test, write_tests
from simulator.errors import EngineError, InputError, Place
from simulator.tuning.claims import Claims, describe

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from pathlib import Path

    from simulator.alerting.exposition import Exposition
    from simulator.alerting.ruleset import AlertRule, RecordingRule
    from simulator.tuning.claims import Course
    from simulator.tuning.trial import Trial


@dataclass(frozen=True, slots=True)
class Bench:
    """What rules are tried on: their rule set, how often they are evaluated, the metrics they read, and promtool.

    `recordings` are those that record what the rule reads.
    """

    ruleset: RuleSet
    interval_seconds: float
    names: Collection[str]
    promtool: Path
    recordings: tuple[RecordingRule, ...] = ()

    def alone(self, rule: AlertRule, changed: AlertRule) -> RuleSet:
        """Return a set of one rule in its own group, with other numbers, after those that it reads."""
        group = next(group for group in self.ruleset.groups if any(other is rule for other in group.rules))
        return RuleSet((replace(group, rules=(*self.recordings, changed)),))


@dataclass(frozen=True, slots=True)
class Confirmation:
    """Whether promtool agrees with the sweep about a rule: in how many runs it was asked, and what it denies."""

    runs: int
    mismatches: tuple[str, ...]
    file: Path


def confirm(  # noqa: PLR0913  # the rule before and now, where, and what is claimed
    bench: Bench,
    rule: AlertRule,
    changed: AlertRule,
    runs: Sequence[tuple[Trial, Exposition, Course]],
    *,
    folder: Path,
    name: str,
) -> Confirmation:
    """Ask promtool whether a rule does in each run what the sweep says it does.

    `changed` is the rule with the numbers that the sweep gave it. The files stay in the folder as `NAME.yaml` and
    `NAME-rules.yaml`.

    Raises:
        EngineError: promtool could not run the test, which says nothing about the sweep.
    """
    cases = [
        Case(exposition, list(Claims(rule.alert, trial, bench.interval_seconds).exact(course)), describe(trial))
        for trial, exposition, course in runs
    ]
    file = _write(bench, bench.alone(rule, changed), cases, folder / f"{name}.yaml", folder / f"{name}-rules.yaml")
    failures = run_test(file, bench.promtool)
    mismatches = tuple(
        f"{failure.expr} at {failure.time}: the sweep says {failure.expected}, promtool {failure.got}"
        for failure in failures
    )
    return Confirmation(len(cases), mismatches, file)


def export(  # noqa: PLR0913  # the rule before and now, where, and in which runs it must do what
    bench: Bench,
    rule: AlertRule,
    changed: AlertRule,
    *,
    must_page: Sequence[tuple[Trial, Exposition]],
    must_not_page: Sequence[tuple[Trial, Exposition]],
    folder: Path,
) -> Path:
    """Leave `promtool.yaml` and `rules.yaml` for anybody's CI, and return the former once it has passed.

    The rule has to fire before each incident of `must_page` is over, and at no time of the runs of `must_not_page`.

    Raises:
        EngineError: promtool could not run the test, or it fails, which a sweep that is right rules out.
    """

    def claims(trial: Trial) -> Claims:
        return Claims(rule.alert, trial, bench.interval_seconds)

    cases = [Case(seen, [claims(trial).must_page()], f"must page: {describe(trial)}") for trial, seen in must_page]
    cases += [
        Case(seen, [claims(trial).must_not_page()], f"must not page: {describe(trial)}")
        for trial, seen in must_not_page
    ]
    file = _write(bench, bench.alone(rule, changed), cases, folder / "promtool.yaml", folder / "rules.yaml")
    failures = run_test(file, bench.promtool)
    if failures:
        first = failures[0]
        raise EngineError(f"promtool denies the exported test: {first.expr} at {first.time} is {first.got}")
    return file


def _write(bench: Bench, ruleset: RuleSet, cases: Sequence[Case], file: Path, rules_file: Path) -> Path:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_tests(file, rules_file, ruleset, cases, names=bench.names, interval_seconds=bench.interval_seconds)
    except OSError as error:
        raise InputError(f"cannot be written: {error.strerror}", Place(file)) from None
    return file
