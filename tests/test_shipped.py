"""Finding data files by shipped name or by path."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from simulator.errors import InputError, Place
from simulator.shipped import Kind, data_folder, find_file, list_shipped

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("scenario", "tabletop"),
        ("scenario", "calm"),
        ("rules", "openagents-runtime"),
        ("contract", "openagents-runtime"),
        ("rules", "openagents-khala"),
        ("contract", "openagents-khala"),
    ],
)
def test_a_shipped_name_means_the_shipped_file(kind: Kind, name: str) -> None:
    file = find_file(kind, name)
    assert file == list_shipped(kind)[name]
    assert file.is_file()
    assert file.is_relative_to(data_folder())


def test_a_relative_path_counts_from_the_folder_of_the_file_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "my.yaml").touch()
    assert find_file("rules", "my.yaml", folder=tmp_path) == tmp_path / "my.yaml"
    assert find_file("rules", str(tmp_path / "my.yaml"), folder=tmp_path / "elsewhere") == tmp_path / "my.yaml"


def test_a_shipped_name_wins_over_a_file_of_that_name_unless_it_is_written_as_a_path(tmp_path: Path) -> None:
    (tmp_path / "calm").touch()
    assert find_file("scenario", "calm", folder=tmp_path) == list_shipped("scenario")["calm"]
    assert find_file("scenario", "./calm", folder=tmp_path) == tmp_path / "calm"


def test_a_misspelt_name_is_answered_with_the_nearest_one_and_its_place() -> None:
    with pytest.raises(InputError) as caught:
        find_file("scenario", "tabeltop", Place("x.yaml", 4))
    assert str(caught.value) == (
        "x.yaml:4: unknown scenario (neither shipped nor a file) 'tabeltop' (did you mean 'tabletop'?)"
    )


@pytest.mark.parametrize("name", ["gone.yaml", "gone.yml", "some/where", "/no/where"])
def test_what_looks_like_a_path_is_answered_with_that_path(name: str) -> None:
    with pytest.raises(InputError, match="no such file") as caught:
        find_file("rules", name)
    assert name in str(caught.value)


@pytest.mark.parametrize("name", ["x" * 5000, "nul\0byte", "x" * 300 + os.sep + "y"])
def test_a_name_that_no_file_can_have_is_an_input_error_like_any_other(name: str) -> None:
    with pytest.raises(InputError):
        find_file("rules", name)
