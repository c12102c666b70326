"""Templates in labels and annotations: those that fail, and those that say nothing."""

from __future__ import annotations

import json
import re
import subprocess
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from simulator.alerting.rules import find_complaints
from simulator.alerting.ruleset import AlertRule, Group, RuleSet
from simulator.alerting.toolchain import find_tool
from simulator.audit.counterexample import Alerts, Answer, Experiment, write_experiment
from simulator.audit.dictionary import names_in
from simulator.audit.finding import Finding, Kind, Unchecked, where_of
from simulator.audit.series import AT_SECONDS, series_for
from simulator.audit.signal import is_filtered, without_comparison
from simulator.audit.vocabulary import nearest
from simulator.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from simulator.audit.dictionary import Expression
    from simulator.audit.subject import Subject

BROKEN = Kind(
    "template-broken",
    "error",
    "A template of the rule cannot be parsed.",
    "Prometheus refuses the whole file, with every rule in it: on a reload it goes on with the old rules, and on a "
    "restart it does not come up.",
)
LABEL = Kind(
    "template-label-missing",
    "warning",
    "A template names a label that the result of the expression does not have.",
    "`sum()` leaves no label over, and those that the rule adds are not in `$labels`. The page then reads "
    "`auth failures for ` and does not say for whom.",
)
RENDERED = Kind(
    "template-fails",
    "warning",
    "A template is parsed, and fails when it is filled in.",
    "The page shows an error of the template engine in place of the text.",
)
KINDS = (BROKEN, LABEL, RENDERED)

_NAMED = re.compile(r"(?:\$labels|\.Labels)\.(\w+)|index\s+(?:\$labels|\.Labels)\s+\"(\w+)\"")
_OF_ALERT = re.compile(r"\$labels\.(\w+)|index\s+\$labels\s+\"(\w+)\"")
_ACTION = re.compile(r"\{\{.*?\}\}", re.DOTALL)
_BAD = re.compile(r"<error expanding template|%!\w?\(|<no value>")
_BLOCK = re.compile(r"^ +alertname: syncstorm_(\d+), time: ", re.MULTILINE)
_TEXT = re.compile(r'([a-zA-Z_]\w*)=("(?:[^"\\]|\\.)*")')
_AT_SECONDS = 60.0
_RUN_SECONDS = 60.0


def find(subject: Subject) -> Iterator[Finding | Unchecked]:
    """Let promtool parse and fill in every template, and look for the labels that they name."""
    complaints = find_complaints(subject.ruleset)
    broken = set()
    for rule, problem in complaints:
        broken.add(rule)
        yield BROKEN.at(where_of(rule), problem.replace("__alert_", ""), evidence=("promtool check rules refuses it",))
    by_rule = {expression.rule: expression for expression in subject.rule_expressions}
    fit: list[AlertRule] = []
    for rule in subject.ruleset.alerts():
        if rule in broken or not any("{{" in text for text in _texts(rule).values()):
            continue
        expression = by_rule.get(rule)
        if expression is None:
            yield Unchecked(f"the templates of {where_of(rule)}", "its expression could not be inspected")
            continue
        lacking = list(_missing_labels(expression, rule, subject))
        yield from lacking
        if not any("query" in action for text in _texts(rule).values() for action in _ACTION.findall(text)):
            fit.append(rule)
    yield from _rendered(fit, subject)


def _texts(rule: AlertRule) -> dict[str, str]:
    return {f"label {key}": text for key, text in rule.labels.items()} | {
        f"annotation {key}": text for key, text in rule.annotations.items()
    }


def _named(text: str) -> list[str]:
    """Return the labels that a template names, once each; `.Labels` in what goes through a query is the query's."""
    pattern = _OF_ALERT if "query" in text else _NAMED
    found = (one or two for action in _ACTION.findall(text) for one, two in pattern.findall(action))
    return list(dict.fromkeys(found))


# --- labels


def _missing_labels(expression: Expression, rule: AlertRule, subject: Subject) -> Iterator[Finding]:
    labels = subject.dictionary.shape(expression.tree).labels
    if labels is None:
        return
    lacking: dict[str, list[str]] = {}
    for name, text in _texts(rule).items():
        for label in _named(text):
            if label not in labels:
                lacking.setdefault(label, []).append(name)
    for label, names in lacking.items():
        near = nearest(label, labels)
        own = "; the rule's own labels are not in $labels" if label in rule.labels or label == "alertname" else ""
        yield LABEL.at(
            where_of(rule),
            f"{' and '.join(names)}: $labels.{label} is empty, for the result has no such label{own}",
            evidence=(f"labels of the result: {', '.join(sorted(labels)) or 'none'}",),
            suggestion=f"the nearest label is {near}" if near else f"keep it in the expression: by ({label})",
            experiment=_without_label(expression, label, subject),
            cause=f"template {label} {where_of(rule)}",
        )


