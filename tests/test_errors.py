"""Messages: one line each, with the place and the nearest right name."""

from __future__ import annotations

from pathlib import Path

import pytest

from simulator.errors import InputError, Place, SyncstormError, ToolMissing, show, unknown_name


@pytest.mark.parametrize(
    ("place", "text"),
    [
        (Place(), ""),
        (Place(Path("a.yaml")), "a.yaml"),
        (Place(Path("a.yaml"), 3), "a.yaml:3"),
        (Place(Path("a.yaml"), 3, "fleet.clients"), "a.yaml:3: fleet.clients"),
        (Place("--set", None, "seed"), "--set: seed"),
        (Place(key="seed"), "seed"),
    ],
)
def test_a_place_reads_like_that_of_a_compiler(place: Place, text: str) -> None:
    assert str(place) == text


def test_an_input_error_says_where_what_and_how_to_go_on() -> None:
    error = InputError("is wrong", Place(Path("a.yaml"), 3, "seed"), "write a number")
    assert str(error) == "a.yaml:3: seed: is wrong (write a number)"
    assert str(InputError("is wrong")) == "is wrong"


def test_an_input_error_is_one_line_whatever_the_input_has() -> None:
    text = str(InputError("'a\nb' is\x1b[31m wrong", Place("x\ny", 1, "k\tk"), "no\r"))
    assert text == r"x\ny:1: k\tk: 'a\nb' is\x1b[31m wrong (no\r)"


def test_every_error_knows_its_exit_code() -> None:
    assert (SyncstormError.exit_code, InputError.exit_code, ToolMissing.exit_code) == (1, 2, 3)


@pytest.mark.parametrize(
    ("name", "known", "hint"),
    [
        ("sead", ["seed", "duration"], "did you mean 'seed'?"),
        ("zzz", ["b", "a"], "known: a, b"),
        ("zzz", [], "known: none"),
        ("zzz", [f"n{i:02}" for i in range(20)], f"known: {', '.join(f'n{i:02}' for i in range(12))} and 8 more"),
    ],
)
def test_an_unknown_name_comes_with_the_nearest_one_or_with_a_list(name: str, known: list[str], hint: str) -> None:
    error = unknown_name("key", name, known)
    assert (error.problem, error.hint) == (f"unknown key '{name}'", hint)


def test_an_unknown_name_that_is_a_whole_text_is_cut_short() -> None:
    assert len(str(unknown_name("key", "x" * 10_000, ["seed"]))) < 200


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "null"),
        (True, "true"),
        (False, "false"),
        ({"a": 1}, "a mapping"),
        ([1], "a list"),
        ((1,), "a list"),
        (5, "'5'"),
        (1.5, "'1.5'"),
        ("text", "'text'"),
        (10**100, "a huge number"),
        ("x" * 500, f"'{'x' * 77}...'"),
    ],
)
def test_a_value_is_shown_short_and_in_the_words_of_yaml(value: object, shown: str) -> None:
    assert show(value) == shown
