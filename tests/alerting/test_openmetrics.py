"""`metrics.om` read back: every sample, its gaps, and as much as is whole of a file that was cut off."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from simulator.alerting.backfill import write_openmetrics
from simulator.alerting.exposition import Exposition, Family, Series
from simulator.alerting.openmetrics import read_openmetrics
from simulator.alerting.staleness import stale_markers
from simulator.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

A, B = (("instance", "a"), ("job", "x")), (("instance", "b"), ("job", "x"))
ODD = (*A, ("path", 'a"b\\c\nd'))
RUN = Exposition(
    15.0,
    5.0,
    (5.0, 20.001, 35.0),
    (
        Family("up", "gauge", "Up.", (Series("up", A, (1, 0, 1)), Series("up", B, (1, 1, 1)))),
        Family("n", "counter", "N.", (Series("n", ODD, (1, None, 2.5)), Series("n", B, (7, 8, float("inf"))))),
    ),
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Return a file with a run's metrics."""
    write_openmetrics(RUN, tmp_path / "metrics.om")
    return tmp_path / "metrics.om"


def values(runs: tuple[Exposition, ...]) -> dict[tuple[str, object], list[tuple[float, float]]]:
    """Return the samples of each series."""
    return {
        (series.name, tuple(sorted(series.labels))): [
            (at, float(value)) for at, value in zip(run.times, series.values, strict=True) if value is not None
        ]
        for run in runs
        for series in run.series()
    }


def test_every_sample_comes_back_with_its_labels_its_time_and_its_gap(file: Path) -> None:
    found = read_openmetrics(file)
    assert (found.is_whole, found.last) == (True, 35.0)
    assert values(found.by_target()) == values((RUN,))
    assert sum(run.sample_count() for run in found.by_target()) == RUN.sample_count()


def test_stale_markers_are_those_of_the_run(file: Path) -> None:
    markers = [stale_markers(run) for run in read_openmetrics(file).by_target()]
    assert [marker for marker in markers if marker is not None] == [stale_markers(RUN)]


def test_what_is_written_again_is_read_the_same(file: Path, tmp_path: Path) -> None:
    found = read_openmetrics(file)
    found.write(tmp_path / "again.om")
    assert read_openmetrics(tmp_path / "again.om") == found


@pytest.mark.parametrize("cut", [1, 6, 9, 14, 40])
def test_of_a_file_that_was_cut_off_only_whole_lines_count(file: Path, cut: int) -> None:
    file.write_bytes(file.read_bytes()[:-cut])
    found = read_openmetrics(file)
    assert not found.is_whole
    whole = values((RUN,))
    for series, samples in values(found.by_target()).items():
        assert set(samples) <= set(whole[series])


def test_a_scrape_whose_end_was_cut_off_is_left_out(tmp_path: Path) -> None:
    file = tmp_path / "metrics.om"
    file.write_text('up{job="x"} 1 5.000\nn{job="x"} 3 5.000\nn{job="x"} 4 20.000\nup{job="x"} 1 20.0')
    found = read_openmetrics(file)
    assert found.samples == {("up", (("job", "x"),)): {5000: "1"}, ("n", (("job", "x"),)): {5000: "3"}}


def test_a_line_in_the_middle_that_is_no_sample_is_named(file: Path) -> None:
    file.write_text("up 1 5.0\nnonsense\nup 1 20.0\n")
    with pytest.raises(InputError, match=r"metrics\.om:2: is no sample"):
        read_openmetrics(file)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"metrics\.om: cannot be read"):
        read_openmetrics(tmp_path / "metrics.om")
