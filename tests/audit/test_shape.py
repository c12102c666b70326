"""Which labels a result has is told from the expression alone, and nothing is claimed that could be otherwise."""

from __future__ import annotations

import promql_parser
import pytest

from simulator.alerting.contract import load_contract
from simulator.audit.shape import infer
from simulator.audit.vocabulary import vocabulary_of

KHALA = vocabulary_of(load_contract("openagents-khala"))
AUTH = "openagents_runtime_sync_socket_auth_count"
TOLD = "openagents_sync_client_telemetry_event_count"
OWN = {"status", "reason_class"}
TARGET = {"job", "instance"}


def labels(expr: str) -> set[str] | None:
    found = infer(promql_parser.parse(expr), KHALA.meaning).labels
    return None if found is None else set(found)


@pytest.mark.parametrize(
    ("expr", "expected"),
    [
        (AUTH, OWN | TARGET),
        (f"rate({AUTH}[5m])", OWN | TARGET),
        (f"-({AUTH} offset 5m)", OWN | TARGET),
        (f"max_over_time(rate({AUTH}[5m])[1h:1m])", OWN | TARGET),
        (f"sum({AUTH})", set()),
        (f"sum by (status, nonsense) ({AUTH})", {"status"}),
        (f"sum without (status) ({AUTH})", {"reason_class"} | TARGET),
        (f"topk(3, {AUTH})", OWN | TARGET),
        (f'count_values("number", {AUTH})', {"number"}),
        (f"{AUTH} > 5", OWN | TARGET),
        (f"5 < sum by (status) ({AUTH})", {"status"}),
        (f"sum by (status) ({AUTH}) / on (status) group_left (job) {AUTH}", {"status", "job"}),
        (f"{AUTH} / on (status) group_left () sum by (status) ({AUTH})", OWN | TARGET),
        (f"sum by (status) ({AUTH}) * on (status) group_right () {AUTH}", OWN | TARGET),
        (f"{AUTH} / ignoring (reason_class) {AUTH}", {"status"} | TARGET),
        (f"sum({AUTH}) or sum by (status) ({AUTH})", {"status"}),
        (f"{AUTH} and on () sum({TOLD})", OWN | TARGET),
        ("vector(1)", set()),
        (f'absent({AUTH}{{status="error"}})', {"status"}),
        (f'label_replace(sum({AUTH}), "team", "sync", "", "")', {"team"}),
        (f"histogram_quantile(0.9, sum by (le, status) ({AUTH}))", {"status"}),
        ("unknown_metric", None),
        ("sum(unknown_metric)", set()),
        ("sum without (a) (unknown_metric)", None),
        ("unknown_metric or vector(0)", None),
        (f'{{__name__="{AUTH}"}}', OWN | TARGET),
        ('{job="x"}', None),
    ],
)
def test_the_labels_of_a_result(expr: str, expected: set[str] | None) -> None:
    assert labels(expr) == expected


def test_only_labels_that_can_have_several_values_vary() -> None:
    shape = infer(promql_parser.parse(f'{AUTH}{{status="error"}}'), KHALA.meaning)

    assert shape.varying == frozenset({"reason_class"})
    assert shape.fixed == {"status": "error"}


def test_a_label_whose_values_nobody_knows_is_not_said_to_vary() -> None:
    assert "app_version" not in infer(promql_parser.parse(TOLD), KHALA.meaning).varying


def test_when_trusting_a_label_that_is_grouped_by_is_taken_to_be_there() -> None:
    tree = promql_parser.parse(f"sum by (reason_code) ({AUTH})")

    assert infer(tree, KHALA.meaning).labels == frozenset()
    assert infer(tree, KHALA.meaning, trusting=True).labels == frozenset({"reason_code"})
