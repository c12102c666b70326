"""What a rehearsal was made of, as its journal keeps it: enough to tell of the run again, and to run it again."""

from __future__ import annotations

import json
import platform
import re
import shlex
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict

from simulator.alerting.rules import load_rules
from simulator.alerting.ruleset import dump_rules
from simulator.interrupts import held_interrupts
from simulator.scenario.schema import Scenario

if TYPE_CHECKING:
    from collections.abc import Sequence

    from simulator.alerting.contract import Contract
    from simulator.alerting.ruleset import RuleSet

_CREDENTIALS = re.compile(r"(?<=://)[^/@\s\"']+@")

EVENT = "inputs"
"""The event of the journal's line."""


@dataclass(frozen=True, slots=True)
class Request:
    """What somebody asked for: a scenario by name or path, rule files in place of its own, settings laid over it."""

    scenario: str
    rules: tuple[str, ...] = ()
    settings: tuple[tuple[str, str], ...] = ()

    def command(self, verb: str, more: Sequence[str] = ()) -> str:
        """Return the command that asks for it again; `more` are further options."""
        words = ["syncstorm", verb, *([self.scenario] if self.scenario else []), *more]
        words += ["--rules", *self.rules] if self.rules else []
        for key, value in self.settings:
            words += ["--set", f"{key}={value}"]
        return _without_secrets(shlex.join(words))


class Inputs(BaseModel):
    """What went into a rehearsal; `rules` is the text of a rule file, `watched` are queries that were followed."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    command: str
    scenario: dict[str, Any]
    rules: str
    rule_files: tuple[str, ...]
    contract: str
    python: str
    watched: tuple[str, ...] = ()

    @classmethod
    def of(  # noqa: PLR0913  # all that goes in
        cls,
        request: Request,
        scenario: Scenario,
        ruleset: RuleSet,
        contract: Contract,
        *,
        watched: tuple[str, ...],
        verb: str = "rehearse",
        options: Sequence[str] = (),
    ) -> Inputs:
        """Return what goes into a rehearsal that a command with some options asked for."""
        files = dict.fromkeys(str(rule.file) for rule in ruleset.rules() if rule.file is not None)
        with held_interrupts():
            told = scenario.model_dump_json(by_alias=True, exclude_none=True)
        return cls(
            command=request.command(verb, options),
            scenario=json.loads(_without_secrets(told)),
            rules=dump_rules(ruleset.with_unique_groups()),
            rule_files=tuple(files),
            contract=contract.contract,
            python=platform.python_version(),
            watched=watched,
        )

    def read_scenario(self) -> Scenario:
        """Return the scenario as it was run.

        Raises:
            ValueError: another version of syncstorm wrote it, which knew other keys.
        """
        return Scenario.model_validate(self.scenario)

    def read_rules(self) -> RuleSet:
        """Return the rules that were judged by.

        Raises:
            InputError: another version wrote them.
        """
        with tempfile.TemporaryDirectory(prefix="syncstorm-") as folder:
            file = Path(folder) / "rules.yaml"
            file.write_text(self.rules, encoding="utf-8")
            return load_rules([file])


def _without_secrets(text: str) -> str:
    """Return a text without the names and passwords that stand in its URLs."""
    return _CREDENTIALS.sub("", text)
