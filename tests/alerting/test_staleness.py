"""Where a series leaves the scrapes."""

from __future__ import annotations

import pytest

from simulator.alerting.exposition import Exposition, Family, Series
from simulator.alerting.staleness import stale_indexes, stale_markers


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1, 2, 3], []),
        ([None, 1, 2], []),
        ([1, None, None, 2], [1]),
        ([1, None, 2, None], [1, 3]),
        ([None, None], []),
        ([], []),
    ],
)
def test_a_series_ends_with_the_first_scrape_that_lacks_it(values: list[int | None], expected: list[int]) -> None:
    assert list(stale_indexes(Series("x", (), values))) == expected


def test_a_run_that_nothing_leaves_has_no_markers() -> None:
    run = Exposition(15, 0, (0, 15), (Family("x", "gauge", "", (Series("x", (), [1, 2]),)),))

    assert stale_markers(run) is None