def _without_label(expression: Expression, label: str, subject: Subject) -> Experiment | None:
    """Return the experiment that the expression has a result, and none with the label."""
    names = names_in(expression.tree)
    lost = (name in subject.dictionary.recorded or name not in subject.vocabulary.meanings for name in names)
    tree = without_comparison(expression.tree)
    if not names or any(lost) or subject.dictionary.needed(expression.tree) or is_filtered(tree):
        return None
    claim = Answer(f"group by ({label}) ({' '.join(str(tree).split())})", AT_SECONDS, (("{}", 1.0),))
    says = f"{expression.where.subject} gives results, and none with the label {label}"
    return Experiment(says, RuleSet(()), series_for(tree, subject.dictionary), (claim,))


# --- filling in


def _rendered(rules: list[AlertRule], subject: Subject) -> Iterator[Finding]:
    """Fill in templates with made-up labels and a made-up value, all of which are numbers as any text could be."""
    by_rule = {expression.rule: expression for expression in subject.rule_expressions}
    staged = [_staged(rule, f"syncstorm_{n}", by_rule[rule], subject) for n, rule in enumerate(rules)]
    said = _fill_in(staged) if staged else ""
    blocks = _BLOCK.split(said)[1:]
    for number, block in zip(blocks[::2], blocks[1::2], strict=True):
        rule = rules[int(number)]
        _, _, annotations = block.partition("Annotations:")
        bad = {key: json.loads(text) for key, text in _TEXT.findall(annotations) if _BAD.search(text)}
        for key, text in bad.items():
            yield RENDERED.at(
                where_of(rule),
                f"annotation {key} cannot be filled in",
                evidence=(f"promtool: {text[:300]}",),
                experiment=_shown(staged[int(number)], key, text),
                cause=f"rendered {key} {where_of(rule)}",
            )


def _staged(rule: AlertRule, name: str, expression: Expression, subject: Subject) -> AlertRule:
    """Return the rule with an expression that is true, and has the labels that its own has."""
    labels = subject.dictionary.shape(expression.tree).labels
    if labels is None:
        labels = frozenset(label for text in _texts(rule).values() for label in _named(text))
    expr = "vector(1.5)"
    for label in sorted(labels - {"__name__"}):
        expr = f'label_replace({expr}, "{label}", "1", "", "")'
    return replace(rule, alert=name, expr=expr, for_seconds=0.0, keep_firing_for_seconds=0.0)


def _fill_in(staged: list[AlertRule]) -> str:
    """Return promtool's account of alerts that were not expected, which has all their texts."""
    rules = RuleSet((Group("templates", tuple(staged)),))
    claims = tuple(Alerts(rule.alert, _AT_SECONDS) for rule in staged)
    with tempfile.TemporaryDirectory(prefix="syncstorm-") as folder:
        file = write_experiment(Experiment("templates", rules, (), claims), Path(folder), "templates")
        command = [str(find_tool("promtool").path), "test", "rules", str(file)]
        try:
            done = subprocess.run(  # noqa: S603  # a program that was searched for
                command, capture_output=True, text=True, errors="replace", check=False, timeout=_RUN_SECONDS
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise EngineError(f"promtool could not fill in templates: {error}") from error
    said = done.stdout + done.stderr
    if said.count("alertname: syncstorm_") < len(staged):
        raise EngineError(f"promtool could not fill in templates: {said.strip()[:500]}")
    return said


def _shown(staged: AlertRule, key: str, text: str) -> Experiment | None:
    """Return the experiment that an annotation comes out as it does."""
    annotations: Mapping[str, str] = {key: staged.annotations[key]}
    rule = replace(staged, alert="Template", labels={}, annotations=annotations)
    rendered = text.replace(staged.alert, "Template")
    labels = dict.fromkeys(re.findall(r'"(\w+)", "1", "", ""', staged.expr), "1")
    claim = Alerts("Template", _AT_SECONDS, (labels,), {key: rendered})
    return Experiment(f"the annotation {key} is not filled in", RuleSet((Group("template", (rule,)),)), (), (claim,))
