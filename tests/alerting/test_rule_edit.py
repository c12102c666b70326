from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from simulator.alerting.rule_edit import RuleEdit, edit_rule
from simulator.alerting.rules import load_rules
from simulator.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

BLOCK = """\
# Ours.
groups:
- name: sync   # the group
  rules:
  - record: a:b
    expr: sum(b)
  - alert: Ratio
    # Five percent.
    expr: |-
      sum(rate(errors[5m]))
        / clamp_min(sum(rate(all[5m])), 1) > 0.05
    for:   10m   # ten
    labels: {severity: page}

  - alert: Other
    expr: 'up{job=''a''} == 0'
    for: 10m
"""
RATIO = "sum(rate(errors[2m]))\n  / clamp_min(sum(rate(all[2m])), 1) > 0.1"


def _edit(folder: Path, text: str, alert: str = "Ratio", **changed: Any) -> RuleEdit:
    file = folder / "rules.yaml"
    file.write_bytes(text.encode())
    ruleset = load_rules([file])
    rule = next(rule for rule in ruleset.alerts() if rule.alert == alert)
    if callable(changed.get("expr")):
        changed["expr"] = changed["expr"](rule.expr)
    return edit_rule(rule, replace(rule, **changed), ruleset)


def _narrow(expr: str) -> str:
    return expr.replace("5m", "2m").replace("0.05", "0.1")


def test_only_the_numbers_change_and_every_other_byte_stays(tmp_path: Path) -> None:
    edit = _edit(tmp_path, BLOCK, expr=RATIO, for_seconds=90.0)

    assert edit.after == BLOCK.replace("5m]", "2m]").replace("0.05", "0.1").replace(
        "for:   10m   # ten", "for:   1m30s   # ten"
    )


def test_nothing_changes_where_the_numbers_are_the_same(tmp_path: Path) -> None:
    edit = _edit(tmp_path, BLOCK.replace("  10m ", "600s "), for_seconds=600.0)

    assert not edit.changes
    assert edit.diff() == ""


def test_line_breaks_of_windows_and_a_missing_last_one_stay(tmp_path: Path) -> None:
    text = BLOCK.rstrip("\n").replace("\n", "\r\n")

    assert _edit(tmp_path, text, "Other", keep_firing_for_seconds=300.0).after == (text + "\r\n    keep_firing_for: 5m")
    assert _edit(tmp_path, text, expr=_narrow).after == text.replace("5m]", "2m]").replace("0.05", "0.1")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param("expr: a > 5 # five", "expr: a > 50 # five", id="plain"),
        pytest.param("expr:\n      a\n      > 5\n", "expr:\n      a\n      > 50\n", id="plain on several lines"),
        pytest.param('expr: "a{b=\\"5\\"} > 5"', 'expr: "a{b=\\"5\\"} > 50"', id="double quotes with escapes"),
        pytest.param('expr: "a\\\n      \\x20> 5"', 'expr: "a\\\n      \\x20> 50"', id="a line that goes on"),
        pytest.param("expr: 'a{b=''5''} > 5'", "expr: 'a{b=''5''} > 50'", id="single quotes"),
        pytest.param("expr: >-\n      a\n\n      > 5\n", "expr: >-\n      a\n\n      > 50\n", id="folded"),
        pytest.param("expr: |2\n        a > 5\n", "expr: |2\n        a > 50\n", id="indented by hand"),
        pytest.param("expr: | # > 5\n      a\n      > 5\n", "expr: | # > 5\n      a\n      > 50\n", id="noted"),
        pytest.param("expr: !!str a > 5", "expr: !!str a > 50", id="tagged"),
        pytest.param("expr: &unused a > 5", "expr: &unused a > 50", id="an anchor that nobody uses"),
        pytest.param("'expr' : a > 5", "'expr' : a > 50", id="quoted key"),
    ],
)
def test_an_expression_is_changed_however_it_is_written(tmp_path: Path, before: str, after: str) -> None:
    text = "groups:\n- name: g\n  rules:\n  - alert: A\n    {}\n    labels: {{}}\n"

    edit = _edit(tmp_path, text.format(before), "A", expr=lambda expr: f"{expr.rstrip()}0{expr[len(expr.rstrip()) :]}")

    assert edit.after == text.format(after)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param("expr: a > 1 # c\n    labels: {}", "expr: a > 1 # c\n    for: 5m\n    labels: {}", id="plain"),
        pytest.param(
            "expr: |\n      a > 1\n\n    # of labels\n    labels: {}",
            "expr: |\n      a > 1\n    for: 5m\n\n    # of labels\n    labels: {}",
            id="block",
        ),
        pytest.param(
            "expr: |+\n      a > 1\n\n    labels: {}",
            "expr: |+\n      a > 1\n\n    for: 5m\n    labels: {}",
            id="block that keeps its blank lines",
        ),
        pytest.param("for:\n    expr: a > 1", "for: 5m\n    expr: a > 1", id="empty"),
        pytest.param("for: '0s'\n    expr: a > 1", "for: '5m'\n    expr: a > 1", id="quoted"),
        pytest.param("for: |-\n      0s\n    expr: a > 1", "for: |-\n      5m\n    expr: a > 1", id="as a block"),
        pytest.param('for: "0"\n    expr: a > 1', 'for: "5m"\n    expr: a > 1', id="zero"),
    ],
)
def test_a_hold_is_put_where_it_belongs(tmp_path: Path, before: str, after: str) -> None:
    text = "groups:\n- name: g\n  rules:\n  - alert: A\n    {}\n"

    assert _edit(tmp_path, text.format(before), "A", for_seconds=300.0).after == text.format(after)


