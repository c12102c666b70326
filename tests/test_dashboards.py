"""The shipped dashboards: every panel reads what the contract exposes, and shows something when things go wrong."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import promql_parser as promql
import pytest

from simulator.alerting.backfill import write_openmetrics
from simulator.alerting.contract import load_contract
from simulator.alerting.coverage import selectors
from simulator.alerting.dependence import ALERTS, name_of, names_read
from simulator.alerting.prometheus import PrivatePrometheus
from simulator.alerting.rules import load_rules
from simulator.core.metrics import INSTRUMENTS, REJECT_REASONS
from simulator.drivers.virtual import run_virtual
from simulator.shipped import data_folder, list_shipped

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from simulator.conditions import Fault
    from tests.conftest import PlanFactory

DASHBOARDS = {
    file.stem: json.loads(file.read_text(encoding="utf-8"))
    for file in sorted((data_folder() / "dashboards").glob("*.json"))
}
CONTRACT = load_contract("openagents-runtime")
SECONDS = 1500.0
ALERT_LABELS = {"alertname", "alertstate", "severity", "service"}
# Nothing backfilled has alerts: these are looked at where a whole stack runs.
NEED_ALERTS = {
    ("game-day", "Alerts firing"),
    ("game-day", "Alerts pending"),
    ("game-day", "Alerts over time"),
}
NUMBERS_OF_ALERTS = re.compile(r"(?<![\w.])[<>]=?\s*(?!0\b)\d")


@dataclass(frozen=True)
class Query:
    """One expression of a panel, and how its lines are named."""

    dashboard: str
    panel: str
    expr: str
    legend: str

    def __str__(self) -> str:
        return f"{self.dashboard}: {self.panel}: {self.expr[:40]}"


def panels() -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every panel that is not a row, with the name of its dashboard."""
    for name, dashboard in DASHBOARDS.items():
        for panel in dashboard["panels"]:
            if panel["type"] != "row":
                yield name, panel


QUERIES = [
    Query(name, panel["title"], target["expr"], target["legendFormat"])
    for name, panel in panels()
    for target in panel.get("targets", ())
]
ANNOTATIONS = [
    Query(name, one["name"], one["expr"], one["titleFormat"])
    for name, dashboard in DASHBOARDS.items()
    for one in dashboard["annotations"]["list"]
    if "expr" in one
]


def labels_by_name() -> dict[str | None, set[str]]:
    """Return the labels of everything that a scrape shows, as the contract names them."""
    targets = {label for labels in CONTRACT.targets.values() for label in labels}
    found: dict[str | None, set[str]] = {"up": targets, **dict.fromkeys(ALERTS, ALERT_LABELS)}
    for instrument, metric in CONTRACT.metrics.items():
        own = {metric.labels[label] for label in INSTRUMENTS[instrument].labels}
        found.update(dict.fromkeys(CONTRACT.metric_names(instrument), own | targets))
    return found


LABELS = labels_by_name()


def grouping_labels(expr: promql.Expr) -> Iterator[tuple[promql.Expr, list[str]]]:
    """Yield every part of an expression that groups or matches by labels, with these labels."""
    found: list[tuple[promql.Expr, list[str]]] = []

    def visit(node: promql.Expr) -> bool:
        if isinstance(node, promql.AggregateExpr) and node.modifier is not None:
            found.append((node.expr, list(node.modifier.labels)))
        if isinstance(node, promql.BinaryExpr) and node.modifier is not None and node.modifier.matching is not None:
            found.append((node, list(node.modifier.matching.labels)))
        return True

    promql.walk(expr, visit)
    yield from found


def series_of(prometheus: PrivatePrometheus, expr: str) -> list[tuple[dict[str, str], list[float]]]:
    """Return an expression's labels and numbers over the whole run, without its NaNs."""
    found = prometheus.query_range(expr, 0, SECONDS, 15)
    return [
        (labels, [number for _, value in samples if not math.isnan(number := float(value))])
        for labels, samples in found
    ]


