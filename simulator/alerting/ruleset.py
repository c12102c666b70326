"""Alert and recording rules as values, and the plain rule file they make."""

from __future__ import annotations

import io
from dataclasses import dataclass, field, replace
from itertools import count
from typing import TYPE_CHECKING, Any

from ruamel.yaml import YAML
from ruamel.yaml.scalarstring import LiteralScalarString

from simulator.durations import format_duration

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class AlertRule:
    """One alerting rule as its file has it: holds in seconds, the group it is in, and where it stands."""

    alert: str
    expr: str
    for_seconds: float = 0.0
    keep_firing_for_seconds: float = 0.0
    labels: Mapping[str, str] = field(default_factory=dict, hash=False)
    annotations: Mapping[str, str] = field(default_factory=dict, hash=False)
    group: str = ""
    file: Path | None = None
    line: int | None = None


@dataclass(frozen=True, slots=True)
class RecordingRule:
    """One recording rule: the series name it records under, and where it stands."""

    record: str
    expr: str
    labels: Mapping[str, str] = field(default_factory=dict, hash=False)
    group: str = ""
    file: Path | None = None
    line: int | None = None


Rule = AlertRule | RecordingRule


@dataclass(frozen=True, slots=True)
class Group:
    """Rules that are evaluated together, in order; without an interval they follow the global one.

    `limit` is how many alerts a rule may have before it counts as failed, 0 for no limit.
    """

    name: str
    rules: tuple[Rule, ...]
    interval_seconds: float | None = None
    limit: int = 0
    file: Path | None = None
    line: int | None = None


@dataclass(frozen=True, slots=True)
class RuleSet:
    """Every group of every file, in the order in which they were given."""

    groups: tuple[Group, ...]

    def rules(self) -> tuple[Rule, ...]:
        """Return every rule of every group."""
        return tuple(rule for group in self.groups for rule in group.rules)

    def alerts(self) -> tuple[AlertRule, ...]:
        """Return every alerting rule; two may have the same name (a warning and a critical one, say)."""
        return tuple(rule for rule in self.rules() if isinstance(rule, AlertRule))

    def recordings(self) -> tuple[RecordingRule, ...]:
        """Return every recording rule."""
        return tuple(rule for rule in self.rules() if isinstance(rule, RecordingRule))

    def alert_names(self) -> tuple[str, ...]:
        """Return each alert name once, in the order of the files."""
        return tuple(dict.fromkeys(rule.alert for rule in self.alerts()))

    def by_interval(self, default_seconds: float) -> dict[float, RuleSet]:
        """Split the set by evaluation interval in seconds; groups without one have the default."""
        split: dict[float, list[Group]] = {}
        for group in self.groups:
            # A zero interval means the global one to Prometheus, just as a missing one does.
            split.setdefault(group.interval_seconds or default_seconds, []).append(group)
        return {interval: RuleSet(tuple(groups)) for interval, groups in split.items()}

    def with_unique_groups(self) -> RuleSet:
        """Return the set with group names that differ, as one file demands of groups from several."""
        taken: set[str] = set()
        groups = []
        for group in self.groups:
            name = next(name for name in _variants(group.name) if name not in taken)
            taken.add(name)
            groups.append(replace(group, name=name))
        return RuleSet(tuple(groups))


def dump_rules(ruleset: RuleSet) -> str:
    """Return the set as a rule file that Prometheus loads: one `groups:` list, rules unmodified.

    Group names are written as they are; see `RuleSet.with_unique_groups`.
    """
    yaml = YAML()
    yaml.width = 1 << 16  # a folded expression is hard to compare with its source
    yaml.indent(mapping=2, sequence=4, offset=2)
    out = io.StringIO()
    yaml.dump({"groups": [_plain_group(group) for group in ruleset.groups]}, out)
    return out.getvalue()


def _variants(name: str) -> Iterator[str]:
    yield name
    for number in count(2):
        yield f"{name} ({number})"


def _plain_group(group: Group) -> dict[str, Any]:
    plain: dict[str, Any] = {"name": group.name}
    if group.interval_seconds:
        plain["interval"] = format_duration(group.interval_seconds)
    if group.limit:
        plain["limit"] = group.limit
    return plain | {"rules": [_plain_rule(rule) for rule in group.rules]}


def _plain_rule(rule: Rule) -> dict[str, Any]:
    if isinstance(rule, RecordingRule):
        plain: dict[str, Any] = {"record": rule.record, "expr": _text(rule.expr)}
        return plain | _texts(labels=rule.labels.items())
    plain = {"alert": rule.alert, "expr": _text(rule.expr)}
    if rule.for_seconds:
        plain["for"] = format_duration(rule.for_seconds)
    if rule.keep_firing_for_seconds:
        plain["keep_firing_for"] = format_duration(rule.keep_firing_for_seconds)
    return plain | _texts(labels=rule.labels.items(), annotations=rule.annotations.items())


def _texts(**pairs: Iterable[tuple[str, str]]) -> dict[str, Any]:
    texts = {key: {name: _text(value) for name, value in items} for key, items in pairs.items()}
    return {key: value for key, value in texts.items() if value}


def _text(value: str) -> str:
    # Block style only where it gives the very same text back: YAML cannot show some characters in it.
    plain_lines = all(line.isprintable() and line == line.strip() for line in value.split("\n"))
    return LiteralScalarString(value) if "\n" in value and plain_lines else value
