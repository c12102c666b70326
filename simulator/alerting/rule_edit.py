"""Change the numbers of one rule in its own file, and nothing else in there."""

from __future__ import annotations

import difflib
import os
import re
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ruamel.yaml.nodes import MappingNode, ScalarNode, SequenceNode

from simulator.alerting.rules import load_rules
from simulator.alerting.yaml_source import Source, Splice, splice
from simulator.documents import parse_documents
from simulator.durations import format_duration
from simulator.errors import InputError, Place

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ruamel.yaml.nodes import Node

    from simulator.alerting.ruleset import AlertRule, RuleSet

_TOKEN = re.compile(r"[\w.:]+|\s+|.", re.DOTALL)


@dataclass(frozen=True, slots=True)
class RuleEdit:
    """A rule file before and after a change of one of its rules."""

    file: Path
    before: str
    after: str

    @property
    def changes(self) -> bool:
        """Tell whether anything is different."""
        return self.before != self.after

    def diff(self) -> str:
        """Return the change as a unified diff."""
        lines = difflib.unified_diff(
            self.before.splitlines(keepends=True),
            self.after.splitlines(keepends=True),
            f"a/{self.file}",
            f"b/{self.file}",
        )
        return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)

    def apply(self) -> None:
        """Write the file, all of it or nothing; it keeps its mode, and a link stays a link.

        Raises:
            InputError: the file is not what it was when it was read, or it cannot be written.
        """
        target = Path(os.path.realpath(self.file))
        try:
            mode = target.stat().st_mode
            with tempfile.NamedTemporaryFile(dir=target.parent, prefix=f".{target.name}.", delete=False) as out:
                new = Path(out.name)
                out.write(self.after.encode())
                out.flush()
                os.fsync(out.fileno())
        except OSError as error:
            raise InputError(f"cannot be written: {error.strerror}", Place(self.file)) from None
        try:
            new.chmod(mode & 0o7777)
            if target.read_bytes() != self.before.encode():
                raise InputError("was changed meanwhile; nothing was written", Place(self.file), "run it again")
            new.replace(target)
        except OSError as error:
            raise InputError(f"cannot be written: {error.strerror}", Place(self.file)) from None
        finally:
            new.unlink(missing_ok=True)


def edit_rule(rule: AlertRule, changed: AlertRule, ruleset: RuleSet) -> RuleEdit:
    """Return the edit of `rule`'s file that gives it the expression and the holds of `changed`.

    `ruleset` is what was loaded, with the rule in it. The edit is proven: what comes out is loaded again, and no other
    rule, nor anything else of this one, is different.

    Raises:
        InputError: the file does not say the rule in a way that lets it be changed alone, or is not what it was.
    """
    assert rule.file is not None  # it was loaded
    before = _read(rule.file)
    source = Source.of(before)
    node = _find(before, rule, ruleset)
    splices = [*_expression(source, node, rule, changed), *_holds(source, node, rule, changed)]
    edit = RuleEdit(rule.file, before, splice(before, splices))
    _prove(edit, rule, changed, ruleset)
    return edit


def _read(file: Path) -> str:
    """Return the text of a file with its line breaks as they are."""
    try:
        return file.read_bytes().decode("utf-8")
    except (OSError, UnicodeDecodeError):
        raise InputError("cannot be read any more", Place(file)) from None


# --- finding


def _find(text: str, rule: AlertRule, ruleset: RuleSet) -> MappingNode:
    """Return the mapping of a rule: alerts stand in the file in the order in which they were loaded."""
    assert rule.file is not None  # it was loaded
    nodes = [node for document in parse_documents(text, rule.file) for node in _alerts(document.node)]
    loaded = [other for other in ruleset.alerts() if other.file == rule.file]
    if len(nodes) != len(loaded):
        raise InputError("was changed meanwhile", Place(rule.file), "run it again")
    index = next(index for index, other in enumerate(loaded) if other is rule)
    if sum(node is nodes[index] for node in nodes) > 1:
        raise InputError("stands in several places by an alias, and a change would be one of them all", _place(rule))
    return nodes[index]


def _alerts(node: Node | None) -> Iterator[MappingNode]:
    """Yield each alerting rule of a document: a rule file, an object that wraps one, or a list of such objects."""
    for item in _items(_value(node, "items")):
        yield from _alerts(item)
    spec = _value(node, "spec")
    for group in _items(_value(node if spec is None else spec, "groups")):
        for rule in _items(_value(group, "rules")):
            if isinstance(rule, MappingNode) and _value(rule, "alert") is not None:
                yield rule


def _items(node: Node | None) -> Sequence[Node]:
    return node.value if isinstance(node, SequenceNode) else ()


def _value(node: Node | None, key: str) -> Node | None:
    """Return the value of a key; of one that is there by a merge, too."""
    found = _entry(node, key)
    if found is not None:
        return found[1]
    for name, merged in node.value if isinstance(node, MappingNode) else ():
        if name.tag == "tag:yaml.org,2002:merge":
            for source in merged.value if isinstance(merged, SequenceNode) else (merged,):
                inner = _value(source, key)
                if inner is not None:
                    return inner
    return None


def _entry(node: Node | None, key: str) -> tuple[ScalarNode, Node] | None:
    """Return a key that a mapping has by itself, and its value."""
    for name, value in node.value if isinstance(node, MappingNode) else ():
        if isinstance(name, ScalarNode) and name.value == key:
            return name, value
    return None


# --- changing


