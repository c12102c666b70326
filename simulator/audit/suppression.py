"""Findings that somebody has looked at and accepted: `# syncstorm: ignore KIND REASON` at a rule."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from simulator.audit.finding import Kind, Where
from simulator.errors import InputError, Place, unknown_name

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from pathlib import Path

    from simulator.audit.dashboards import PanelQuery
    from simulator.audit.finding import Finding
    from simulator.audit.subject import Subject

UNUSED = Kind(
    "suppression-unused",
    "info",
    "A comment suppresses a finding that is not there.",
    "What it was written for is put right, or the comment stands at the wrong rule. It would hide the next one.",
)
KINDS = (UNUSED,)

_COMMENT = re.compile(r"#\s*syncstorm:\s*ignore\b(.*)$")
_NOTE = re.compile(r"syncstorm:\s*ignore\b(.*)$", re.MULTILINE)
_WORDS = re.compile(r"\s+([\w-]+)(?::|\s+-)?\s*(.*?)\s*$")
_ITEM = re.compile(r"\s*-(\s|$)")


@dataclass(frozen=True, slots=True)
class Suppression:
    """One kind that is accepted between two lines of a file, and why."""

    kind: str
    reason: str
    file: Path
    line: int
    first_line: int
    last_line: int

    def covers(self, finding: Finding) -> bool:
        """Whether a finding is one of those that are accepted."""
        places = (finding.where, *finding.also)
        return finding.kind.name == self.kind and any(
            place.file == self.file and self.first_line <= (place.line or 0) <= self.last_line for place in places
        )


def read_suppressions(subject: Subject, known: Collection[str]) -> tuple[Suppression, ...]:
    """Return the suppressions of rule files, and of the descriptions of panels.

    Raises:
        InputError: one names no kind of finding, or gives no reason.
    """
    found = [one for file in subject.files for one in _in_file(file, subject, known)]
    for panel in subject.panels or ():
        found += _in_note(panel, known)
    return tuple(found)


def _in_note(panel: PanelQuery, known: Collection[str]) -> Iterator[Suppression]:
    file, line = panel.where.file, panel.where.line
    if file is not None and line is not None:
        for comment in _NOTE.findall(panel.note):
            yield Suppression(*_parse(comment, Place(file, line), known), file, line, line, line)


def _in_file(file: Path, subject: Subject, known: Collection[str]) -> Iterator[Suppression]:
    lines = file.read_text(encoding="utf-8").splitlines()
    starts = sorted(
        {_first_line(rule.line, lines) for rule in subject.ruleset.rules() if rule.file == file and rule.line}
    )
    for number, line in enumerate(lines, 1):
        comment = _COMMENT.search(line)
        if comment is None:
            continue
        first = max((start for start in starts if start <= number), default=1)
        last = min((start for start in starts if start > number), default=len(lines) + 1) - 1
        yield Suppression(*_parse(comment[1], Place(file, number), known), file, number, first, last)


def _first_line(line: int, lines: Sequence[str]) -> int:
    """Return the first line of the rule whose name stands in a line, counting the comments right above it."""
    while line > 1 and not _ITEM.match(lines[line - 1]):
        line -= 1
    while line > 1 and lines[line - 2].lstrip().startswith("#"):
        line -= 1
    return line


def _parse(comment: str, place: Place, known: Collection[str]) -> tuple[str, str]:
    words = _WORDS.match(comment)
    if words is None:
        raise InputError("says not which finding to ignore", place, "write: # syncstorm: ignore KIND REASON")
    if words[1] not in known:
        raise unknown_name("kind of finding", words[1], known, place)
    if not words[2]:
        raise InputError(f"gives no reason to ignore {words[1]}", place, "write: # syncstorm: ignore KIND REASON")
    return words[1], words[2]


def find_unused(suppressions: Sequence[Suppression], used: Collection[Suppression]) -> Iterator[Finding]:
    """Yield a finding for every suppression that suppressed nothing."""
    for one in suppressions:
        if one not in used:
            yield UNUSED.at(Where(f"ignore {one.kind}", one.file, one.line), f"there is no {one.kind} to ignore here")
