"""Load rule files: what Prometheus loads, and Kubernetes objects that wrap it."""

from __future__ import annotations

import re
import subprocess
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import promql_parser

from simulator.alerting.ruleset import AlertRule, Group, RecordingRule, Rule, RuleSet, dump_rules
from simulator.alerting.section import Section, read_sections
from simulator.alerting.toolchain import find_tool
from simulator.errors import EngineError, InputError, Place, ToolMissing, unknown_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = [
    "RULE_KINDS",
    "AlertRule",
    "Group",
    "RecordingRule",
    "Rule",
    "RuleSet",
    "check_rules",
    "dump_rules",
    "find_complaints",
    "load_rules",
]

_LISTS = ("List", "PrometheusRuleList")
RULE_KINDS = ("PrometheusRule", *_LISTS)
"""Kubernetes objects that hold rules."""

_OBJECT_KEYS = ("apiVersion", "kind", "metadata", "spec", "status")
_GROUP_KEYS = ("name", "interval", "limit", "labels", "rules", "query_offset", "partial_response_strategy")
_ALERT_KEYS = ("alert", "expr", "for", "keep_firing_for", "labels", "annotations")
_RECORDING_KEYS = ("record", "expr", "labels")
_RULE_KEYS = tuple(dict.fromkeys(_RECORDING_KEYS + _ALERT_KEYS))
_COMPLAINT = re.compile(r'group "(\d+)", rule (\d+), "(?:[^"\\]|\\.)*": (?P<problem>.*)', re.DOTALL)
_CHECK_SECONDS = 60.0


def load_rules(paths: Iterable[Path]) -> RuleSet:
    """Load any number of rule files, in order.

    Raises:
        InputError: a file cannot be read, is not a rule file, or none of them holds an alert.
    """
    files = list(paths)
    for index, file in enumerate(files):
        if file in files[:index]:
            raise InputError("is given twice", Place(file))
    ruleset = RuleSet(tuple(group for file in files for group in _load_file(file)))
    if not ruleset.alerts():
        place = Place(files[0]) if len(files) == 1 else Place(", ".join(map(str, files)) or None)
        raise InputError("no alert rule in there", place)
    _check_expressions(ruleset)
    return ruleset


def check_rules(ruleset: RuleSet) -> None:
    """Have promtool check expressions, names and templates, as Prometheus does when it loads them.

    Raises:
        InputError: promtool refuses a rule.
        EngineError: promtool is missing or failed for another reason.
    """
    for rule, problem in find_complaints(ruleset):
        raise InputError(problem, _place(rule, ruleset))


def find_complaints(ruleset: RuleSet) -> list[tuple[Rule, str]]:
    """Return what promtool has to say against rules, in its order.

    Raises:
        EngineError: promtool is missing or failed for another reason.
    """
    numbered = RuleSet(tuple(replace(group, name=str(n)) for n, group in enumerate(ruleset.groups)))
    with tempfile.TemporaryDirectory(prefix="syncstorm-") as folder:
        file = Path(folder) / "rules.yaml"
        file.write_text(dump_rules(numbered), encoding="utf-8")
        said = _promtool_check(file)
    if said is None:
        return []
    # Each complaint starts with the name of the file.
    found = [_COMPLAINT.search(complaint) for complaint in said.split(f"{file}: ")[1:]]
    complaints = [
        (ruleset.groups[int(one[1])].rules[int(one[2]) - 1], one["problem"].strip()) for one in found if one is not None
    ]
    if not complaints:
        raise EngineError(f"promtool refuses the rules: {said.strip()}")
    return complaints