def _expression(source: Source, node: MappingNode, rule: AlertRule, changed: AlertRule) -> list[Splice]:
    if rule.expr == changed.expr:
        return []
    entry = _entry(node, "expr")
    if entry is None:
        raise InputError("the expression comes from a merged mapping, which others may use", _place(rule))
    value = _own(source, entry, "expr", node, rule)
    changes = list(_changes(rule.expr, changed.expr))
    spans = source.parts(value, [span for span, _ in changes]) if value.value == rule.expr else None
    if spans is None:
        raise InputError("the expression is written in a way that cannot be changed in place", _place(rule))
    return [Splice(span, text) for span, (_, text) in zip(spans, changes, strict=True)]


def _changes(old: str, new: str) -> Iterator[tuple[tuple[int, int], str]]:
    """Yield the smallest parts of an expression that differ, in whole words, and what they become."""
    words, others = _TOKEN.findall(old), _TOKEN.findall(new)
    begins = [0]
    for word in words:
        begins.append(begins[-1] + len(word))
    for kind, first, last, other_first, other_last in difflib.SequenceMatcher(
        None, words, others, autojunk=False
    ).get_opcodes():
        if kind == "equal":
            continue
        text = "".join(others[other_first:other_last])
        if first == last:  # put it before the next word, as there is nothing to be replaced
            after = next((n + 1 for n in range(first, len(words)) if not words[n].isspace()), first)
            yield (begins[first], begins[after]), text + "".join(words[first:after])
        else:
            yield (begins[first], begins[last]), text


def _holds(source: Source, node: MappingNode, rule: AlertRule, changed: AlertRule) -> Iterator[Splice]:
    for key, old, new in (
        ("for", rule.for_seconds, changed.for_seconds),
        ("keep_firing_for", rule.keep_firing_for_seconds, changed.keep_firing_for_seconds),
    ):
        if round(old * 1000) != round(new * 1000):
            entry = _entry(node, key)
            if entry is None:
                yield _added(source, node, key, format_duration(new), rule)
            else:
                value = _own(source, entry, key, node, rule)
                yield _replaced(source, entry[0], value, format_duration(new))


def _replaced(source: Source, name: ScalarNode, value: ScalarNode, text: str) -> Splice:
    begin, end = source.span(value)
    if begin == end:  # nothing stands there: its place is behind the colon
        colon = source.text.index(":", name.end_mark.index) + 1
        return Splice((colon, colon), f" {text}")
    if value.style in ("|", ">"):
        parts = source.parts(value, [(0, len(value.value.rstrip()))])
        assert parts is not None  # a duration is visible, and one word
        return Splice(parts[0], text)
    quote = value.style or ""
    return Splice((begin, end), f"{quote}{text}{quote}")


def _added(source: Source, node: MappingNode, key: str, text: str, rule: AlertRule) -> Splice:
    """Return a new entry of a mapping, after its hold if it has one, else after its expression."""
    entry = _entry(node, "for") or _entry(node, "expr")
    if entry is None or not isinstance(entry[1], ScalarNode):
        raise InputError(f"has no place of its own for '{key}'", _place(rule))
    name, value = entry
    if node.flow_style:
        quote = source.text[name.start_mark.index] if source.text[name.start_mark.index] in "'\"" else ""
        end = value.end_mark.index
        return Splice((end, end), f", {quote}{key}{quote}: {quote}{text}{quote}")
    after = value if value.start_mark.index > name.start_mark.index and _follows(source, name, value) else name
    end = source.content_end(after) if isinstance(after, ScalarNode) else source.line_end(name.end_mark.index)
    line, newline = f"{' ' * name.start_mark.column}{key}: {text}", source.newline()
    ended = source.text[:end].endswith("\n")
    return Splice((end, end), f"{line}{newline}" if ended else f"{newline}{line}")


def _own(source: Source, entry: tuple[ScalarNode, Node], key: str, node: MappingNode, rule: AlertRule) -> ScalarNode:
    """Return a value that stands where its key is, and that nothing else refers to."""
    name, value = entry
    if not isinstance(value, ScalarNode) or not _follows(source, name, value):
        problem = f"'{key}' is an alias, and a change would be one of everything that it stands for"
        raise InputError(problem, _place(rule), "write the value in its place")
    for anchored in (value, node):
        if anchored.anchor in source.referred and anchored.anchor is not None:
            problem = f"'{key}' is used elsewhere, by the alias *{anchored.anchor}"
            raise InputError(problem, _place(rule), "write the value in its place, without an anchor")
    return value


def _follows(source: Source, name: ScalarNode, value: Node) -> bool:
    """Tell whether a value stands right after its key, and is not an alias to somewhere else."""
    begin, end = name.end_mark.index, value.start_mark.index
    return begin <= end and re.fullmatch(r"\s*:\s*(?:#[^\n]*\n\s*)*", source.text[begin:end]) is not None


# --- proving


def _prove(edit: RuleEdit, rule: AlertRule, changed: AlertRule, ruleset: RuleSet) -> None:
    """Load what came out, and compare it rule by rule.

    Raises:
        InputError: anything else is different than what was meant to be.
    """
    expected = [other for other in ruleset.rules() if other.file == rule.file]
    with tempfile.TemporaryDirectory(prefix="syncstorm-") as folder:
        file = Path(folder) / edit.file.name
        file.write_bytes(edit.after.encode())
        try:
            found = load_rules([file]).rules()
        except InputError as error:
            problem = f"cannot be changed in place: the result {error.problem}"
            raise InputError(problem, _place(rule), "change it by hand") from None
    meant = [replace(changed if other is rule else other, file=None, line=None) for other in expected]
    if [replace(other, file=None, line=None) for other in found] != meant:
        raise InputError("cannot be changed in place without changing something else", _place(rule), "do it by hand")


def _place(rule: AlertRule) -> Place:
    return Place(rule.file, rule.line, rule.alert)
