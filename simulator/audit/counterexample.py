"""Counter-examples: small `promtool test rules` files of hand-made series, run before they are shown to anybody."""

from __future__ import annotations

import json
import subprocess
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from simulator.alerting.ruleset import AlertRule, RecordingRule, RuleSet, dump_rules
from simulator.alerting.toolchain import find_tool
from simulator.durations import format_duration
from simulator.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Mapping

_RUN_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What an expression gives at a time in seconds: each element's text and value, none for nothing."""

    expr: str
    at_seconds: float
    samples: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Alerts:
    """Which alerts of a name are firing at a time in seconds: the labels of each, without `alertname`."""

    alert: str
    at_seconds: float
    firing: tuple[Mapping[str, str], ...] = ()
    annotations: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Experiment:
    """Series by hand, the rules they are given to, and what promtool is claimed to find.

    `says` is one sentence for people. `series` are pairs of a series and its values in promtool's own notation
    (`0+1x20`), `step_seconds` apart, or one evaluation if left out. With `breaks`, the claim is that promtool cannot
    evaluate the rules and complains in these words.
    """

    says: str
    rules: RuleSet
    series: tuple[tuple[str, str], ...]
    claims: tuple[Answer | Alerts, ...] = ()
    breaks: str | None = None
    interval_seconds: float = 15.0
    step_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """Whether promtool confirms an experiment, and what it said where it does not."""

    confirmed: bool
    said: str = ""


def run_experiment(experiment: Experiment) -> Outcome:
    """Let promtool run an experiment.

    Raises:
        EngineError: promtool is missing, or does not end.
    """
    with tempfile.TemporaryDirectory(prefix="syncstorm-") as folder:
        file = write_experiment(experiment, Path(folder), "counterexample")
        command = [str(find_tool("promtool").path), "test", "rules", str(file)]
        try:
            done = subprocess.run(  # noqa: S603  # a program that was searched for
                command, capture_output=True, text=True, errors="replace", check=False, timeout=_RUN_SECONDS
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise EngineError(f"promtool could not run a counter-example: {error}") from error
    said = (done.stdout + done.stderr).strip()
    if experiment.breaks is None:
        return Outcome(done.returncode == 0, said)
    return Outcome(done.returncode != 0 and experiment.breaks in said, said)


def write_experiment(experiment: Experiment, folder: Path, name: str) -> Path:
    """Leave `NAME.test.yaml` and the `NAME.rules.yaml` that it reads, and return the former."""
    rules = folder / f"{name}.rules.yaml"
    rules.write_text(dump_rules(experiment.rules.with_unique_groups()), encoding="utf-8")
    file = folder / f"{name}.test.yaml"
    file.write_text(dump_experiment(experiment, rules.name), encoding="utf-8")
    return file


def dump_experiment(experiment: Experiment, rules_name: str) -> str:
    """Return an experiment as promtool's test file."""
    interval = format_duration(experiment.interval_seconds)
    lines = [f"# {experiment.says}"]
    if experiment.breaks is not None:
        lines.append(f"# promtool cannot evaluate it, and says: {experiment.breaks}")
    groups = [group.name for group in experiment.rules.with_unique_groups().groups]
    lines += [
        f"rule_files: [{_json(rules_name)}]",
        f"evaluation_interval: {interval}",
        f"group_eval_order: {_json(groups)}",
        "tests:",
        f"  - interval: {format_duration(experiment.step_seconds or experiment.interval_seconds)}",
        f"    input_series:{'' if experiment.series else ' []'}",
    ]
    for series, values in experiment.series:
        lines += [f"      - series: {_json(series)}", f"        values: {_json(values)}"]
    answers = [claim for claim in experiment.claims if isinstance(claim, Answer)]
    alerts = [claim for claim in experiment.claims if isinstance(claim, Alerts)]
    if answers:
        lines.append("    promql_expr_test:")
        lines += [line for answer in answers for line in _answer(answer)]
    if alerts:
        lines.append("    alert_rule_test:")
        lines += [line for claim in alerts for line in _alerts(claim, experiment.rules)]
    return "\n".join(lines) + "\n"


def only(rule: AlertRule | RecordingRule, ruleset: RuleSet) -> RuleSet:
    """Return a rule and every recording rule of a set, for it may read what they record."""
    groups = []
    for group in ruleset.groups:
        kept = tuple(one for one in group.rules if one is rule or isinstance(one, RecordingRule))
        if kept:
            groups.append(replace(group, rules=kept))
    return RuleSet(tuple(groups))


def _answer(answer: Answer) -> list[str]:
    samples = [f"          - {{labels: {_json(labels)}, value: {value!r}}}" for labels, value in answer.samples]
    return [
        f"      - expr: {_json(answer.expr)}",
        f"        eval_time: {format_duration(answer.at_seconds)}",
        f"        exp_samples:{'' if samples else ' []'}",
        *samples,
    ]


def _alerts(claim: Alerts, rules: RuleSet) -> list[str]:
    """Return the lines of a claim; promtool compares annotations too, so they are those of the rule unless given."""
    rule = next((rule for rule in rules.alerts() if rule.alert == claim.alert), None)
    annotations = claim.annotations
    if annotations is None:
        annotations = {} if rule is None else rule.annotations
    firing = [
        f"          - {{exp_labels: {_json(dict(labels))}, exp_annotations: {_json(dict(annotations))}}}"
        for labels in claim.firing
    ]
    return [
        f"      - alertname: {_json(claim.alert)}",
        f"        eval_time: {format_duration(claim.at_seconds)}",
        f"        exp_alerts:{'' if firing else ' []'}",
        *firing,
    ]


def _json(value: object) -> str:
    # JSON is YAML, and leaves no question about quotes.
    return json.dumps(value, ensure_ascii=False)