def test_a_rule_that_begins_with_its_expression_gets_both_holds_below_it(tmp_path: Path) -> None:
    text = "groups: [{name: g, rules: [{expr: a > 1, alert: A}]}]\n"
    block = "groups:\n- name: g\n  rules:\n  - expr: a > 1\n    alert: A\n"

    flow = _edit(tmp_path, text, "A", for_seconds=60.0, keep_firing_for_seconds=120.0)
    assert "{expr: a > 1, for: 1m, keep_firing_for: 2m, alert: A}" in flow.after
    edit = _edit(tmp_path, block, "A", for_seconds=60.0, keep_firing_for_seconds=120.0)
    assert edit.after == block.replace("    alert", "    for: 1m\n    keep_firing_for: 2m\n    alert")


def test_json_stays_json(tmp_path: Path) -> None:
    text = '{"groups":[{"name":"g","rules":[{"alert":"A","expr":"a > 1"}]}]}'

    edit = _edit(tmp_path, text, "A", for_seconds=60.0, expr="a > 2")

    assert edit.after == '{"groups":[{"name":"g","rules":[{"alert":"A","expr":"a > 2", "for": "1m"}]}]}'


def test_the_right_one_of_several_documents_wrappers_and_namesakes_is_changed(tmp_path: Path) -> None:
    rule = "  - alert: A\n      expr: a > 1\n"
    wrapped = (
        "apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nspec:\n  groups:\n  - name: {}\n    rules:\n  {}"
    )
    text = "---\n" + wrapped.format("one", rule) + "...\n---\n" + wrapped.format("two", rule + "    " + rule[2:])
    file = tmp_path / "rules.yaml"
    file.write_text(text)
    ruleset = load_rules([file])
    last = ruleset.alerts()[-1]

    edit = edit_rule(last, replace(last, expr="a > 2"), ruleset)

    assert edit.after == text[: text.rindex("1")] + "2\n"


def test_what_an_alias_shares_is_not_changed(tmp_path: Path) -> None:
    shared = (
        "groups:\n- name: g\n  rules:\n  - &rule\n    alert: A\n    expr: &e a > 1\n    for: &hold 1m\n"
        "  - alert: B\n    expr: *e\n    for: *hold\n- name: h\n  rules:\n  - *rule\n"
    )
    for alert in ("A", "B"):
        for changed in ({"expr": "a > 2"}, {"for_seconds": 120.0}):
            with pytest.raises(InputError, match=r"alias") as caught:
                _edit(tmp_path, shared, alert, **changed)
            assert caught.value.place.file == tmp_path / "rules.yaml"


def test_a_merged_hold_is_overridden_in_the_rule_itself(tmp_path: Path) -> None:
    text = (
        "groups:\n- name: g\n  rules:\n  - &rule {alert: A, expr: a > 1, for: 1m}\n"
        "  - <<: *rule\n    alert: B\n    expr: b > 1\n"
    )

    edit = _edit(tmp_path, text, "B", for_seconds=120.0)
    assert edit.after == f"{text}    for: 2m\n"
    with pytest.raises(InputError, match="alias"):
        _edit(tmp_path, text, "A", for_seconds=120.0)


def test_a_merged_expression_is_not_changed(tmp_path: Path) -> None:
    text = "groups:\n- name: g\n  rules:\n  - &base {alert: A, expr: a > 1}\n  - <<: *base\n    alert: B\n"

    with pytest.raises(InputError, match="merged mapping"):
        _edit(tmp_path, text, "B", expr="a > 2")


def test_the_diff_can_be_applied_by_patch(tmp_path: Path) -> None:
    edit = _edit(tmp_path, BLOCK.rstrip("\n"), "Other", for_seconds=60.0)

    assert edit.diff().splitlines()[-4:] == [
        "-    for: 10m",
        "\\ No newline at end of file",
        "+    for: 1m",
        "\\ No newline at end of file",
    ]


def test_a_file_is_written_with_its_mode_and_through_its_link(tmp_path: Path) -> None:
    edit = _edit(tmp_path, BLOCK, for_seconds=60.0)
    edit.file.chmod(0o640)
    link = tmp_path / "link.yaml"
    link.symlink_to(edit.file.name)

    replace(edit, file=link).apply()

    assert link.is_symlink()
    assert edit.file.read_text() == edit.after
    assert edit.file.stat().st_mode & 0o7777 == 0o640
    assert sorted(file.name for file in tmp_path.iterdir()) == ["link.yaml", "rules.yaml"]


def test_a_file_that_changed_meanwhile_is_left_as_it_is(tmp_path: Path) -> None:
    edit = _edit(tmp_path, BLOCK, for_seconds=60.0)
    edit.file.write_text(f"{BLOCK}# new\n")

    with pytest.raises(InputError, match="changed meanwhile"):
        edit.apply()

    assert edit.file.read_text() == f"{BLOCK}# new\n"
    assert [file.name for file in tmp_path.iterdir()] == ["rules.yaml"]
