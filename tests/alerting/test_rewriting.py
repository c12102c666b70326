"""Edits of an expression's text, each proved by parsing it again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import promql_parser as promql
import pytest

from simulator.alerting.facts import facts
from simulator.alerting.rewriting import (
    dissect,
    value_expr,
    with_operator,
    with_threshold,
    with_window,
    with_windows,
    without_bound,
    without_matcher,
)
from simulator.alerting.rules import load_rules
from simulator.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parent.parent.parent
RULES = [
    rule.expr for file in sorted((ROOT / "simulator/data/rules").glob("*.yaml")) for rule in load_rules([file]).alerts()
]
AUTH = """# handshakes > 3
sum(rate(a{status="error", x=~"}>[5m]"}[5m]))  # of all
  / clamp_min(sum(rate(a[ 5m ] offset 5m)), 1)
  > 0.05 # five percent"""


def test_everything_else_stays_as_it_was_written() -> None:
    assert with_threshold(AUTH, 0.1) == AUTH.replace("0.05", "0.1")
    assert with_windows(AUTH, 120) == AUTH.replace("[5m]))", "[2m]))").replace("[ 5m ]", "[ 2m ]")
    assert with_operator(AUTH, "<=") == AUTH.replace("  > 0.05", "  <= 0.05")
    assert without_matcher(AUTH, 0) == AUTH.replace('status="error", ', "")
    assert without_matcher(AUTH, 1) == AUTH.replace(', x=~"}>[5m]"', "")
    assert without_bound(AUTH) == AUTH.replace("\n  > 0.05", "")


def test_an_expression_is_taken_apart() -> None:
    anatomy = dissect(AUTH)

    (bound,) = anatomy.bounds
    assert (bound.operator, bound.threshold, bound.is_filter) == (">", 0.05, True)
    assert bound.expr.startswith("sum(rate(a{")
    assert bound.expr.endswith("offset 5m)), 1)")
    assert [window.seconds for window in anatomy.windows] == [300, 300]
    assert [(one.name, one.operator, one.value) for one in anatomy.matchers] == [
        ("status", "=", "error"),
        ("x", "=~", "}>[5m]"),
    ]
    assert anatomy.refusal is None


@pytest.mark.parametrize(
    ("expr", "bounds"),
    [
        ("x > 5", [("x", ">", 5)]),
        ("5 < x", [("x", ">", 5)]),
        ("((0x10) >= (x))", [("(x)", "<=", 16)]),
        ("x > -1e-3", [("x", ">", -0.001)]),
        ("x > -(3)", [("x", ">", -3)]),
        ("x<Inf", [("x", "<", float("inf"))]),
        ("x != .5", [("x", "!=", 0.5)]),
        ("a > 1 and b < 2", [("a", ">", 1), ("b", "<", 2)]),
        ("a > 1 AND on (x) (b == 2) unless c >= 3", [("a", ">", 1), ("b", "==", 2), ("c", ">=", 3)]),
        ("(a > 1 or b > 2) and on () c > 3", [("a", ">", 1), ("b", ">", 2), ("c", ">", 3)]),
        ("a > b and c > 1", [("c", ">", 1)]),
        ("a > 1 > 2", [("a > 1", ">", 2)]),
        ("a - b > 1 + 0 and c > 1", [("c", ">", 1)]),
        ("sum by (and, or) (a > 7) > 1", [("sum by (and, or) (a > 7)", ">", 1)]),
        ('label_replace(a, "or", "> 3", "x", "(.*)") > 1', [('label_replace(a, "or", "> 3", "x", "(.*)")', ">", 1)]),
        ("`a`", []),
    ],
)
def test_comparisons_with_a_number_are_found(expr: str, bounds: list[tuple[str, str, float]]) -> None:
    assert [(one.expr, one.operator, one.threshold) for one in dissect(expr).bounds] == bounds


@pytest.mark.parametrize(
    ("expr", "whole"),
    [
        ("sum(rate(x[5m])) > 0.05", ("sum(rate(x[5m]))", ">", 0.05)),
        ("((-2) > (x))", ("(x)", "<", -2.0)),
        ("x > 1 and y > 2", None),
        ("x and y > 2", None),
        ("x > y", None),
        ("x >", None),
    ],
)
def test_an_expression_may_be_one_comparison_as_a_whole(expr: str, whole: tuple[str, str, float] | None) -> None:
    found = dissect(expr).whole
    assert (found and (found.expr, found.operator, found.threshold)) == whole


@pytest.mark.parametrize(
    ("expr", "reason"),
    [
        ("absent(x)", "it does not compare with a number"),
        ("x > y", "it compares with another expression, not with a number"),
        ("x > 5 * 1024", "it compares with a calculation, not with a number"),
        ("x > scalar(y)", "it compares with another expression, not with a number"),
        ("x > bool 1", "it compares with 'bool', so that it always has a result"),
        ("x > ", "it cannot be parsed"),
        ("x > 1 # \N{SNOWMAN}\n and \N{SNOWMAN}", "it cannot be parsed"),
    ],
)
def test_what_cannot_be_swept_says_why(expr: str, reason: str) -> None:
    anatomy = dissect(expr)

    assert anatomy.refusal is not None
    assert anatomy.refusal.startswith(reason)
    with pytest.raises(InputError, match=anatomy.refusal[:20]):
        with_threshold(expr, 1)


