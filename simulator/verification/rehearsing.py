"""Rehearsals as tests ask for them: by scenario and rules, each once, with answers that explain themselves."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from simulator import rehearsal as rehearsals
from simulator.alerting.rules import load_rules
from simulator.errors import RehearsalInvalid, SyncstormError
from simulator.report.verdict import Result
from simulator.scenario.loading import load_scenario
from simulator.scenario.schema import ExpectFires, ExpectSilent
from simulator.verification.rehearsed import Rehearsed

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from simulator.alerting.ruleset import RuleSet
    from simulator.conditions import Fault
    from simulator.rehearsal import Rehearsal
    from simulator.scenario.schema import Scenario


class Rehearser:
    """What the fixture `rehearse` is: call it with a scenario.

    Relative paths count from `root`; each rehearsal has a folder in `out`.
    """

    def __init__(self, faults: Mapping[str, type[Fault]], root: Path, out: Path) -> None:
        self._faults = faults
        self._root = root
        self._out = out
        self._done: list[tuple[Rehearsal, Rehearsed]] = []

    def __call__(
        self,
        scenario: str | Path,
        *,
        rules: str | Path | Iterable[str | Path] = (),
        seed: int | None = None,
        set: Mapping[str, object] | None = None,  # noqa: A002  # as the option of the command is called
    ) -> Rehearsed:
        """Rehearse a scenario (a shipped name or a file) against rule files in place of its own.

        `set` has knobs and keys of the scenario at other values, as `--set` of the command.

        Raises:
            InputError: something does not exist, does not parse or does not fit.
            RehearsalInvalid: the rehearsal itself was broken, so that nothing it shows can be relied on.
        """
        __tracebackhide__ = True
        paths = [rules] if isinstance(rules, str | Path) else list(rules)
        given = {key: _text(value) for key, value in (set or {}).items()}
        overrides = given if seed is None else given | {"seed": str(seed)}
        try:
            found = self._rehearse(self._name(scenario), [self._path(path) for path in paths], overrides)
        except SyncstormError as error:
            raise error.with_traceback(None) from None  # where in our code it was noticed helps nobody
        if found.report.verdict is Result.INVALID:
            said = "; ".join(found.report.reasons)
            raise RehearsalInvalid(f"{found.report.scenario}: the rehearsal is INVALID: {said} (files: {found.folder})")
        return found

    def _rehearse(self, name: str, rules: list[Path], overrides: Mapping[str, str]) -> Rehearsed:
        ruleset = load_rules(rules) if rules else None
        foreign = () if ruleset is None else _foreign(load_scenario(name, overrides).scenario, ruleset)
        prepared = rehearsals.prepare(
            name, self._faults, overrides=overrides, ruleset=ruleset, only_measures=bool(foreign)
        )
        for earlier, rehearsed in self._done:
            if _same(earlier, prepared) and rehearsed.foreign == foreign:
                return rehearsed
        folder = self._folder(prepared)
        verdict = rehearsals.run(prepared, folder)
        self._done.append((prepared, Rehearsed(verdict, prepared, folder, foreign)))
        return self._done[-1][1]

    def _folder(self, prepared: Rehearsal) -> Path:
        """Return a folder that no other rehearsal of this session has."""
        (plain,) = rehearsals.folders([prepared], self._out)
        taken = {rehearsed.folder for _, rehearsed in self._done}
        variants = [plain, *(plain.with_name(f"{plain.name}-{number}") for number in range(2, len(taken) + 2))]
        return next(folder for folder in variants if folder not in taken)

    def _name(self, scenario: str | Path) -> str:
        is_path = isinstance(scenario, Path) or "/" in scenario or scenario.endswith((".yaml", ".yml"))
        return str(self._path(scenario)) if is_path else str(scenario)

    def _path(self, path: str | Path) -> Path:
        return self._root / path


def _foreign(scenario: Scenario, ruleset: RuleSet) -> tuple[str, ...]:
    """Return the alerts that a scenario expects something of and that are not among the rules."""
    fires = [entry.fires.alert for entry in scenario.expect if isinstance(entry, ExpectFires)]
    silent = [entry.silent.alert for entry in scenario.expect if isinstance(entry, ExpectSilent)]
    return tuple(alert for alert in dict.fromkeys(fires + silent) if alert not in ruleset.alert_names())


def _same(one: Rehearsal, other: Rehearsal) -> bool:
    """Whether two rehearsals would be the same run, judged by the same rules and expectations."""
    return (one.loaded.scenario, one.injections, one.plan, one.ruleset, one.contract) == (
        other.loaded.scenario,
        other.injections,
        other.plan,
        other.ruleset,
        other.contract,
    )


def _text(value: object) -> str:
    """Return a value as it is written after `--set KEY=`."""
    return value if isinstance(value, str) else json.dumps(value)
