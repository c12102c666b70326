"""The chapter of a runbook that an alert names, read from a file and cut into its sections."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from simulator.alerting.ruleset import AlertRule

ANNOTATIONS = ("runbook", "runbook_url")
"""Where a rule names its runbook; the first one that it has counts."""

_HEADING = re.compile(r"(#{1,6}) +(.+?) *#* *")
_FENCE = re.compile(r" {0,3}(```|~~~)")
_BYTES = 1024 * 1024
_INSTALLED = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Chapter:
    """A heading, and what stands below it: parts with titles of their own, the first one perhaps without; Markdown."""

    title: str
    sections: tuple[tuple[str, str], ...]


def runbook_of(rule: AlertRule) -> str:
    """Return what a rule names as its runbook, or an empty text."""
    return next((rule.annotations[name].strip() for name in ANNOTATIONS if rule.annotations.get(name)), "")


def find_chapter(source: str, rule_file: Path | None) -> Chapter | None:
    """Return the chapter that `file.md#anchor` names; None for a URL, and where there is no such file or heading.

    A file is looked for beside the rule file and above it, in the current folder, and where syncstorm is installed.
    Nothing is fetched.
    """
    path, _, anchor = source.partition("#")
    if "://" in path or not path.lower().endswith((".md", ".markdown")):
        return None
    above = () if rule_file is None else rule_file.absolute().parents
    for folder in (*above, Path.cwd(), _INSTALLED):
        text = _read(folder / path)
        if text is not None:
            return _cut(text, anchor)
    return None


def anchor_of(heading: str) -> str:
    """Return the anchor that GitHub gives a heading."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def _read(file: Path) -> str | None:
    try:
        if not file.is_file() or file.stat().st_size > _BYTES:
            return None
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError, ValueError):
        return None


def _cut(text: str, anchor: str) -> Chapter | None:
    """Return what stands from a heading to the next of its level or above; without an anchor, the whole file."""
    title, level = "", 0
    sections: list[tuple[str, list[str]]] = []
    for line, heading in _lines(text):
        if heading is None:
            if title:
                sections[-1][1].append(line)
            continue
        depth, name = heading
        if title and depth <= level:
            break
        if not title:
            if not anchor or anchor_of(name) == anchor:
                title, level = name, depth
                sections.append(("", []))
        elif depth == level + 1:
            sections.append((name, []))
        else:
            sections[-1][1].append(line)
    if not title:
        return None
    joined = ((name, "\n".join(lines).strip()) for name, lines in sections)
    return Chapter(title, tuple((name, body) for name, body in joined if body))


def _lines(text: str) -> Iterator[tuple[str, tuple[int, str] | None]]:
    """Yield each line, with the level and the text of the heading that it is, if it is one."""
    fence = None
    for line in text.splitlines():
        mark = _FENCE.match(line)
        if mark is not None:
            fence = mark[1] if fence is None else None if fence == mark[1] else fence
        found = _HEADING.fullmatch(line) if fence is None else None
        yield line, None if found is None else (len(found[1]), found[2])