def _promtool_check(file: Path) -> str | None:
    """Return what promtool says against a rule file, None where it accepts it."""
    command = [str(find_tool("promtool").path), "check", "rules", "--lint=none", str(file)]
    try:
        done = subprocess.run(  # noqa: S603  # a program that was searched for
            command, capture_output=True, text=True, errors="replace", check=False, timeout=_CHECK_SECONDS
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise EngineError(f"promtool could not check the rules: {error}") from error
    return None if done.returncode == 0 else done.stdout + done.stderr


def _check_expressions(ruleset: RuleSet) -> None:
    """Parse every expression; where that fails, promtool has the last word, for it knows newer syntax."""
    refused: dict[Rule, str] = {}
    for rule in ruleset.rules():
        try:
            promql_parser.parse(rule.expr)
        except ValueError as error:
            refused[rule] = str(error)
    doubtful = [replace(group, rules=tuple(r for r in group.rules if r in refused)) for group in ruleset.groups]
    if not refused:
        return
    try:
        check_rules(RuleSet(tuple(doubtful)))
    except ToolMissing:
        rule, problem = next(iter(refused.items()))
        raise InputError(f"not an expression: {problem}", _place(rule, ruleset)) from None


def _place(rule: Rule, ruleset: RuleSet) -> Place:
    name = rule.alert if isinstance(rule, AlertRule) else rule.record
    shared = sum(group.name == rule.group for group in ruleset.groups) > 1
    return Place(rule.file, rule.line, name if shared or not rule.group else f"{rule.group}: {name}")


def _load_file(file: Path) -> list[Group]:
    documents = read_sections(file)
    if not documents:
        raise InputError("is empty", Place(file))
    groups = [group for document in documents for group in _load_document(document)]
    for index, group in enumerate(groups):
        if any(earlier.name == group.name for earlier in groups[:index]):
            raise InputError(f"group '{group.name}' is there twice", Place(file, group.line, "name"))
    return groups


def _load_document(document: Section) -> Iterator[Group]:
    if "kind" not in document.data and "apiVersion" not in document.data:
        document.refuse_unknown(("groups",))
        yield from map(_load_group, document.sections("groups"))
        return
    kind = document.text("kind") or ""
    if kind not in RULE_KINDS:
        raise unknown_name("kind", kind, RULE_KINDS, document.place("kind"))
    if kind in _LISTS:
        document.refuse_unknown(("apiVersion", "kind", "metadata", "items"))
        for item in document.sections("items"):
            yield from _load_document(item)
        return
    document.refuse_unknown(_OBJECT_KEYS)
    spec = document.section("spec")
    spec.refuse_unknown(("groups",))
    yield from map(_load_group, spec.sections("groups"))


def _load_group(section: Section) -> Group:
    section.refuse_unknown(_GROUP_KEYS)
    name = section.text("name")
    if name is None:
        raise InputError("a group needs a name", section.place("name"))
    if section.duration("query_offset"):
        raise InputError("a query offset is not supported", section.place("query_offset"))
    shared = section.texts("labels")
    return Group(
        name=name,
        rules=tuple(_load_rule(rule, name, shared) for rule in section.sections("rules")),
        interval_seconds=section.duration("interval") or None,
        limit=section.count("limit"),
        file=section.file,
        line=section.line("name"),
    )


def _load_rule(section: Section, group: str, shared_labels: dict[str, str]) -> Rule:
    section.refuse_unknown(_RULE_KEYS)
    alert, record, expr = (section.text(key) for key in ("alert", "record", "expr"))
    if alert is None and record is None:
        raise InputError("a rule needs one of 'alert' and 'record'", section.place())
    if alert is not None and record is not None:
        raise InputError("a rule is either an 'alert' or a 'record', not both", section.place("record"))
    if expr is None:
        raise InputError("a rule needs an 'expr'", section.place("expr"))
    labels = shared_labels | section.texts("labels")
    if record is not None:
        for key in section.data:
            if key not in _RECORDING_KEYS:
                raise InputError("a recording rule cannot have this", section.place(key))
        return RecordingRule(record, expr, labels, group, section.file, section.line("record"))
    assert alert is not None  # one of the two, by the checks above
    return AlertRule(
        alert=alert,
        expr=expr,
        for_seconds=section.duration("for"),
        keep_firing_for_seconds=section.duration("keep_firing_for"),
        labels=labels,
        annotations=section.texts("annotations"),
        group=group,
        file=section.file,
        line=section.line("alert"),
    )
