"""A finding can be accepted, with a reason, at the rule or panel that it is about; it is then listed, not hidden."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from faults import load_faults
from simulator.audit.auditing import audit
from simulator.audit.checks import Check
from simulator.audit.preparing import Request, prepare
from simulator.audit.static import labels, metrics, wiring
from simulator.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

    from simulator.audit.auditing import Result

RULES = """\
{head}
groups:
  - name: zoo
    rules:
      {above}
      - alert: First
        expr: vector(1) > 2{beside}
        labels: {{severity: warning}}
        annotations: {{summary: An animal is loose}}
      - alert: Second
        expr: vector(1) > 3
        labels: {{severity: warning}}
        annotations: {{summary: An animal is loose}}
"""
CHECKS = tuple(Check(module.KINDS, module.find) for module in (metrics, labels, wiring))


def findings(folder: Path, note: str = "", **places: str) -> Result:
    """Audit two rules without runbooks, with comments."""
    file = folder / "rules.yaml"
    file.write_text(RULES.format(**({"head": "", "above": "", "beside": ""} | places)))
    board = folder / "board.json"
    panel = {"title": "Panel", "description": note, "targets": [{"expr": "nonsense"}]}
    board.write_text(json.dumps({"title": "Board", "panels": [panel]}))
    subject = prepare(Request((file,), dashboards=(board,)), load_faults())
    with subject.lab:
        return audit(subject, CHECKS)


def kinds(result: Result) -> list[tuple[str, str]]:
    return [(finding.where.subject, finding.kind.name) for finding in result.findings]


FIRST, SECOND = ("First", "runbook-missing"), ("Second", "runbook-missing")
PANEL = ("Board: Panel", "metric-missing")


def test_without_a_comment_everything_is_found(tmp_path: Path) -> None:
    assert kinds(findings(tmp_path)) == [PANEL, FIRST, SECOND]


@pytest.mark.parametrize("place", ["above", "beside"])
def test_a_comment_above_or_in_a_rule_accepts_its_finding_and_no_other(tmp_path: Path, place: str) -> None:
    comment = "# syncstorm: ignore runbook-missing the keeper knows"
    result = findings(tmp_path, **{place: comment if place == "above" else f"  {comment}"})

    assert kinds(result) == [PANEL, SECOND]
    ((finding, by),) = result.suppressed
    assert (finding.where.subject, by.reason) == ("First", "the keeper knows")


def test_the_description_of_a_panel_accepts_what_is_found_in_it(tmp_path: Path) -> None:
    result = findings(tmp_path, note="Shows nothing yet.\nsyncstorm: ignore metric-missing comes with 2.0")

    assert kinds(result) == [FIRST, SECOND]
    assert [by.reason for _, by in result.suppressed] == ["comes with 2.0"]


def test_a_comment_that_accepts_nothing_is_a_finding(tmp_path: Path) -> None:
    result = findings(tmp_path, above="# syncstorm: ignore severity-missing it has one")

    assert ("ignore severity-missing", "suppression-unused") in kinds(result)


@pytest.mark.parametrize(
    ("comment", "problem"),
    [
        (
            "# syncstorm: ignore runbook-mising x",
            "unknown kind of finding 'runbook-mising' .did you mean 'runbook-missing'",
        ),
        ("# syncstorm: ignore runbook-missing", "gives no reason to ignore runbook-missing"),
        ("# syncstorm: ignore", "says not which finding to ignore"),
    ],
)
def test_a_comment_without_a_kind_that_there_is_or_a_reason_is_refused(
    tmp_path: Path, comment: str, problem: str
) -> None:
    with pytest.raises(InputError, match=f"rules.yaml:5: {problem}"):
        findings(tmp_path, above=comment)
