"""Finding the chapter of a runbook that an alert names."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from simulator.alerting.ruleset import AlertRule
from simulator.alerting.runbook import Chapter, anchor_of, find_chapter, runbook_of

if TYPE_CHECKING:
    from pathlib import Path

TEXT = """# Runbook

Read this first.

## Auth & tokens

What it is about.

### Triage

1. Look.

   ```sh
   # a comment, and no heading
   ```

#### In depth

More.

### Mitigation

Roll back.

## Other
Not this.
"""


@pytest.fixture
def rule_file(tmp_path: Path) -> Path:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "runbook.md").write_text(TEXT)
    (tmp_path / "rules").mkdir()
    return tmp_path / "rules" / "rules.yaml"


def test_a_chapter_is_cut_into_its_sections(rule_file: Path) -> None:
    chapter = find_chapter("docs/runbook.md#auth--tokens", rule_file)
    assert chapter is not None
    assert chapter.title == "Auth & tokens"
    assert [title for title, _ in chapter.sections] == ["", "Triage", "Mitigation"]
    assert "# a comment, and no heading" in chapter.sections[1][1]
    assert chapter.sections[1][1].endswith("#### In depth\n\nMore.")
    assert chapter.sections[2] == ("Mitigation", "Roll back.")


def test_without_an_anchor_it_is_the_whole_file(rule_file: Path) -> None:
    chapter = find_chapter("docs/runbook.md", rule_file)
    assert chapter is not None
    assert [title for title, _ in chapter.sections] == ["", "Auth & tokens", "Other"]


def test_a_shipped_runbook_is_found_wherever_the_rules_are(tmp_path: Path) -> None:
    chapter = find_chapter("simulator/data/runbooks/sync-channel.md#stale-cursor-spike", tmp_path / "rules.yaml")
    assert chapter is not None
    assert "Triage" in dict(chapter.sections)


@pytest.mark.parametrize(
    "source",
    [
        "docs/runbook.md#nothing",
        "docs/none.md#auth--tokens",
        "https://example.org/docs/runbook.md#auth--tokens",
        "/etc/passwd",
        "rules/rules.yaml",
        "",
        "docs/\x00.md",
    ],
)
def test_what_is_no_chapter_of_a_file_here_is_nothing(rule_file: Path, source: str) -> None:
    rule_file.write_text("groups: []")
    assert find_chapter(source, rule_file) is None


def test_a_file_that_is_no_text_is_nothing(tmp_path: Path) -> None:
    (tmp_path / "runbook.md").write_bytes(b"# A\n\xff\xfe")
    assert find_chapter("runbook.md", tmp_path / "rules.yaml") is None


def test_a_rule_names_its_runbook_by_either_annotation() -> None:
    assert runbook_of(AlertRule("A", "up", annotations={"runbook": "a.md", "runbook_url": "b"})) == "a.md"
    assert runbook_of(AlertRule("A", "up", annotations={"runbook_url": " https://x "})) == "https://x"
    assert runbook_of(AlertRule("A", "up")) == ""


def test_a_heading_without_text_below_it_has_no_section(tmp_path: Path) -> None:
    (tmp_path / "runbook.md").write_text("# A\n## B\n## C\ntext\n")
    assert find_chapter("runbook.md", tmp_path / "rules.yaml") == Chapter("A", (("C", "text"),))


def test_anchors_are_those_of_github() -> None:
    assert anchor_of("Auth & token failures!") == "auth--token-failures"
