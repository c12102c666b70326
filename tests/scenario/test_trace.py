"""Recorded envelopes: from CSV files, and from a Prometheus."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from faults import load_faults
from simulator.alerting.backfill import write_openmetrics
from simulator.alerting.exposition import Exposition, Family, Series
from simulator.alerting.prometheus import PrivatePrometheus
from simulator.errors import EngineError, InputError, Place
from simulator.rehearsal import prepare
from simulator.scenario.loading import load_scenario
from simulator.scenario.trace import read_traces

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from simulator.scenario.shapes import Recorded

FAULTS = load_faults()
ROWS = "0,5\n15,10\n30,0\n"
POINTS = ((0, 5), (15, 10), (30, 0))
RANGE = "query: x, from: 100, to: 130, step: 15"


def scenario(folder: Path, recorded: str) -> str:
    """Write a scenario whose recorded envelope stands on line 7, and return its path."""
    file = folder / "x.yaml"
    head = "scenario: x\nduration: 1h\ntimeline:\n- at: 1m\n  inject: auth.key-drift\n  envelope:\n"
    file.write_text(f"{head}    recorded: {recorded}\n", encoding="utf-8")
    return str(file)


def unasked(_recorded: Recorded, _url: Place, _query: Place) -> list[list[tuple[float, float]]]:
    raise AssertionError("nobody was to be asked")


def points_of(folder: Path, text: str, keys: str = "") -> tuple[tuple[float, float], ...] | None:
    (folder / "a.csv").write_text(text, encoding="utf-8")
    loaded = read_traces(load_scenario(scenario(folder, f"{{csv: a.csv{keys}}}")), unasked)
    envelope = loaded.scenario.timeline[0].envelope
    assert envelope is not None
    assert envelope.recorded is not None
    return envelope.recorded.points


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        (ROWS, ""),
        ("t,value\n" + ROWS, ""),
        ("\ufefftime,other,rate\n0,1,5\n15,1,10\n30,1,0\n", ", column: rate"),
        ("Time,rate\n0s,5\n\n15s,10\n30s,0\n", ""),
        ("Time,rate\n1000,5\n1015,10\n1030,0\n", ""),
        ("Time,rate\n2026-11-24 10:00:00,5\n2026-11-24 10:00:15,10\n2026-11-24T10:00:30Z,0\n", ""),
        (
            '"Time","all, in"\r\n"2026-11-24T11:00:00+01:00","5"\r\n2026-11-24T10:00:15Z,10\r\n2026-11-24T10:00:30Z,0',
            "",
        ),
    ],
)
def test_a_csv_file_gives_the_points_whatever_way_its_times_are_written(tmp_path: Path, text: str, keys: str) -> None:
    assert points_of(tmp_path, text, keys) == POINTS


@pytest.mark.parametrize(
    ("text", "keys", "problem"),
    [
        (ROWS, ", column: rate", "x.yaml:7: timeline[0].envelope.recorded.column: {csv} has no header"),
        (
            "t,rate\n0,1\n",
            ", column: rat",
            "x.yaml:7: timeline[0].envelope.recorded.column: unknown column 'rat' (did you mean 'rate'?)",
        ),
        ("", "", "x.yaml:7: timeline[0].envelope.recorded.csv: {csv} has no rows"),
        ("t,rate\n", "", "x.yaml:7: timeline[0].envelope.recorded.csv: {csv} has no rows"),
        ("t,rate\n0,1\nsoon,2\n", "", "a.csv:3: 'soon' is no time (seconds, a duration such as 1m30s, or an ISO"),
        ("0,1\n5,2\n5,3\n", "", "a.csv:3: the time '5' is not after the one before it"),
        ("0,1\n5\n", "", "a.csv:2: has 1 column, and the value stands in number 2"),
        ("0,1\n5,NaN\n", "", "a.csv:2: 'NaN' is no value; it takes numbers from 0"),
        ("0,1\n5,-1\n", "", "a.csv:2: '-1' is no value; it takes numbers from 0"),
        ("0,1\n5,x\n", "", "a.csv:2: 'x' is no value; it takes numbers from 0"),
        ("".join(f"{n},1\n" for n in range(11_001)), "", "recorded.csv: gives 11001 points; a recording has 11000 at"),
    ],
)
def test_a_csv_file_that_does_not_fit_is_refused_with_file_line_and_key(
    tmp_path: Path, text: str, keys: str, problem: str
) -> None:
    with pytest.raises(InputError) as caught:
        points_of(tmp_path, text, keys)
    assert problem.format(csv=tmp_path / "a.csv") in str(caught.value)


def test_a_csv_file_that_is_not_there_is_named_at_the_key(tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match=r"x.yaml:7: timeline\[0\].envelope.recorded.csv: .*a.csv cannot be read: No such"
    ):
        read_traces(load_scenario(scenario(tmp_path, "{csv: a.csv}")), unasked)


def test_points_in_the_file_are_taken_as_they_are(tmp_path: Path) -> None:
    loaded = load_scenario(scenario(tmp_path, "{points: [[0s, 1], [1m, 2]]}"))
    assert read_traces(loaded, unasked) == loaded


@pytest.mark.parametrize(
    ("series", "problem"),
    [
        ([], "query: gives no series in that range, not one"),
        ([[(100.0, 1.0)], [(100.0, 2.0)]], "query: gives 2 series in that range, not one (narrow it, or put sum()"),
        ([[(100.0, 1.0), (130.0, 2.0)]], "query: has no value 15s after 'from' (choose another range, or append"),
        ([[(100.0, 1.0), (115.0, float("nan")), (130.0, 2.0)]], "query: has the value nan 15s after 'from'"),
        ([[(100.0, 1.0), (115.0, -3.0), (130.0, 2.0)]], "query: has the value -3 15s after 'from'"),
    ],
)
def test_an_answer_that_is_no_whole_recording_is_refused(
    tmp_path: Path, series: list[list[tuple[float, float]]], problem: str
) -> None:
    loaded = load_scenario(scenario(tmp_path, f"{{prometheus: 'http://x', {RANGE}}}"))
    with pytest.raises(InputError) as caught:
        read_traces(loaded, lambda _recorded, _url, _query: series)
    assert f"x.yaml:7: timeline[0].envelope.recorded.{problem}" in str(caught.value)


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Return the URL of a real Prometheus that holds two series of ten minutes."""
    file = tmp_path_factory.mktemp("om") / "metrics.om"
    times = tuple(15.0 * n for n in range(41))
    counter = Series("errors", (("pod", "a"),), [n * n for n in range(41)])
    other = Series("errors", (("pod", "b"),), list(range(41)))
    write_openmetrics(Exposition(15, 0, times, (Family("errors", "unknown", "e", (counter, other)),)), file)
    with PrivatePrometheus(file) as server:
        yield f"http://{server._running().address}"  # noqa: SLF001


