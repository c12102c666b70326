"""YAML files: their data, where each key stands, and what is said about those that do not parse."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.documents import format_key, load_documents, parse_documents
from simulator.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

TEXT = """\
# a comment
scenario: x
fleet:
  clients: 5
  profiles: {reference: 1.0}
timeline:
  - at: 1m
    set:
      network.latency: 1s
  - {at: 2m,
     inject: some.fault}
"""


@pytest.mark.parametrize(
    ("path", "line", "key"),
    [
        ((), 2, ""),
        (("scenario",), 2, "scenario"),
        (("fleet",), 3, "fleet"),
        (("fleet", "clients"), 4, "fleet.clients"),
        (("fleet", "profiles", "reference"), 5, "fleet.profiles.reference"),
        (("timeline", 0), 7, "timeline[0]"),
        (("timeline", 0, "set", "network.latency"), 9, "timeline[0].set.network.latency"),
        (("timeline", 1, "at"), 10, "timeline[1].at"),
        (("timeline", 1, "inject"), 11, "timeline[1].inject"),
    ],
)
def test_every_key_knows_its_line(path: tuple[str | int, ...], line: int, key: str) -> None:
    (document,) = parse_documents(TEXT, "x.yaml")
    assert document.line_of(path) == line
    assert format_key(path) == key
    assert str(document.place(path)) == (f"x.yaml:{line}: {key}" if key else f"x.yaml:{line}")


@pytest.mark.parametrize(
    ("path", "line"),
    [(("fleet", "ramp"), 3), (("timeline", 7), 6), (("timeline", "x"), 6), (("nothing",), 2), (("scenario", "x"), 2)],
)
def test_a_key_that_is_not_there_has_the_line_of_what_is_around_it(path: tuple[str | int, ...], line: int) -> None:
    (document,) = parse_documents(TEXT, "x.yaml")
    assert document.line_of(path) == line


def test_several_documents_each_have_their_own_lines() -> None:
    first, second = parse_documents("a: 1\n---\n\nb: 2\n", "x.yaml")
    assert (first.data, second.data) == ({"a": 1}, {"b": 2})
    assert (first.line_of(("a",)), second.line_of(("b",))) == (1, 4)


@pytest.mark.parametrize("text", ["", "# only a comment\n"])
def test_an_empty_file_has_no_data(text: str) -> None:
    assert [document.data for document in parse_documents(text, "x.yaml")] in ([], [None])


def test_anchors_aliases_and_merge_keys_are_followed() -> None:
    text = "base: &base {clients: 5, ramp: 1s}\nfleet:\n  <<: *base\n  ramp: 2s\nsame: *base\n"
    (document,) = parse_documents(text, "x.yaml")
    assert document.data["fleet"] == {"clients": 5, "ramp": "2s"}
    assert document.data["same"] == {"clients": 5, "ramp": "1s"}
    assert document.line_of(("fleet", "ramp")) == 4
    assert document.line_of(("fleet", "clients")) == 2, "a merged key stands where its mapping does"


def test_an_anchor_may_be_defined_anew() -> None:
    (document,) = parse_documents("a: &x 1\nb: *x\nc: &x 2\nd: *x\n", "x.yaml")
    assert document.data == {"a": 1, "b": 1, "c": 2, "d": 2}


def test_a_byte_order_mark_is_no_part_of_the_first_key() -> None:
    assert parse_documents("\ufeffa: 1", "x.yaml")[0].data == {"a": 1}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [1\n", "x.yaml:2: is not valid YAML: expected ',' or ']', but got '<stream end>'"),
        ("a: b: c\n", "x.yaml:1: is not valid YAML: mapping values are not allowed here"),
        ("a: 1\nb: 2\na: 3\n", 'x.yaml:3: is not valid YAML: found duplicate key "a"'),
        ("a: 1\n\t- x", "x.yaml:2: is not valid YAML: found character '\\t' that cannot start any token"),
        ("a: *x\n", "x.yaml:1: is not valid YAML: found undefined alias 'x'"),
        ("a: 1\nb: \x00\n", "x.yaml:2: is not valid YAML: character #x0000 is not allowed"),
        ("a: !!python/object x\n", "x.yaml:1: is not valid YAML: could not determine a constructor"),
        ("a: !!int x\n", "x.yaml: is not valid YAML: "),
        ("a: !!bool x\n", "x.yaml: is not valid YAML: "),
        ("a: 2026-13-45\n", "x.yaml: is not valid YAML: month must be in 1..12"),
        (f"a: {'9' * 5000}\n", "x.yaml: is not valid YAML: "),
        ("[" * 1500, "x.yaml: is nested too deeply"),
        ("{a: " * 1500, "x.yaml: is nested too deeply"),
        ("- " * 1500 + "a\n", "x.yaml: is nested too deeply"),
    ],
)
def test_what_does_not_parse_is_one_line_with_its_place(text: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_documents(text, "x.yaml")
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


@given(st.text(alphabet=st.sampled_from("ab1:-[]{}&*!<>|?#'\"%@, \n\t~.") | st.characters(), max_size=40))
@settings(deadline=None)
def test_any_text_is_yaml_or_an_input_error(text: str) -> None:
    try:
        documents = parse_documents(text, "x.yaml")
    except InputError:
        return
    assert all(document.line_of(()) is None or document.line_of(()) for document in documents)


def test_a_missing_file_a_folder_and_a_binary_file_are_named(tmp_path: Path) -> None:
    binary = tmp_path / "binary.yaml"
    binary.write_bytes(b"\xff\xfe\x00\x01")
    for file, problem in (
        (tmp_path / "gone.yaml", "no such file"),
        (tmp_path, "this is a folder, not a file"),
        (binary, "is not UTF-8 text"),
        (binary / "inside.yaml", "cannot be read: Not a directory"),
    ):
        with pytest.raises(InputError) as caught:
            load_documents(file)
        assert str(caught.value) == f"{file}: {problem}"
