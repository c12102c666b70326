"""The report of an audit in all of its forms."""

from __future__ import annotations

import io
import json
import subprocess
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
from rich.console import Console

from faults import load_faults
from simulator.alerting.toolchain import find_tool
from simulator.audit.auditing import audit
from simulator.audit.checks import STATIC
from simulator.audit.page import write_page
from simulator.audit.preparing import Request, prepare
from simulator.audit.report import AuditReport, leave_counterexamples, make_report, to_github, to_junit
from simulator.audit.view import render

if TYPE_CHECKING:
    from simulator.alerting.ruleset import RuleSet
    from simulator.audit.auditing import Result

ROOT = Path(__file__).parents[2]
RULES = """\
groups:
  - name: zoo
    rules:
      - alert: Dead
        expr: sum(nonsense) > 0
        labels: {severity: warning}
        annotations: {summary: "100% dead, twice", runbook: docs/x.md}
      # syncstorm: ignore severity-missing it goes to everybody
      - alert: Bare
        expr: sum(openagents_runtime_sync_socket_timeout_count) > 1
        annotations: {summary: Something}
      - alert: Good
        expr: sum(openagents_runtime_sync_socket_timeout_count) > 5
        labels: {severity: critical}
        annotations: {summary: Something, runbook: docs/x.md}
"""


@pytest.fixture(scope="module")
def audited(tmp_path_factory: pytest.TempPathFactory) -> tuple[RuleSet, Result, AuditReport]:
    """Return rules of which one is dead, one bare and one good, and what is said of them."""
    file = tmp_path_factory.mktemp("report") / "rules.yaml"
    file.write_text(RULES)
    subject = prepare(Request((file,)), load_faults())
    with subject.lab:
        result = audit(subject, STATIC)
    return subject.ruleset, result, make_report(subject, result)


@pytest.fixture
def report(audited: tuple[RuleSet, Result, AuditReport]) -> AuditReport:
    return audited[2]


def test_findings_are_in_the_order_of_lines_and_count_by_severity(report: AuditReport) -> None:
    assert [(one.where.subject, one.kind) for one in report.findings] == [
        ("Dead", "metric-missing"),
        ("Bare", "runbook-missing"),
    ]
    assert (report.count("error"), report.count("warning"), report.count("info")) == (1, 0, 1)
    assert [one.kind for one in report.at_least("warning")] == ["metric-missing"]
    assert len(report.at_least("info")) == 2


def test_json_fits_its_schema_and_has_the_counter_example(report: AuditReport) -> None:
    data = json.loads(report.model_dump_json())

    Draft202012Validator(AuditReport.model_json_schema()).validate(data)
    assert "alert_rule_test" in data["findings"][0]["counterexample"]
    assert data["suppressed"][0]["reason"] == "it goes to everybody"
    assert [gap["reason"] for gap in data["unchecked"]] == ["no --runbooks were given", "no --dashboards were given"]


def test_junit_fails_what_counts_passes_other_rules_and_skips_what_was_not_checked(
    audited: tuple[RuleSet, Result, AuditReport],
) -> None:
    ruleset, _, report = audited
    strict, usual = (ET.fromstring(to_junit(report, ruleset, severity)) for severity in ("info", "error"))

    assert [suite.find("testsuite").attrib["failures"] for suite in (strict, usual)] == ["2", "1"]  # type: ignore[union-attr]
    passed = [case.attrib["name"] for case in usual.iter("testcase") if len(case) == 0]
    assert passed == ["Bare", "Good"]
    assert len(list(usual.iter("skipped"))) == 2


def test_github_gets_one_line_for_each_finding_with_its_place_and_nothing_unescaped(report: AuditReport) -> None:
    first, second = to_github(report).splitlines()

    assert first.startswith("::error file=")
    assert ",line=4,title=metric-missing%3A Dead::reads nonsense" in first
    assert second.startswith("::notice file=")


def test_the_terminal_says_why_once_and_names_what_was_suppressed_and_not_checked(report: AuditReport) -> None:
    console = Console(width=100, record=True, file=io.StringIO())
    console.print(render(report))
    text = " ".join(console.export_text().split())

    assert "error metric-missing" in text
    assert "promtool confirms: whatever else grows, Dead sees nothing" in text
    assert "suppressed severity-missing" in text
    assert "it goes to everybody" in text
    assert "not checked panels: no --dashboards were given" in text
    assert "1 error, 0 warning, 1 info; held against the contract openagents-runtime, scenario tabletop" in text


def test_the_counter_examples_that_are_left_pass_in_promtool(
    audited: tuple[RuleSet, Result, AuditReport], tmp_path: Path
) -> None:
    left = leave_counterexamples(audited[1].findings, tmp_path / "out")

    assert [file.name for file in left] == ["metric-missing-Dead-4.test.yaml"]
    done = subprocess.run([find_tool("promtool").path, "test", "rules", *left], capture_output=True, check=False)
    assert done.returncode == 0, done.stdout


def test_the_page_about_audits_is_what_the_code_says() -> None:
    assert (ROOT / "docs" / "audit.md").read_text() == write_page()
