"""OpenMetrics text and the blocks made of it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from simulator.alerting.backfill import create_blocks, time_text, write_openmetrics
from simulator.alerting.exposition import Exposition, Family, Series
from simulator.alerting.toolchain import find_tool
from simulator.errors import EngineError

if TYPE_CHECKING:
    from pathlib import Path

TIMES = (5.55, 20.55, 35.55)


def exposition(*families: Family) -> Exposition:
    """Return three scrapes of some families."""
    return Exposition(15, 5.55, TIMES, families)


def text_of(run: Exposition, folder: Path) -> str:
    """Return a run as OpenMetrics text."""
    write_openmetrics(run, folder / "metrics.om")
    return (folder / "metrics.om").read_text(encoding="utf-8")


def parsed(text: str) -> dict[str, tuple[str, list[tuple[str, float, float]]]]:
    """Parse with another library: type and samples (name, value, time) by family."""
    return {
        family.name: (family.type, [(one.name, one.value, float(one.timestamp)) for one in family.samples])
        for family in text_string_to_metric_families(text)  # type: ignore[no-untyped-call]
    }


def test_writes_each_series_in_time_order_with_seconds_since_the_start(tmp_path: Path) -> None:
    run = exposition(
        Family("x", "gauge", "An x.", (Series("x", (("a", "b"),), [1, 2.5, 3]), Series("x", (), [4, 5, 6])))
    )

    assert text_of(run, tmp_path) == (
        "# HELP x An x.\n# TYPE x gauge\n"
        'x{a="b"} 1 5.550\nx{a="b"} 2.5 20.550\nx{a="b"} 3 35.550\n'
        "x 4 5.550\nx 5 20.550\nx 6 35.550\n# EOF\n"
    )


@given(st.integers(0, 10**11))
def test_promtool_reads_every_time_to_the_millisecond(milliseconds: int) -> None:
    text = time_text(milliseconds)

    # As the OpenMetrics parser of Prometheus does it.
    assert int(float(text) * 1000) == milliseconds
    assert abs(float(text) - milliseconds / 1000) < 0.001


def test_leaves_out_what_a_scrape_did_not_have(tmp_path: Path) -> None:
    text = text_of(exposition(Family("x", "gauge", "", (Series("x", (), [1, None, 3]),))), tmp_path)

    assert parsed(text)["x"][1] == [("x", 1, 5.55), ("x", 3, 35.55)]


def test_a_counter_whose_name_lacks_the_suffix_is_declared_unknown(tmp_path: Path) -> None:
    text = text_of(exposition(Family("auth_count", "counter", "", (Series("auth_count", (), [1, 2, 3]),))), tmp_path)

    assert parsed(text)["auth_count"][0] == "unknown"


@pytest.mark.parametrize("declared", ["mint", "mint_total"])
def test_a_counter_with_the_suffix_stays_one(tmp_path: Path, declared: str) -> None:
    text = text_of(exposition(Family(declared, "counter", "", (Series("mint_total", (), [1, 2, 3]),))), tmp_path)

    kind, samples = parsed(text)["mint"]
    assert kind == "counter"
    assert samples[0] == ("mint_total", 1, 5.55)


def test_each_name_of_a_summary_is_declared_by_itself(tmp_path: Path) -> None:
    names = ("lag_count", "lag_sum")
    series = tuple(Series(name, (("status", status),), [1, 2, 3]) for status in ("ok", "bad") for name in names)

    found = parsed(text_of(exposition(Family("lag", "summary", "", series)), tmp_path))

    assert {name: (kind, len(samples)) for name, (kind, samples) in found.items()} == dict.fromkeys(
        names, ("unknown", 6)
    )


def test_escapes_labels_and_help(tmp_path: Path) -> None:
    value = 'back\\slash "quoted"\nline é'
    run = exposition(Family("x", "gauge", value, (Series("x", (("a", value),), [1, 2, 3]),)))

    (family,) = text_string_to_metric_families(text_of(run, tmp_path))  # type: ignore[no-untyped-call]

    assert family.documentation == value
    assert family.samples[0].labels == {"a": value}


def test_writes_every_kind_of_number(tmp_path: Path) -> None:
    values: list[float | None] = [math.nan, math.inf, -math.inf]
    tiny: list[float | None] = [1e-300, 0.1 + 0.2, 12345678901234567]
    run = exposition(Family("x", "gauge", "", (Series("x", (), values), Series("x", (("a", "b"),), tiny))))

    found = [value for _, value, _ in parsed(text_of(run, tmp_path))["x"][1]]

    assert math.isnan(found[0])
    assert found[1:] == [math.inf, -math.inf, 1e-300, 0.1 + 0.2, 12345678901234567]


def test_an_empty_run_is_still_valid(tmp_path: Path) -> None:
    assert parsed(text_of(Exposition(15, 0, (), ()), tmp_path)) == {}


def test_text_that_promtool_refuses_is_an_engine_error(tmp_path: Path) -> None:
    (tmp_path / "bad.om").write_text("x 1\n")

    with pytest.raises(EngineError, match="promtool refuses the metrics"):
        create_blocks(tmp_path / "bad.om", tmp_path / "data", find_tool("promtool").path)


def test_a_promtool_that_does_not_run_is_an_engine_error(tmp_path: Path) -> None:
    (tmp_path / "empty.om").write_text("# EOF\n")

    with pytest.raises(EngineError, match="promtool could not read the metrics"):
        create_blocks(tmp_path / "empty.om", tmp_path / "data", tmp_path / "promtool")