@pytest.fixture(scope="module")
def prometheus(
    plan: PlanFactory, make_fault: Callable[[str], Fault], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[PrivatePrometheus]:
    """Return a Prometheus with a run in which everything went wrong once."""
    run = run_virtual(
        plan(
            (make_fault("cursor.long-offline"), 200, 500),
            (make_fault("auth.key-drift"), 600, 800),
            (make_fault("liveness.silent-clients"), 800, 1100),
            (make_fault("auth.mint-outage"), 1100, 1300),
            seconds=SECONDS,
        )
    )
    file = tmp_path_factory.mktemp("dashboards") / "metrics.om"
    write_openmetrics(CONTRACT.expose(run.recording), file)
    with PrivatePrometheus(file) as running:
        yield running


def test_there_are_two_dashboards_and_each_has_a_fixed_address() -> None:
    assert {name: dashboard["uid"] for name, dashboard in DASHBOARDS.items()} == {
        "game-day": "syncstorm-game-day",
        "runtime-ops": "runtime-ops",
    }
    for dashboard in DASHBOARDS.values():
        assert dashboard["title"]
        assert "id" not in dashboard  # Grafana gives it
        assert dashboard["schemaVersion"] == 39


@pytest.mark.parametrize("name", DASHBOARDS)
def test_links_lead_to_dashboards_that_are_there(name: str) -> None:
    addresses = {f"/d/{dashboard['uid']}" for dashboard in DASHBOARDS.values()}

    assert {link["url"] for link in DASHBOARDS[name]["links"]} <= addresses


@pytest.mark.parametrize("name", DASHBOARDS)
def test_panels_have_numbers_of_their_own_and_do_not_overlap(name: str) -> None:
    found = DASHBOARDS[name]["panels"]
    taken: dict[tuple[int, int], str] = {}

    assert len({panel["id"] for panel in found}) == len(found)
    for panel in found:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        for cell in ((x, y) for x in range(place["x"], place["x"] + place["w"]) for y in range(place["h"])):
            spot = (cell[0], place["y"] + cell[1])
            assert spot not in taken, f"{panel['title']} lies on {taken[spot]}"
            taken[spot] = panel["title"]


@pytest.mark.parametrize(
    ("name", "panel"), list(panels()), ids=lambda part: part if isinstance(part, str) else part["title"]
)
def test_every_panel_says_what_it_shows_and_in_which_unit(name: str, panel: dict[str, Any]) -> None:
    assert panel["title"], name
    if panel["type"] == "text":
        assert panel["options"]["content"]
        return
    assert panel["description"]
    assert panel["fieldConfig"]["defaults"]["unit"]
    assert panel["targets"]


@pytest.mark.parametrize("name", DASHBOARDS)
def test_the_data_source_is_a_variable_everywhere(name: str) -> None:
    sources = re.findall(r'"uid": "([^"]*)"', json.dumps({**DASHBOARDS[name], "uid": None}))

    assert set(sources) == {"${datasource}", "-- Grafana --"}
    assert [(one["name"], one["type"], one["query"]) for one in DASHBOARDS[name]["templating"]["list"]] == [
        ("datasource", "datasource", "prometheus")
    ]


@pytest.mark.parametrize("query", [*QUERIES, *ANNOTATIONS], ids=str)
def test_every_expression_reads_metrics_and_labels_of_the_contract(query: Query) -> None:
    expr = promql.parse(query.expr)

    for selector in selectors(expr):
        name = name_of(selector)
        assert name in LABELS
        assert {matcher.name for matcher in selector.matchers.matchers} - {"__name__"} <= LABELS[name]
    for part, labels in grouping_labels(expr):
        for selector in selectors(part):
            assert set(labels) <= LABELS[name_of(selector)]


@pytest.mark.parametrize("query", QUERIES, ids=str)
def test_no_expression_has_a_threshold_of_its_own(query: Query) -> None:
    assert not NUMBERS_OF_ALERTS.search(query.expr)


@pytest.mark.parametrize("query", QUERIES, ids=str)
def test_every_expression_shows_something_when_things_go_wrong(query: Query, prometheus: PrivatePrometheus) -> None:
    if (query.dashboard, query.panel) in NEED_ALERTS:
        assert names_read(query.expr) & ALERTS
        pytest.skip("it reads ALERTS: looked at where a whole stack runs, in tests/compose")

    found = series_of(prometheus, query.expr)

    assert any(number > 0 for _, numbers in found for number in numbers)
    wanted = set(re.findall(r"{{(\w+)}}", query.legend))
    assert all(wanted <= labels.keys() for labels, _ in found)
    # Without labels in its name, a line has to be alone.
    assert wanted or len(found) == 1


def test_the_panels_about_rules_read_what_the_rules_read() -> None:
    rules = load_rules(list_shipped("rules").values())
    sides = {str(promql.parse(rule.expr).lhs.prettify()) for rule in rules.alerts()}  # type: ignore[attr-defined]
    top = [query for query in QUERIES if query.dashboard == "runtime-ops"][:4]

    for query in top:
        assert any(query.expr.replace(" ", "") in re.sub(r"\s", "", side) for side in sides), query


def test_the_refusals_by_reason_add_up_to_what_the_rule_reads(prometheus: PrivatePrometheus) -> None:
    by_title = {query.panel: query.expr for query in QUERIES if query.dashboard == "runtime-ops"}

    parts = prometheus.query_range(by_title["Refused handshakes by reason, ratio"], 300, SECONDS, 15)
    ((_, whole),) = prometheus.query_range(by_title["Handshakes refused, ratio"], 300, SECONDS, 15)

    sums = [math.fsum(float(value) for _, value in column) for column in zip(*(one for _, one in parts), strict=True)]
    assert len(parts) == len(REJECT_REASONS)
    assert sums == pytest.approx([float(value) for _, value in whole])
    assert max(sums) > 0
    shown = {labels["reason_class"] for labels, samples in parts if any(float(value) for _, value in samples)}
    assert shown == {"unknown_kid"}


def test_open_sockets_are_never_more_than_clients_and_never_fewer_than_none(prometheus: PrivatePrometheus) -> None:
    (expr,) = {query.expr for query in QUERIES if query.panel in {"Open sockets", "Sockets"}}

    ((_, numbers),) = series_of(prometheus, expr)

    assert min(numbers) >= 0
    assert 30 < max(numbers) <= 40
