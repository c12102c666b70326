"""How one setting is declared, read and shown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import pytest

from simulator.conditions import Seconds, parse_value, setting, settings_of


@dataclass(frozen=True)
class Plane:
    """One setting of every kind."""

    span: Seconds = setting(5.0, "a span", at_least=1)
    whole: int = setting(3, "a whole number", at_least=1)
    ratio: float = setting(0.5, "a ratio")
    flag: bool = setting(False, "a flag")
    name: str = setting("x", "a name")
    word: Literal["one", "two"] = setting("one", "a word")
    bare: int = 7


DECLARED = settings_of(Plane)


def test_a_declaration_has_name_default_help_and_least_value() -> None:
    span = DECLARED["span"]
    assert (span.name, span.default, span.help, span.at_least) == ("span", 5.0, "a span", 1)
    assert (DECLARED["bare"].default, DECLARED["bare"].help, DECLARED["bare"].at_least) == (7, "", None)


@pytest.mark.parametrize(
    ("name", "unit"),
    [
        ("span", "duration"),
        ("whole", "whole number"),
        ("ratio", "number"),
        ("flag", "true or false"),
        ("name", "text"),
        ("word", "one | two"),
    ],
)
def test_a_setting_says_what_its_values_look_like(name: str, unit: str) -> None:
    assert DECLARED[name].unit == unit


@pytest.mark.parametrize(
    ("name", "raw", "value"),
    [
        ("span", "1m30s", 90.0),
        ("span", 5, 5.0),
        ("span", 2.5, 2.5),
        ("whole", 4, 4),
        ("whole", "4", 4),
        ("whole", 4.0, 4),
        ("ratio", "0.25", 0.25),
        ("ratio", 1, 1.0),
        ("flag", True, True),
        ("flag", False, False),
        ("flag", "TRUE", True),
        ("flag", "false", False),
        ("name", "", ""),
        ("name", "5", "5"),
        ("word", "two", "two"),
    ],
)
def test_a_raw_value_becomes_the_settings_own_type(name: str, raw: Any, value: Any) -> None:
    parsed = parse_value(DECLARED[name], raw)
    assert parsed == value
    assert type(parsed) is type(value)


@pytest.mark.parametrize(
    ("name", "raw"),
    [
        ("span", "soon"),
        ("span", "-5s"),
        ("span", -5),
        ("span", True),
        ("span", None),
        ("span", []),
        ("span", {}),
        ("span", float("nan")),
        ("span", float("inf")),
        ("span", 10**400),
        ("whole", 2.5),
        ("whole", "2.5"),
        ("whole", True),
        ("whole", None),
        ("whole", []),
        ("whole", 0),
        ("whole", float("inf")),
        ("whole", float("nan")),
        ("ratio", "half"),
        ("ratio", True),
        ("ratio", float("nan")),
        ("ratio", float("inf")),
        ("ratio", 10**400),
        ("ratio", {}),
        ("flag", "yes"),
        ("flag", 1),
        ("flag", 0),
        ("flag", None),
        ("name", 5),
        ("name", None),
        ("name", True),
        ("word", "three"),
        ("word", None),
        ("word", ["one"]),
    ],
    ids=lambda value: str(value)[:12],
)
def test_a_value_that_does_not_fit_is_refused_with_a_sentence(name: str, raw: Any) -> None:
    with pytest.raises(ValueError, match=r"\w+ \w+"):
        parse_value(DECLARED[name], raw)


def test_a_value_below_the_least_is_refused_with_the_least() -> None:
    with pytest.raises(ValueError, match="250ms is too small; at least 1s"):
        parse_value(DECLARED["span"], "250ms")


def test_a_misfit_says_what_would_fit() -> None:
    with pytest.raises(ValueError, match=r"does not fit word, which takes: one \| two"):
        parse_value(DECLARED["word"], "three")


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("span", 90.0, "1m30s"),
        ("span", 0.25, "250ms"),
        ("flag", True, "true"),
        ("whole", 4, "4"),
        ("name", "x", "x"),
        ("name", "", '""'),
    ],
)
def test_a_value_is_shown_as_a_person_would_write_it(name: str, value: Any, shown: str) -> None:
    assert DECLARED[name].show(value) == shown


@dataclass(frozen=True, slots=True)
class Statuses:
    """Choices that are numbers, and choices that look like them."""

    number: Literal[403, 401] = setting(403, "a number")
    text: Literal["503", "hold"] = setting("503", "a text")


@pytest.mark.parametrize("raw", [401, "401"])
def test_a_choice_may_be_written_as_a_number_or_as_a_text(raw: Any) -> None:
    declared = settings_of(Statuses)
    assert parse_value(declared["number"], raw) == 401
    with pytest.raises(ValueError, match=f"'{raw}' does not fit text, which takes: 503 | hold"):
        parse_value(declared["text"], raw)
    assert parse_value(declared["text"], 503) == "503"
