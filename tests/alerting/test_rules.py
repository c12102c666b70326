"""Rule files: what is accepted, what comes out, and what is said about the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from simulator.alerting import rules as rules_module
from simulator.alerting.rules import check_rules, dump_rules, load_rules
from simulator.alerting.ruleset import AlertRule, Group, RecordingRule, RuleSet
from simulator.errors import EngineError, InputError, ToolMissing

if TYPE_CHECKING:
    from pathlib import Path

    from tests.alerting.conftest import Workshop

PLAIN = """\
groups:
  - name: first
    interval: 1m
    limit: 3
    rules:
      - record: job:x:rate5m
        expr: rate(x[5m])
        labels: {kind: recorded}
      - alert: TooMany
        expr: |
          job:x:rate5m
            > 5
        for: 1h30m
        keep_firing_for: 90s
        labels:
          severity: warning
        annotations:
          summary: "{{ $labels.job }}: too many"
  - name: second
    rules:
      - alert: TooMany
        expr: x > 50
        labels: {severity: critical}
"""

CRD = """\
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata: {name: one, labels: {app: runtime}}
spec:
  groups:
    - name: %s
      rules:
        - {alert: %s, expr: x > 1}
"""


def names(ruleset: RuleSet) -> list[tuple[str, str]]:
    """Return each alert with its group."""
    return [(rule.group, rule.alert) for rule in ruleset.alerts()]


def test_reads_everything_a_rule_says(workshop: Workshop) -> None:
    file = workshop.file(PLAIN)

    first, second = load_rules([file]).groups

    assert (first.name, first.interval_seconds, first.limit) == ("first", 60.0, 3)
    assert (second.name, second.interval_seconds, second.limit) == ("second", None, 0)
    assert first.rules == (
        RecordingRule("job:x:rate5m", "rate(x[5m])", {"kind": "recorded"}, "first", file, 6),
        AlertRule(
            "TooMany",
            "job:x:rate5m\n  > 5\n",
            5400,
            90,
            {"severity": "warning"},
            {"summary": "{{ $labels.job }}: too many"},
            "first",
            file,
            9,
        ),
    )
    assert second.rules == (AlertRule("TooMany", "x > 50", 0, 0, {"severity": "critical"}, {}, "second", file, 21),)


def test_keeps_alerts_of_the_same_name_apart(workshop: Workshop) -> None:
    ruleset = load_rules([workshop.file(PLAIN)])

    assert [rule.labels["severity"] for rule in ruleset.alerts()] == ["warning", "critical"]
    assert ruleset.alert_names() == ("TooMany",)


def test_takes_files_in_the_order_given(workshop: Workshop) -> None:
    one, two = workshop.file(CRD % ("g", "One")), workshop.file(CRD % ("g", "Two"))

    assert names(load_rules([two, one])) == [("g", "Two"), ("g", "One")]


def test_unwraps_a_kubernetes_object(workshop: Workshop) -> None:
    assert names(load_rules([workshop.file(CRD % ("g", "One"))])) == [("g", "One")]


def test_unwraps_every_document_of_a_file(workshop: Workshop) -> None:
    file = workshop.file(f"---\n{CRD % ('g', 'One')}---\n---\n{CRD % ('h', 'Two')}")

    assert names(load_rules([file])) == [("g", "One"), ("h", "Two")]


@pytest.mark.parametrize("kind", ["List", "PrometheusRuleList"])
def test_unwraps_a_list_of_objects(workshop: Workshop, kind: str) -> None:
    items = "".join(
        "  - " + (CRD % pair).rstrip("\n").replace("\n", "\n    ") + "\n" for pair in (("g", "One"), ("h", "Two"))
    )

    file = workshop.file(f"apiVersion: v1\nkind: {kind}\nitems:\n{items}")

    assert names(load_rules([file])) == [("g", "One"), ("h", "Two")]


def test_gives_a_groups_labels_to_its_rules(workshop: Workshop) -> None:
    file = workshop.file("""\
        groups:
          - name: g
            labels: {team: sync, severity: info}
            rules:
              - {alert: A, expr: x > 1, labels: {severity: page}}
        """)

    (rule,) = load_rules([file]).alerts()

    assert rule.labels == {"team": "sync", "severity": "page"}


def test_accepts_a_number_as_an_expression(workshop: Workshop) -> None:
    (rule,) = workshop.rules("- {alert: Always, expr: 1}").alerts()

    assert rule.expr == "1"


def test_writes_back_what_it_read(workshop: Workshop) -> None:
    ruleset = load_rules([workshop.file(PLAIN)])

    again = load_rules([workshop.file(dump_rules(ruleset))])

    def essence(ruleset: RuleSet) -> list[tuple[object, ...]]:
        return [
            (group.name, group.interval_seconds, group.limit, type(rule), rule.expr, rule.labels)
            + (
                (rule.for_seconds, rule.keep_firing_for_seconds, rule.annotations)
                if isinstance(rule, AlertRule)
                else ()
            )
            for group in ruleset.groups
            for rule in group.rules
        ]

    assert essence(again) == essence(ruleset)


@pytest.mark.parametrize(
    "text",
    ["x > 1\n", "x\n\n> 1", "  x > 1", "x >\t1\n  or y", 'x{a="é"} > 1 # é', "x > 1  \n", "\nx > 1", "1"],
)
def test_writes_any_expression_back_as_it_was(workshop: Workshop, text: str) -> None:
    rule = AlertRule("A", text, labels={"a": "yes", "b": "1.0"}, annotations={"c": "null\n", "d": "a: b", "e": "~"})

    (again,) = load_rules([workshop.file(dump_rules(RuleSet((Group("g", (rule,)),))))]).alerts()

    assert (again.expr, again.labels, again.annotations) == (rule.expr, rule.labels, rule.annotations)


def test_splits_a_set_by_evaluation_interval(workshop: Workshop) -> None:
    split = load_rules([workshop.file(PLAIN)]).by_interval(15)

    assert {interval: [group.name for group in part.groups] for interval, part in split.items()} == {
        60: ["first"],
        15: ["second"],
    }


def test_gives_groups_of_the_same_name_names_that_differ() -> None:
    ruleset = RuleSet(tuple(Group(name, ()) for name in ("g", "g", "g (2)", "h", "g")))

    assert [group.name for group in ruleset.with_unique_groups().groups] == [
        "g",
        "g (2)",
        "g (2) (2)",
        "h",
        "g (3)",
    ]


def rule(text: str) -> str:
    """Put a rule, in flow style, on line 4 of a file."""
    return f"groups:\n  - name: g\n    rules:\n      - {text}\n"


BAD = {
    "syntax": ("groups: [", 1, None, "not valid YAML"),
    "a key twice": ("groups: []\ngroups: []\n", 2, None, "duplicate key"),
    "control characters": ("groups: \x01", 1, None, "not valid YAML"),
    "a list": ("- 1\n", 1, None, "must be a mapping, not a list"),
    "empty": ("# nothing\n", None, None, "is empty"),
    "no alert": (
        "groups:\n  - name: g\n    rules:\n      - {record: x, expr: y}\n",
        None,
        None,
        "no alert rule",
    ),
    "no group": ("groups:\n", None, None, "no alert rule"),
    "unknown key": ("group: []\n", 1, "group", "unknown key 'group' (did you mean 'groups'?)"),
    "unknown kind": ("apiVersion: v1\nkind: PrometheusRules\n", 2, "kind", "did you mean 'PrometheusRule'?"),
    "another kind": ("apiVersion: v1\nkind: Service\n", 2, "kind", "unknown kind 'Service'"),
    "no spec": ("apiVersion: v1\nkind: PrometheusRule\n", 1, "spec", "must be a mapping, not nothing"),
    "groups that are a mapping": ("groups: {name: g}\n", 1, "groups", "must be a list, not a mapping"),
    "a group that is a text": ("groups:\n  - g\n", 2, "groups[0]", "must be a mapping, not a text"),
    "a group without a name": ("groups:\n  - rules: []\n", 2, "groups[0].name", "a group needs a name"),
    "a group twice": ("groups:\n  - name: g\n  - name: g\n", 3, "name", "group 'g' is there twice"),
    "an unknown key of a group": (
        "groups:\n  - name: g\n    intervall: 1m\n",
        3,
        "groups[0].intervall",
        "did you mean 'interval'?",
    ),
    "a bad interval": (
        "groups:\n  - name: g\n    interval: 1 m\n",
        3,
        "groups[0].interval",
        "not a duration",
    ),
    "a bad limit": ("groups:\n  - name: g\n    limit: many\n", 3, "groups[0].limit", "whole number"),
    "a query offset": (
        "groups:\n  - name: g\n    query_offset: 1m\n",
        3,
        "groups[0].query_offset",
        "not supported",
    ),
    "neither alert nor record": (rule("{expr: x}"), 4, "groups[0].rules[0]", "one of 'alert' and 'record'"),
    "alert and record": (rule("{alert: A, record: a, expr: x}"), 4, "groups[0].rules[0].record", "not both"),
    "no expression": (rule("{alert: A}"), 4, "groups[0].rules[0].expr", "needs an 'expr'"),
    "an empty expression": (rule("{alert: A, expr: ''}"), 4, "groups[0].rules[0].expr", "needs an 'expr'"),
    "a list as an expression": (rule("{alert: A, expr: [x]}"), 4, "groups[0].rules[0].expr", "not a list"),
    "a bad hold": (
        rule("{alert: A, expr: x, for: soon}"),
        4,
        "groups[0].rules[0].for",
        "'soon' is not a duration",
    ),
    "a hold without a unit": (rule("{alert: A, expr: x, for: 300}"), 4, "groups[0].rules[0].for", "like 15s"),
    "a negative hold": (rule("{alert: A, expr: x, for: -5m}"), 4, "groups[0].rules[0].for", "not a duration"),
    "a rule's unknown key": (rule("{alert: A, exp: x}"), 4, "groups[0].rules[0].exp", "did you mean 'expr'?"),
    "a recording rule with a hold": (
        rule("{record: a, expr: x, for: 1m}"),
        4,
        "groups[0].rules[0].for",
        "a recording rule cannot have this",
    ),
    "a label that is a number": (
        rule("{alert: A, expr: x, labels: {level: 1}}"),
        4,
        "groups[0].rules[0].labels.level",
        "must be a text, not the number 1 (put it in quotes)",
    ),
    "a label that is a truth value": (
        rule("{alert: A, expr: x, labels: {page: true}}"),
        4,
        "groups[0].rules[0].labels.page",
        "not the truth value true",
    ),
    "labels that are a list": (
        rule("{alert: A, expr: x, labels: [a]}"),
        4,
        "groups[0].rules[0].labels",
        "a list",
    ),
    "an expression that is none": (rule("{alert: A, expr: 'x >'}"), 4, "g: A", "unexpected end of input"),
    "an unknown function": (rule("{alert: A, expr: 'ratio(x[5m])'}"), 4, "g: A", "unknown function"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_named_with_file_line_and_key(workshop: Workshop, case: str) -> None:
    text, line, key, problem = BAD[case]
    file = workshop.file(text)

    with pytest.raises(InputError) as caught:
        load_rules([file])

    place = caught.value.place
    assert (place.file, place.line, place.key) == (file, line, key)
    assert problem in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.yaml: no such file"):
        load_rules([tmp_path / "none.yaml"])


def test_a_folder_is_not_a_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is a folder, not a file"):
        load_rules([tmp_path])


def test_a_binary_file_is_not_text(tmp_path: Path) -> None:
    (tmp_path / "rules.yaml").write_bytes(b"\xff\xfe\x00")

    with pytest.raises(InputError, match="is not UTF-8 text"):
        load_rules([tmp_path / "rules.yaml"])


def test_a_file_given_twice_is_refused(workshop: Workshop) -> None:
    file = workshop.file(PLAIN)

    with pytest.raises(InputError, match="is given twice"):
        load_rules([file, file])


def test_promtool_has_the_last_word_about_syntax_the_parser_refuses(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: str) -> None:
        raise ValueError("never heard of it")

    monkeypatch.setattr("simulator.alerting.rules.promql_parser.parse", refuse)

    assert workshop.rules("- {alert: A, expr: x > 1}").alert_names() == ("A",)


def test_without_promtool_the_parser_decides(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise ToolMissing(f"{name} is not installed")

    monkeypatch.setattr(rules_module, "find_tool", missing)

    with pytest.raises(InputError, match=r"rules\.yaml:4: g: A: not an expression: "):
        workshop.rules("- {alert: A, expr: x >}")


@pytest.mark.parametrize(
    ("bad", "problem"),
    [
        (AlertRule("B", "x > 1", labels={"a": "{{ $labels. }}"}, line=7), r"7: B: label \"a\": template"),
        (AlertRule("B", "x > 1", labels={"not-a-name": "y"}, line=7), "7: B: invalid label name: not-a-name"),
        (RecordingRule("not-a-name", "x", line=7), "7: not-a-name: invalid recording rule name"),
        (AlertRule('B "quoted"', "x >", line=7), '7: B "quoted": could not parse expression'),
    ],
)
def test_promtool_checks_what_only_prometheus_knows(bad: AlertRule | RecordingRule, problem: str) -> None:
    ruleset = RuleSet((Group("g", (AlertRule("A", "x > 1"),)), Group("g", (AlertRule("A", "x > 1"), bad))))

    with pytest.raises(InputError, match=problem):
        check_rules(ruleset)


def test_a_check_that_fails_without_naming_a_rule_is_an_engine_error() -> None:
    with pytest.raises(EngineError, match="promtool refuses the rules"):
        check_rules(RuleSet((Group("g", (AlertRule("A", "x > 1", for_seconds=1e12),)),)))