@pytest.mark.parametrize(
    ("expr", "edit", "edited"),
    [
        ("5 < x", lambda expr: with_threshold(expr, 7), "7 < x"),
        ("5 < x", lambda expr: with_operator(expr, ">="), "5 <= x"),
        ("5 < x", without_bound, "x"),
        ("x > (5)", lambda expr: with_threshold(expr, 0.25), "x > (0.25)"),
        ("x > -(5)", lambda expr: with_threshold(expr, -2.5), "x > -2.5"),
        ("x >5", lambda expr: with_threshold(expr, -1), "x >-1"),
        ("x > 5", lambda expr: with_threshold(expr, float("inf")), "x > Inf"),
        ("x > 5", lambda expr: with_threshold(expr, float("-inf")), "x > -Inf"),
        ("x > 5", lambda expr: with_threshold(expr, 1e300), "x > 1e+300"),
        ("a > 1 and b < 2", lambda expr: with_threshold(expr, 3, 1), "a > 1 and b < 3"),
        ("a > 1 and b < 2", lambda expr: without_bound(expr, 1), "a > 1 and b"),
        (
            "rate(x[1m]) / rate(x[1h]) > 1",
            lambda expr: with_windows(expr, [30, 90.5]),
            "rate(x[30s]) / rate(x[1m30s500ms]) > 1",
        ),
        ("rate(x[1m]) / rate(x[1h]) > 1", lambda expr: with_window(expr, 120), "rate(x[2m]) / rate(x[2h]) > 1"),
        (
            "max_over_time(rate(x[1m])[5m:1m]) > 1",
            lambda expr: with_windows(expr, 60.5),
            "max_over_time(rate(x[1m500ms])[5m:1m]) > 1",
        ),
        ('x{a="b",} > 1', lambda expr: without_matcher(expr, 0), "x{} > 1"),
        ('x{a="b" , c!="d"} > 1', lambda expr: without_matcher(expr, 0), 'x{c!="d"} > 1'),
        ('x{a="b" # one\n, c!="d" # two\n} > 1', lambda expr: without_matcher(expr, 1), 'x{a="b" # one\n # two\n} > 1'),
    ],
)
def test_edits(expr: str, edit: Callable[[str], str], edited: str) -> None:
    assert edit(expr) == edited


@pytest.mark.parametrize(
    ("edit", "reason"),
    [
        (lambda: with_threshold("x > 1", 2, 1), "there is no comparison 1 with a number; there are 1"),
        (lambda: with_threshold("x > 1", float("nan")), "a threshold cannot be NaN"),
        (lambda: with_operator("x > 1", "=>"), "unknown comparison '=>'"),
        (lambda: with_windows("x > 1", 60), "there is no window"),
        (lambda: with_windows("rate(x[5m]) > 1", [1, 2]), "2 lengths for 1 windows"),
        (lambda: with_windows("rate(x[5m]) > 1", 0), "a window has to be longer than 0"),
        (lambda: with_windows("max_over_time(x[5m:1m]) > 1", 60), "there is no window"),
        (lambda: without_matcher("x > 1", 0), "there is no label matcher 0; there are 0"),
        (lambda: without_matcher('{a="b"} > 1', 0), "what is left is no expression"),
    ],
)
def test_what_cannot_be_edited_says_why(edit: Callable[[], str], reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        edit()


@pytest.mark.parametrize(
    ("expr", "index", "value"),
    [
        ("x > 1", 0, "x"),
        ("(x > 1) and on () y > 2", 0, "(x) and on () y > 2"),
        ("(x > 1) and on () y > 2", 1, None),
        ("x > 1 unless y > 2", 0, "x unless y > 2"),
        ("x > 1 unless y > 2", 1, None),
        ("x > 1 or y > 2", 0, None),
        ("(x > 1 or y > 2) and z", 0, None),
        ("((x > 1) unless y) and z > 3", 0, "((x) unless y) and z > 3"),
    ],
)
def test_a_comparison_is_made_afterwards_only_where_it_filters_the_whole(
    expr: str, index: int, value: str | None
) -> None:
    assert value_expr(expr, index) == value


@pytest.mark.parametrize("expr", RULES)
def test_every_part_of_the_shipped_rules_can_be_edited(expr: str) -> None:
    anatomy = dissect(expr)

    assert anatomy.refusal is None
    for bound in anatomy.bounds:
        changed = with_threshold(expr, 12345.5, bound.index)
        assert dissect(changed).bounds[bound.index].threshold == 12345.5
        assert facts(promql.parse(with_threshold(changed, bound.threshold, bound.index))) == facts(promql.parse(expr))
        assert without_bound(expr, bound.index) in {
            expr,
            value_expr(expr, bound.index) or without_bound(expr, bound.index),
        }
    if anatomy.windows:
        assert {window.seconds for window in dissect(with_windows(expr, 77)).windows} == {77}
    for matcher in anatomy.matchers:
        assert len(dissect(without_matcher(expr, matcher.index)).matchers) == len(anatomy.matchers) - 1


def test_facts_tell_trees_apart_that_differ_in_one_thing() -> None:
    trees = [
        "a + b", "a - b", "b + a", "a + on () b", "a + on (x) b", "a + ignoring (x) b", "a + on (x) group_left () b",
        "a + on (x) group_left (y) b", "a + on (x) group_right (y) b", "a > b", "a > bool b", "-a", "(a)", "a", "a @ 1",
        "a @ end()", "a offset 1m", "a offset -1m", 'a{x="1"}', 'a{x!="1"}', 'a{x=~"1"}', 'a{y="1"}',
        'a{x="1" or y="2"}',
        "a[1m]", "a[2m]", "a[2m:]", "a[2m:1m]", "a[2m:1m] offset 1m", "rate(a[1m])", "irate(a[1m])", "sum(a)", "max(a)",
        "sum by (x) (a)", "sum without (x) (a)", "topk(1, a)", "topk(2, a)", "1", "2", "'x'", "vector(1)",
    ]  # fmt: skip

    assert len({tuple(facts(promql.parse(text))) for text in trees}) == len(trees)
