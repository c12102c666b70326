"""What stands on a side of an operator."""

from __future__ import annotations

import math

import promql_parser as promql
import pytest

from simulator.alerting.operand import bare, number_of


def test_parentheses_are_taken_off_the_whole_and_left_within_it() -> None:
    assert str(bare(promql.parse("(((a) + b))"))) == str(promql.parse("(a) + b"))


@pytest.mark.parametrize(("expr", "number"), [("3", 3.0), ("-((3))", -3.0), ("Inf", math.inf), ("a", None)])
def test_a_number_may_have_signs_and_parentheses(expr: str, number: float | None) -> None:
    assert number_of(promql.parse(expr)) == number


@pytest.mark.parametrize(
    ("expr", "number"), [("-(5 / 100)", -0.05), ("2 * 3 - 1", 5.0), ("2 ^ 3", None), ("2 * a", None), ("2 + (3)", 5.0)]
)
def test_arithmetic_is_a_number_for_those_who_ask_for_it(expr: str, number: float | None) -> None:
    assert number_of(promql.parse(expr), calculated=True) == number
    assert number_of(promql.parse(expr)) is None


@pytest.mark.parametrize("expr", ["NaN", "-NaN", "5 / 0"])
def test_what_is_no_value_is_still_a_number(expr: str) -> None:
    found = number_of(promql.parse(expr), calculated=True)
    assert found is not None
    assert math.isnan(found)
