"""Anchors are those that GitHub makes; criteria are read from front matter, or refused with the line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from simulator.audit.runbooks import anchors_of, load_runbooks, split_link
from simulator.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path


def runbook(folder: Path, text: str, name: str = "book.md") -> Path:
    """Write a runbook, and return its folder."""
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text)
    return folder


@pytest.mark.parametrize(
    ("text", "anchors"),
    [
        ("# The `up` metric: what, why?", {"the-up-metric-what-why"}),
        ("## Triage\n## Triage", {"triage", "triage-1"}),
        ("### a_b -- c", {"a_b----c"}),
        ("## Incident C: `stale_cursor` Spike", {"incident-c-stale_cursor-spike"}),
        ("```\n# no heading\n```\n# One", {"one"}),
        ("~~~\n```\n# no\n~~~\n# Two ##", {"two"}),
        ("Title\n=====\n\nPart\n---", {"title", "part"}),
        ("- item\n---\n", set()),
        ("# See [the docs](https://x.org/y)", {"see-the-docs"}),
        ("# An _important_ step", {"an-important-step"}),
        ('<a name="old-link"></a>\n# Über 5 %', {"old-link", "über-5-"}),
        ("#no heading", set()),
    ],
)
def test_anchors_are_made_as_github_makes_them(text: str, anchors: set[str]) -> None:
    assert anchors_of(text) == anchors


@pytest.mark.parametrize(
    ("link", "expected"),
    [
        ("docs/a.md#b", ("docs/a.md", "b")),
        ("docs/a.md", ("docs/a.md", "")),
        ("https://github.com/o/r/blob/main/docs/a.md#b", ("docs/a.md", "b")),
        ("https://gitlab.com/o/r/-/blob/main/docs/a.md#b", ("docs/a.md", "b")),
        ("https://wiki.example.org/a#b", (None, "b")),
    ],
)
def test_a_link_to_a_repository_is_a_path(link: str, expected: tuple[str | None, str]) -> None:
    assert split_link(link) == expected


def test_a_file_is_found_with_and_without_the_first_parts_of_its_path(tmp_path: Path) -> None:
    books = load_runbooks(runbook(tmp_path, "# A", "docs/a.md"))

    assert books.find("docs/a.md") == books.find("apps/runtime/docs/a.md") == tmp_path / "docs" / "a.md"
    assert books.find("docs/b.md") is None
    assert books.namesakes("elsewhere/a.md") == (tmp_path / "docs" / "a.md",)


def test_criteria_are_read_with_their_lines(tmp_path: Path) -> None:
    text = "---\ntitle: Book\ncriteria:\n  - {alert: A, kind: exit, below: 0.02, for: 15m}\n---\n# Heading\n"
    (placed,) = load_runbooks(runbook(tmp_path, text)).criteria

    assert (placed.criterion.alert, placed.criterion.bound, placed.criterion.for_seconds) == ("A", 0.02, 900.0)
    assert placed.line == 4


@pytest.mark.parametrize("text", ["# No front matter", "---\ntitle: only\n---\n# A", "---\nnever closed\n# A"])
def test_a_runbook_needs_no_criteria(tmp_path: Path, text: str) -> None:
    assert load_runbooks(runbook(tmp_path, text)).criteria == ()


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        ("{alert: A, kind: exits, below: 1}", r"book.md:3: criteria\[0\].kind: 'exits'"),
        ("{alert: A, kind: exit, blow: 1}", "unknown key 'blow' .did you mean 'below'"),
        ("{alert: A, kind: exit}", "one of 'above' and 'below'"),
        ("{alert: A, metric: b, kind: exit, below: 1}", "one of 'alert' and 'metric'"),
        ("{kind: exit, below: 1}", "one of 'alert' and 'metric'"),
        ("{alert: A, kind: exit, below: 1, for: soon}", "'soon' is not a duration"),
        ("{alert: A, below: 1}", "the key 'kind' is missing"),
    ],
)
def test_a_criterion_that_does_not_fit_is_refused_with_its_line(tmp_path: Path, entry: str, problem: str) -> None:
    folder = runbook(tmp_path, f"---\ncriteria:\n  - {entry}\n---\n")

    with pytest.raises(InputError, match=problem):
        load_runbooks(folder)


def test_criteria_that_are_no_list_and_folders_without_runbooks_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no runbook"):
        load_runbooks(tmp_path)
    with pytest.raises(InputError, match="no such folder"):
        load_runbooks(tmp_path / "missing")
    with pytest.raises(InputError, match="must be a list"):
        load_runbooks(runbook(tmp_path, "---\ncriteria: none\n---\n"))
