"""The queries of dashboards, whatever Grafana wraps them in."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from simulator.audit.dashboards import load_dashboards
from simulator.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path


def dashboard(folder: Path, *panels: dict[str, Any], **changes: Any) -> Path:
    """Write a dashboard, and return its file."""
    file = folder / "board.json"
    file.write_text(json.dumps({"title": "Board", "panels": list(panels), **changes}, indent=1))
    return file


def panel(expr: str, **changes: Any) -> dict[str, Any]:
    """Return a panel of one query."""
    return {"title": "Panel", "targets": [{"expr": expr}], **changes}


def test_panels_are_found_in_rows_with_their_lines(tmp_path: Path) -> None:
    file = dashboard(tmp_path, {"type": "row", "panels": [panel("up == 0")]}, panel("up"))
    first, second = load_dashboards([file])

    assert (first.expr, first.where.subject) == ("up == 0", "Board: Panel")
    lines = file.read_text().splitlines()
    assert '"up == 0"' in lines[(first.where.line or 0) - 1]
    assert '"up"' in lines[(second.where.line or 0) - 1]


def test_what_the_api_gives_is_a_dashboard_too_and_a_folder_is_searched(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    inner = {"title": "Inner", "panels": [panel("up")]}
    (tmp_path / "deep" / "a.json").write_text(json.dumps({"meta": {}, "dashboard": inner}))
    (tmp_path / "package.json").write_text("{}")

    assert [query.where.subject for query in load_dashboards([tmp_path])] == ["Inner: Panel"]


@pytest.mark.parametrize(
    ("given", "expr"),
    [
        ("rate(a[$__rate_interval])", "rate(a[5m])"),
        ("rate(a[${__interval}])", "rate(a[5m])"),
        ("rate(a[$window])", "rate(a[5m])"),
        ('a{job="$job"}', 'a{job=~".*"}'),
        ('a{job=~"${job:regex}",b="c"}', 'a{job=~".*",b="c"}'),
        ('label_replace(a, "x", "$1", "b", "(.*)")', 'label_replace(a, "x", "$1", "b", "(.*)")'),
    ],
)
def test_variables_are_taken_out(tmp_path: Path, given: str, expr: str) -> None:
    (query,) = load_dashboards([dashboard(tmp_path, panel(given))])

    assert query.expr == expr
    assert query.open_variable is None


def test_a_variable_that_could_be_anything_is_named(tmp_path: Path) -> None:
    (query,) = load_dashboards([dashboard(tmp_path, panel("$metric > 0"))])

    assert query.open_variable == "$metric"


def test_queries_of_other_data_sources_are_no_promql(tmp_path: Path) -> None:
    loki = panel('{app="x"} |= "error"', datasource={"type": "loki", "uid": "l"})
    ours = panel("up", datasource={"type": "prometheus", "uid": "p"})

    assert [query.expr for query in load_dashboards([dashboard(tmp_path, loki, ours)])] == ["up"]


def test_what_is_no_dashboard_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "other.json"
    file.write_text("{}")
    with pytest.raises(InputError, match="no Grafana dashboard in there"):
        load_dashboards([tmp_path])
    with pytest.raises(InputError, match="has no 'panels'"):
        load_dashboards([file])
    file.write_text('{\n"a": \n')
    with pytest.raises(InputError, match=r"other.json:\d: is not JSON"):
        load_dashboards([file])
    with pytest.raises(InputError, match="no such file"):
        load_dashboards([tmp_path / "missing.json"])
