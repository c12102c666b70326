"""Which selectors a rule needs and does not find."""

from __future__ import annotations

import promql_parser
import pytest

from simulator.alerting.coverage import missing_selectors, selector_text, selectors


def missing(expr: str, *known: str) -> list[str]:
    """Return what an expression lacks when only the known metric names have series."""
    found = missing_selectors(promql_parser.parse(expr), lambda selector: selector.name in known)
    return [selector_text(selector) for selector in found]


@pytest.mark.parametrize(
    ("expr", "known", "expected"),
    [
        ("x > 1", "x", []),
        ("x > 1", "", ["x"]),
        ('sum(rate(x{a="b"}[5m])) / clamp_min(sum(rate(y[5m])), 1)', "y", ['x{a="b"}']),
        ("x / x > 1", "", ["x"]),
        ("x > y", "x", ["y"]),
        ("x and y", "x", ["y"]),
        ("x * on (a) group_left y", "y", ["x"]),
        ("x or vector(0)", "", ["x"]),
        ("vector(0) or x", "", ["x"]),
        ("(sum(x) or vector(0)) / clamp_min(sum(y) or vector(0), 1)", "y", ["x"]),
        ("x or y", "y", []),
        ("x or y", "", ["x", "y"]),
        ("x or (y and z)", "y", ["x", "z"]),
        ("x unless y", "x", []),
        ("x unless y", "y", ["x"]),
        ("absent(x)", "", []),
        ("absent_over_time(x[5m])", "", []),
        ("x == 0 or absent(x)", "", []),
        ("y > absent(x)", "", ["y"]),
        ("present_over_time(x[5m])", "", ["x"]),
        ("quantile_over_time(0.95, x[10m]) > 1", "", ["x"]),
        ("quantile(scalar(x), y)", "y", ["x"]),
        ("max_over_time(rate(x[1m])[5m:15s] offset 1m)", "", ["x"]),
        ("-(x @ 100)", "", ["x"]),
        ("vector(1) > 0", "", []),
        ("time() - x", "", ["x"]),
    ],
)
def test_a_rule_needs_what_its_expression_cannot_do_without(expr: str, known: str, expected: list[str]) -> None:
    assert missing(expr, known) == expected


def test_names_every_selector_once_needed_or_not() -> None:
    expr = 'absent(x) or rate(x[5m]) > y{a!="b",c=~"d|e",f!~"g"} offset 1m'

    assert [selector_text(one) for one in selectors(promql_parser.parse(expr))] == [
        "x",
        'y{a!="b",c=~"d|e",f!~"g"}',
    ]


@pytest.mark.parametrize("text", ['x{a="b\\"c\\\\d\\ne"}', '{__name__="x",a="é"}', '{__name__=~"x.*"}', "x"])
def test_writes_a_selector_that_parses_to_the_same(text: str) -> None:
    (selector,) = selectors(promql_parser.parse(text))

    assert selector_text(selector) == text
