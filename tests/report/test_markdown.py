"""`report.md`: its parts, and tables that stay tables whatever a name has in it."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from simulator.core.losses import SILENT_LOSSES
from simulator.report.markdown import write_markdown

if TYPE_CHECKING:
    from tests.report.conftest import Desk

UNESCAPED_PIPE = re.compile(r"(?<!\\)\|")


def tables(text: str) -> list[list[str]]:
    """Return each table's lines."""
    found: list[list[str]] = []
    previous = ""
    for line in text.splitlines():
        if line.startswith("|"):
            if not previous.startswith("|"):
                found.append([])
            found[-1].append(line)
        previous = line
    return found


def test_a_report_has_the_verdict_its_reasons_and_every_part(desk: Desk) -> None:
    rules = (desk.rule("Auth", (400, 700, 1000)), desk.rule("Timeout"), desk.rule("Blind", no_data=True))
    text = write_markdown(desk.verdict({"fires": {"alert": "Auth"}}, "no_other_alerts", rules=rules))
    assert text.startswith("# x: PASS\n\nWhat happens.\n\n- Auth: fired at 11m40s")
    titles = [line for line in text.splitlines() if line.startswith("## ")]
    assert titles == ["## Timeline", "## Expectations", "## Alerts", "## Silent losses", "## Provenance"]
    assert "\n\nNo client lost events without being told.\n\n" in text
    assert "| 5m | injected | `auth.key-drift` | level 0.5, reached 3 of 500 clients |" in text
    assert "| `Auth` | fire | fired | 6m40s | 11m40s | 16m40s | -3m20s | `drift` |" in text
    assert "- `Blind`: nothing matched `openagents_runtime_sync_other`" in text
    assert "Prometheus 2.53.0; alert timeline certified by `promtool test rules`" in text


def test_every_row_of_a_table_has_as_many_cells_as_its_head(desk: Desk) -> None:
    rules = (desk.rule("Auth", (400, 700, 1000)), desk.rule("a|b"), desk.rule("c\nd", (1, None, 2)))
    injections = (desk.injection("x|y"), desk.injection("v\n\nw", "set"))
    text = write_markdown(desk.verdict({"silent": {"alert": "a|b"}}, rules=rules, injections=injections))
    found = tables(text)
    assert len(found) == 4
    for table in found:
        assert len({len(UNESCAPED_PIPE.findall(line)) for line in table}) == 1, table
    assert r"`a\|b`" in text
    assert "`c d`" in text


def test_parts_that_would_be_empty_are_left_out(desk: Desk) -> None:
    evidence_free = desk.verdict(rules=(), injections=(), timeline=None, trouble=("no engine\nat all",), losses=None)
    text = write_markdown(evidence_free.model_copy(update={"summary": ""}))
    assert [line for line in text.splitlines() if line.startswith("#")] == ["# x: INVALID", "## Provenance"]
    assert text.startswith("# x: INVALID\n\n- no engine at all\n\n## Provenance\n\n|")
    assert "engine | none; alert timeline not certified" in text
    assert "\n\n\n" not in text


def test_a_refuted_timeline_is_called_so(desk: Desk) -> None:
    verdict = desk.verdict()
    assert verdict.certification is not None
    refuted = verdict.certification.model_copy(update={"certified": False})
    text = write_markdown(verdict.model_copy(update={"certification": refuted}))
    assert "alert timeline refuted by" in text


def test_a_rule_without_data_and_without_selectors_says_why(desk: Desk) -> None:
    rule = replace(desk.rule("Blind", no_data=True), missing=())
    assert "- `Blind`: no series" in write_markdown(desk.verdict(rules=(rule,)))


def test_scrapes_that_failed_are_told(desk: Desk) -> None:
    told = "- 4 of 120 scrapes of sync at one failed, from 16m40s to 17m25s"
    assert told in write_markdown(desk.verdict(timeline=desk.half_seen()))


def test_a_live_report_says_real_time_and_claims_no_certificate_or_digest(desk: Desk) -> None:
    text = write_markdown(desk.verdict(mode="live", digest=None))
    assert "| real time |" in text
    assert "it evaluated the rules while the run went on" in text
    assert "promtool" not in text
    assert "digest" not in text


def test_silent_losses_are_told_by_name_with_what_they_mean(desk: Desk) -> None:
    text = write_markdown(desk.verdict(losses={"purged_gap": {1, 2}, "starved": {7}, "future_cursor": set()}))
    assert "No client lost" not in text
    assert f"| `purged_gap` | 2 of 500 | {SILENT_LOSSES['purged_gap']} |" in text
    assert f"| `starved` | 1 of 500 | {SILENT_LOSSES['starved']} |" in text
    assert "future_cursor" not in text
