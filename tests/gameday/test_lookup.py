"""What somebody's own Prometheus is asked before a game day."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from faults import load_faults
from simulator.alerting.contract import load_contract
from simulator.alerting.ruleset import AlertRule, Group, RuleSet
from simulator.alerting.watching import TargetHealth
from simulator.errors import EngineError, InputError
from simulator.gameday.lookup import OwnPrometheus, look_up
from simulator.rehearsal import prepare

if TYPE_CHECKING:
    from simulator.alerting.contract import Contract

CONTRACT = load_contract("openagents-runtime")
RULES = RuleSet((Group("g", (AlertRule("A", "up == 0", 0, group="g"),), interval_seconds=7.0),))
OTHER = TargetHealth((("instance", "x"), ("job", "node")), "http://x:9100/metrics", up=True, last_error="")


def target(process: str, url: str, interval: float = 20.0, **more: str) -> TargetHealth:
    labels = tuple(sorted({**CONTRACT.targets[process], **more}.items()))
    return TargetHealth(labels, url, up=False, last_error="", interval_seconds=interval)


OWN = OwnPrometheus(
    RULES,
    (
        OTHER,
        target("server", "http://127.0.0.1:4000/metrics", zone="a"),
        target("issuer", "https://tokens.example/metrics", interval=30.0),
    ),
)


def test_the_ports_are_those_that_it_scrapes() -> None:
    assert OWN.ports(CONTRACT) == {"server": 4000, "issuer": 443}


def test_a_rehearsal_goes_by_its_intervals() -> None:
    rehearsal = prepare("calm", load_faults(), ruleset=RULES, overrides={"expect": "[]"})
    monitoring = OWN.fit(rehearsal).loaded.scenario.monitoring
    assert (monitoring.scrape_interval, monitoring.evaluation_interval) == (30.0, 7.0)
    assert OWN.fit(rehearsal).ruleset == RULES


@pytest.mark.parametrize(
    ("contract", "problem"),
    [
        (CONTRACT, "no target for our server: none has the labels job=openagents-runtime, instance=sync-1"),
        (CONTRACT.model_copy(update={"targets": {}}), "does not say which labels our server has in your Prometheus"),
    ],
)
def test_a_process_that_it_does_not_scrape_is_named_with_a_way_on(contract: Contract, problem: str) -> None:
    with pytest.raises(InputError, match=problem) as caught:
        OwnPrometheus(RULES, (OTHER,)).ports(contract)
    assert str(caught.value).startswith("--prometheus: ")
    assert "contract of your own" in str(caught.value)


def test_one_that_is_not_there_is_an_engine_error() -> None:
    with pytest.raises(EngineError, match="does not answer"):
        look_up("http://127.0.0.1:9")