def test_a_range_of_a_real_prometheus_becomes_the_level_of_an_injection(tmp_path: Path, prometheus: str) -> None:
    keys = "query: 'rate(errors{pod=\"a\"}[1m])', from: 120, to: '1970-01-01T00:10:00Z', step: 2m"
    (injection,) = prepare(scenario(tmp_path, f"{{prometheus: '{prometheus}', {keys}}}"), FAULTS).injections
    assert injection.envelope is not None
    assert injection.envelope.recorded is not None
    points = injection.envelope.recorded.points
    assert points is not None
    assert [time for time, _ in points] == [0, 120, 240, 360, 480]
    # n * n grows by 2n + 1 a scrape; over the last minute before scrape n, by 2n - 4 on average
    assert [value for _, value in points] == pytest.approx([(2 * n - 4) / 15 for n in (8, 16, 24, 32, 40)], rel=0.1)
    assert injection.share_at(60 + 480).fraction == 1
    assert injection.share_at(60).fraction == pytest.approx(points[0][1] / points[-1][1])


@pytest.mark.parametrize(
    ("query", "error", "problem"),
    [
        ("errors", InputError, "query: gives 2 series in that range, not one (narrow it"),
        ("errors{", InputError, "recorded.query: 1:8: parse error"),
        ("nothing", InputError, "query: gives no series in that range"),
    ],
)
def test_a_query_that_a_real_prometheus_cannot_answer_is_named_at_its_key(
    tmp_path: Path, prometheus: str, query: str, error: type[Exception], problem: str
) -> None:
    recorded = f"{{prometheus: '{prometheus}', query: '{query}', from: 120, to: 600}}"
    with pytest.raises(error) as caught:
        prepare(scenario(tmp_path, recorded), FAULTS)
    assert "x.yaml:7: timeline[0].envelope.recorded" in str(caught.value)
    assert problem in str(caught.value)


def test_a_prometheus_that_is_away_is_an_engine_error_and_a_bad_url_a_wrong_input(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="does not answer"):
        prepare(scenario(tmp_path, f"{{prometheus: 'http://127.0.0.1:9', {RANGE}}}"), FAULTS)
    with pytest.raises(InputError, match=r"x.yaml:7: timeline\[0\].envelope.recorded.prometheus: is not a URL"):
        prepare(scenario(tmp_path, f"{{prometheus: 'nonsense', {RANGE}}}"), FAULTS)
