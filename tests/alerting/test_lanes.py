"""Many runs in one Prometheus: nothing of them is lost, mixed up or seen otherwise than alone."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import httpx
import numpy as np
import pytest

from simulator.alerting.backfill import write_openmetrics
from simulator.alerting.exposition import Exposition, Family, Series
from simulator.alerting.lanes import ALIGNMENT_SECONDS, Lanes
from simulator.alerting.prometheus import PrivatePrometheus
from simulator.alerting.toolchain import find_tool
from simulator.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    Values = Sequence[float | int | None]

FEW = 200
"""So many runs, each in two hours of its own, last longer than the 15 days after which Prometheus forgets."""


def run(offset: float = 5.0, interval: float = 15.0, **columns: Values) -> Exposition:
    """Return a run whose series have no labels, by name."""
    count = len(next(iter(columns.values())))
    times = tuple(offset + k * interval for k in range(count))
    families = tuple(Family(name, "gauge", "", (Series(name, (), values),)) for name, values in columns.items())
    return Exposition(interval, offset, times, families)


def read(lanes: Lanes, expr: str, interval: float = 15.0, phase: float = 0.0) -> NDArray[np.float64]:
    """Return the values of an expression of one label set: a row per run, NaN where there is none."""
    rows = []
    for reading in lanes.read(expr, interval_seconds=interval, phase_seconds=phase):
        assert len(reading.labels) <= 1
        values = (
            reading.values[:, 0] if reading.labels else np.full((len(reading.runs), reading.values.shape[-1]), np.nan)
        )
        assert np.array_equal(np.isnan(values), ~reading.present.any(axis=1))
        rows.append(values)
    return np.concatenate(rows)


def both_ends_count() -> bool:
    """Tell whether a range includes its left end, as it did before Prometheus 3.0."""
    return find_tool("prometheus").version.startswith("2.")


@pytest.fixture(scope="module")
def many() -> Iterator[Lanes]:
    """Return many short runs: run k shows k, has a counter, and every third one loses its series in the middle."""
    runs = [
        run(
            x=[number] * 40 if number % 3 else [number] * 20 + [None] * 20,
            c=[10 * number + k * (number + 1) for k in range(40)],
            unread=[1] * 40,
        )
        for number in range(FEW)
    ]
    exprs = ["x", "rate(c[5m])", "c offset 10m", "avg_over_time(x[1h])", "max_over_time(c[10m:1m])", "x offset -5m"]
    with Lanes(iter(runs), exprs=exprs, length_seconds=600) as lanes:
        yield lanes


def test_the_first_of_many_runs_is_not_forgotten(many: Lanes) -> None:
    values = read(many, "x")

    assert len(many) == len(values) == FEW
    assert (np.nanmax(values, axis=1) == np.arange(FEW)).all()
    assert (np.nanmin(values, axis=1) == np.arange(FEW)).all()


def test_series_that_go_away_are_gone_at_the_next_evaluation_in_every_run(many: Lanes) -> None:
    there = ~np.isnan(read(many, "x"))

    assert not there[:, 0].any()  # before the first scrape
    assert there[:, 1:21].all()
    assert (there[:, 21:].all(axis=1) == (np.arange(FEW) % 3 > 0)).all()
    assert (there[:, 21:].any(axis=1) == (np.arange(FEW) % 3 > 0)).all()


def test_no_run_reads_what_belongs_to_another(many: Lanes) -> None:
    hour = read(many, "avg_over_time(x[1h])")
    before = read(many, "c offset 10m")
    ahead = read(many, "x offset -5m")

    assert (np.nanmax(hour, axis=1) == np.nanmin(hour, axis=1)).all()
    assert (before[:, -1] == 10 * np.arange(FEW)).sum() == 0  # the first scrape is five seconds after that
    assert np.isnan(before).all()
    assert np.isnan(hour[:, 0]).all()
    assert (np.nanmax(ahead, axis=1) == np.arange(FEW)).all()


def test_nothing_is_cut_into_blocks(many: Lanes) -> None:
    metrics = httpx.get(f"http://{many.address}/metrics", trust_env=False).text

    assert "prometheus_tsdb_blocks_loaded 0" in metrics
    assert "prometheus_tsdb_compactions_total 0" in metrics


def test_what_no_rule_reads_is_not_stored(many: Lanes) -> None:
    assert many.series("unread") == []
    assert many.why_not("unread") == "it reads metrics that were not stored"
    assert many.missing("x > 1 and on () unread{a='b'}") == ('unread{a="b"}',)


@pytest.mark.parametrize(
    ("expr", "reason"),
    [
        ("x > hour()", "it reads the clock by hour()"),
        ("time() - x > 1", "it reads the clock by time()"),
        ("timestamp(x) > 1", "it reads the clock by timestamp()"),
        ("x @ 12 > 1", "it is bound to a time by @"),
        ("rate(c[1m] @ end()) > 1", "it is bound to a time by @"),
        ("max_over_time(x[1m:7s]) > 1", "the steps of its subquery, 7 s, do not divide 3600 s"),
        ("avg_over_time(x[2h]) > 1", "it reads further than the runs are apart"),
        ("x offset -2h > 1", "it reads further than the runs are apart"),
        ('{__name__=~"x|y"} > 1', "it reads metrics that were not stored"),
    ],
)
def test_what_would_answer_otherwise_here_is_refused(many: Lanes, expr: str, reason: str) -> None:
    assert many.why_not(expr) == reason
    with pytest.raises(EngineError, match="many runs at once cannot answer"):
        next(many.read(expr, interval_seconds=15))


def test_steps_that_subqueries_take_by_themselves_have_to_fit_too() -> None:
    lanes = Lanes([], exprs=["x"], length_seconds=60, evaluation_interval_seconds=7)

    assert lanes.why_not("max_over_time(x[1m:]) > 1") == "the steps of its subquery, 7 s, do not divide 3600 s"
    assert lanes.why_not("max_over_time(x[1m:15s]) > 1") is None


def test_more_points_than_one_query_may_have_are_asked_for_in_parts(many: Lanes) -> None:
    values = read(many, "x", interval=1)

    assert values.shape == (FEW, 601)
    assert FEW * ALIGNMENT_SECONDS > 11_000
    assert (np.nanmax(values, axis=1) == np.arange(FEW)).all()


def test_a_run_may_have_more_points_than_one_query() -> None:
    count = 11_500
    values = [k % 7 for k in range(count)]
    with Lanes([run(x=values), run(x=values)], exprs=["x"], length_seconds=15.0 * count) as lanes:
        found = read(lanes, "x")

    assert found.shape == (2, count + 1)
    assert (found[:, 1:] == values).all()


@pytest.mark.parametrize(("interval", "phase"), [(15.0, 0.0), (15.0, 7.5), (7.0, 0.0), (7.0, 3.25), (60.0, 59.0)])
@pytest.mark.parametrize("offset", [0.0, 5.0])
def test_a_run_says_here_what_it_says_alone(
    alone: dict[float, PrivatePrometheus], together: dict[float, Lanes], offset: float, interval: float, phase: float
) -> None:
    lanes = together[offset]
    last = lanes.evaluations(interval, phase) - 1
    for expr in EXPRS:
        expected = np.full(last + 1, np.nan)
        for _, samples in alone[offset].query_range(expr, phase, phase + last * interval, interval):
            for time, value in samples:
                expected[round((time - phase) / interval)] = float(value)
        assert not np.isnan(expected).all() or expr == "rate(c[15s])"
        for row in read(lanes, expr, interval, phase):
            assert np.array_equal(row, expected, equal_nan=True), expr


EXPRS = ("x", "rate(c[1m])", "rate(c[15s])", "max_over_time(rate(c[1m])[2m:30s])", "deriv(x[2m])", "c offset 30s")


def _whole(offset: float) -> Exposition:
    return run(offset, x=[math.sin(k) for k in range(80)], c=[k * k if k < 50 else k for k in range(80)])


@pytest.fixture(scope="module")
def together() -> Iterator[dict[float, Lanes]]:
    """Return the same run eleven times, by the offset of its scrapes."""
    with (
        Lanes([_whole(0.0)] * 11, exprs=EXPRS, length_seconds=1200) as on_grid,
        Lanes([_whole(5.0)] * 11, exprs=EXPRS, length_seconds=1200) as off_grid,
    ):
        yield {0.0: on_grid, 5.0: off_grid}


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[float, PrivatePrometheus]]:
    """Return that run in a Prometheus of its own, from second zero on."""
    folder: Path = tmp_path_factory.mktemp("alone")
    for offset in (0, 5):
        write_openmetrics(_whole(offset), folder / f"{offset}.om")
    with PrivatePrometheus(folder / "0.om") as on_grid, PrivatePrometheus(folder / "5.om") as off_grid:
        yield {0.0: on_grid, 5.0: off_grid}


def test_scrapes_on_the_grid_and_off_it_are_not_alike(together: dict[float, Lanes]) -> None:
    # A window as long as the scrape interval holds two scrapes only where both its ends are scrapes, and count.
    assert np.isfinite(read(together[0.0], "rate(c[15s])")).any() == both_ends_count()
    assert np.isnan(read(together[5.0], "rate(c[15s])")).all()


@pytest.mark.parametrize("lookback", [60.0, 300.0])
def test_a_sample_counts_as_long_as_the_user_says(lookback: float) -> None:
    with Lanes([run(x=[1])] * 2, exprs=["x"], length_seconds=600, lookback_seconds=lookback) as lanes:
        there = ~np.isnan(read(lanes, "x", interval=1))

    assert there.sum(axis=1).tolist() == [lookback + both_ends_count()] * 2


def test_a_value_that_is_no_number_is_not_absence() -> None:
    with Lanes([run(x=[1, math.nan, None, 2])], exprs=["x"], length_seconds=60) as lanes:
        (reading,) = lanes.read("x", interval_seconds=15)

    assert reading.present[0, 0].tolist() == [False, True, True, False, True]
    assert np.array_equal(reading.values[0, 0], [math.nan, 1, math.nan, math.nan, 2], equal_nan=True)


def test_every_metric_is_there_for_a_selector_without_a_name() -> None:
    with Lanes([run(x=[1], y=[2])], exprs=['{__name__=~"x|y"}'], length_seconds=60) as lanes:
        (reading,) = lanes.read('{__name__=~"x|y"} > 1', interval_seconds=15)

    assert reading.labels == ((),)
    assert np.nanmax(reading.values) == 2


def test_no_runs_are_no_answers() -> None:
    with Lanes([], exprs=["x"], length_seconds=60) as lanes:
        assert list(lanes.read("x", interval_seconds=15)) == []
    with Lanes([Exposition(15, 0, (), ())], exprs=["x"], length_seconds=60) as lanes:
        (reading,) = lanes.read("x", interval_seconds=15)
    assert reading.values.shape == (1, 0, 5)


@pytest.mark.parametrize(
    ("times", "said"),
    [
        ((0.0, 30.0, 15.0), "not in order"),
        ((0.0, 15.0, 15.0), "not in order"),
        ((0.0, 15.0, 61.0), "scrape at 61 s"),
    ],
)
def test_samples_that_would_be_lost_are_refused(times: tuple[float, ...], said: str) -> None:
    wrong = replace(run(x=[1, 2, 3]), times=times)

    with pytest.raises(EngineError, match=said), Lanes([run(x=[1]), wrong], exprs=["x"], length_seconds=60):
        pass


def test_a_run_is_written_before_the_next_is_made() -> None:
    written: list[int] = []

    def make() -> Iterator[Exposition]:
        for number in range(5):
            written.append(len(lanes))
            yield run(x=[number])

    lanes = Lanes(make(), exprs=["x"], length_seconds=60)
    assert written == []
    with lanes:
        assert written == [0, 1, 2, 3, 4]
        assert len(lanes) == 5


class Forgetful(Lanes):
    """Loses the second of all requests, and says nothing."""

    requests = 0

    def _push(self, request: bytes) -> None:
        self.requests += bool(request)
        if self.requests != 2:
            super()._push(request)


def test_a_silent_loss_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("simulator.alerting.lanes._REQUEST_BYTES", 1)
    runs = [run(x=[1, None, 3])] * 3

    with (
        pytest.raises(EngineError, match="holds 0 of the 2 samples of x in run 1"),
        Forgetful(runs, exprs=["x"], length_seconds=60),
    ):
        pass


def test_a_question_that_prometheus_refuses_is_an_error(many: Lanes) -> None:
    with pytest.raises(EngineError, match="invalid regular expression"):
        list(many.read("label_replace(x, 'a', '1', '', '(') > 1", interval_seconds=15))
