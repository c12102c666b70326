"""Findings of one cause are one, and what promtool does not confirm is none."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from faults import load_faults
from simulator.alerting.rules import load_rules
from simulator.alerting.ruleset import RuleSet
from simulator.audit.auditing import audit
from simulator.audit.checks import Check
from simulator.audit.counterexample import Alerts, Answer, Experiment, only, run_experiment
from simulator.audit.finding import Kind, Unchecked, Where
from simulator.audit.preparing import Request, prepare

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from simulator.audit.finding import Finding
    from simulator.audit.subject import Subject

ODD = Kind("odd", "warning", "It is odd.", "It matters.")
RULES = """\
groups:
  - name: zoo
    rules:
      - {record: "animals:loose", expr: sum(animals)}
      - alert: Loose
        expr: animals:loose > 2
        labels: {severity: warning}
        annotations: {summary: "{{ $value }} are loose"}
      - {record: "after", expr: sum(animals)}
      - {alert: Other, expr: sum(animals) > 100, labels: {severity: warning}}
"""


@pytest.fixture
def subject(tmp_path: Path) -> Subject:
    file = tmp_path / "rules.yaml"
    file.write_text(RULES)
    return prepare(Request((file,)), load_faults())


def experiment(*claims: Answer | Alerts, values: str = "0+1x20", breaks: str | None = None) -> Experiment:
    """Return an experiment with one series, on no rules."""
    return Experiment("animals run", RuleSet(()), (('animals{kind="ape"}', values),), claims, breaks=breaks)


def test_findings_of_one_cause_are_one_as_grave_as_the_gravest(subject: Subject) -> None:
    def find(_: Subject) -> Iterator[Finding]:
        for line, severity in ((9, "info"), (3, "error"), (5, "warning")):
            yield ODD.at(Where(f"A{line}", subject.files[0], line), "odd", severity=severity, cause="one")  # type: ignore[arg-type]
        yield ODD.at(Where("A9", subject.files[0], 9), "odd again")

    found = audit(subject, [Check((ODD,), find)]).findings

    assert [(one.where.line, one.severity, [place.line for place in one.also]) for one in found] == [
        (9, "error", [3, 5]),
        (9, "warning", []),
    ]


def test_a_finding_that_promtool_does_not_confirm_is_not_reported_as_one(subject: Subject) -> None:
    true, false = (experiment(Answer("animals", 30.0, (('animals{kind="ape"}', value),))) for value in (2.0, 7.0))

    def find(_: Subject) -> Iterator[Finding | Unchecked]:
        yield ODD.at(Where("true"), "odd", experiment=true)
        yield ODD.at(Where("false"), "odd", experiment=false)
        yield Unchecked("the rest", "it is late")

    result = audit(subject, [Check((ODD,), find)])

    assert [one.where.subject for one in result.findings] == ["true"]
    rest, doubtful = result.unchecked
    assert rest == Unchecked("the rest", "it is late")
    assert doubtful.what == "odd at false"
    assert "promtool does not confirm" in doubtful.reason


def test_the_claims_of_an_experiment_are_promtools_to_judge() -> None:
    assert run_experiment(experiment(Answer("animals > 100", 60.0))).confirmed
    assert not run_experiment(experiment(Answer("animals", 60.0))).confirmed
    assert run_experiment(experiment(Answer("animals * on () group_left () animals2", 60.0))).confirmed
    many = Experiment(
        "two meet one",
        RuleSet(()),
        (('a{x="1"}', "1x5"), ('a{x="2"}', "1x5"), ("b", "1x5")),
        (Answer("a * on () b", 30.0),),
        breaks="many-to-one",
    )
    assert run_experiment(many).confirmed
    assert not run_experiment(experiment(Answer("animals > 100", 60.0), breaks="many-to-one")).confirmed


def test_an_experiment_with_a_rule_takes_the_recordings_that_it_may_read_and_its_annotations(tmp_path: Path) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text(RULES)
    ruleset = load_rules([file])
    alone = only(ruleset.alerts()[0], ruleset)

    assert [rule.record for rule in alone.recordings()] == ["animals:loose", "after"]
    assert [rule.alert for rule in alone.alerts()] == ["Loose"]

    firing = Alerts("Loose", 60.0, ({"severity": "warning"},), {"summary": "4 are loose"})
    series = (("animals", "0+1x20"),)
    assert run_experiment(Experiment("they run", alone, series, (Alerts("Loose", 30.0), firing))).confirmed
    assert not run_experiment(Experiment("they run", alone, series, (Alerts("Loose", 60.0),))).confirmed
