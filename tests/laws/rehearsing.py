"""The rehearsal that a fault's documented alerts are about: one fault, the shipped rules, the real judge."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from simulator.alerting.backfill import write_openmetrics
from simulator.alerting.certify import Clock
from simulator.alerting.contract import load_contract
from simulator.alerting.evaluation import Evaluation
from simulator.alerting.filling import fill
from simulator.alerting.judge import judge
from simulator.alerting.prometheus import PrivatePrometheus
from simulator.alerting.rules import load_rules
from simulator.alerting.toolchain import find_tool
from simulator.conditions import EVERYONE, Conditions, Fault, Share
from simulator.core.client import Habits
from simulator.core.plan import Fleet, Plan, Step
from simulator.core.profiles import PROFILES
from simulator.drivers.virtual import run_virtual
from simulator.scenario.schema import TOPICS
from simulator.shipped import list_shipped

if TYPE_CHECKING:
    from pathlib import Path

    from simulator.alerting.contract import Contract
    from simulator.alerting.exposition import Exposition
    from simulator.alerting.ruleset import RuleSet
    from simulator.alerting.timeline import RuleTimeline

MINUTE = 60.0
INTERVAL = 30.0
START = 42 * MINUTE
"""Later than the retention horizon, so that something was pruned."""


@dataclass(frozen=True, slots=True)
class Setting:
    """What surrounds a fault; the defaults are what docs/faults.md says.

    The fault is shorter than the retention horizon, so that clients that it keeps away are not stale when they return.
    """

    seed: int = 1
    clients: int = 100
    session_lifetime_seconds: float = 5 * MINUTE
    profile: str = "reference"
    share: Share = EVERYONE
    lasts_seconds: float = 25 * MINUTE
    after_seconds: float = 25 * MINUTE
    horizon_seconds: float = 40 * MINUTE


SETTINGS = {
    "client.lost-cursors": Setting(profile="desktop", clients=10),
    "client.token-herd": Setting(clients=600, session_lifetime_seconds=3600),
    "cursor.long-offline": Setting(horizon_seconds=10 * MINUTE),
    "cursor.purge": Setting(clients=400),
}
"""Where a fault says in its docstring that it needs more than the defaults to be seen."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How many clients the fault touched, and what each rule did."""

    touched: int
    rules: tuple[RuleTimeline, ...]

    @property
    def fired(self) -> set[str]:
        """The alerts that fired, by name."""
        return {line.rule.alert for line in self.rules if line.state == "fired"}


def rehearse(fault: Fault | None, out: Path, setting: Setting | None = None, *, certified: bool = False) -> Outcome:
    """Run a fault, or a calm of the same length, and let Prometheus say which alerts it fires.

    With `certified`, promtool has to agree, which takes as long as all the rest.
    """
    setting = setting or Setting()
    run = run_virtual(_plan(fault, setting))
    exposition = _contract().expose(run.recording)
    duration = START + setting.lasts_seconds + setting.after_seconds
    touched = len(run.reached.touched.get("fault", ()))
    if not certified:
        return Outcome(touched, _evaluate(exposition, duration, out))
    timeline = judge(
        exposition, shipped_rules(), evaluation_interval_seconds=INTERVAL, duration_seconds=duration, out_dir=out
    )
    assert timeline.certification is not None
    assert timeline.certification.ok, timeline.certification.mismatches
    return Outcome(touched, timeline.rules)


def _evaluate(exposition: Exposition, duration: float, out: Path) -> tuple[RuleTimeline, ...]:
    metrics = out / "metrics.om"
    write_openmetrics(exposition, metrics)
    clock = Clock(duration, INTERVAL)
    with PrivatePrometheus(metrics, evaluation_interval_seconds=INTERVAL) as prometheus:
        fill(prometheus, (exposition,))
        promtool = find_tool("promtool").path
        return Evaluation(prometheus, shipped_rules(), exposition, clock, promtool).timelines()


def _plan(fault: Fault | None, setting: Setting) -> Plan:
    base = _contract().settings().with_value("retention.horizon", setting.horizon_seconds)
    calm, end = Conditions.fold(base, []), START + setting.lasts_seconds
    steps = [Step(0.0, calm)]
    if fault is not None:
        during = Conditions.fold(base, [("fault", fault, setting.share)])
        impulses = tuple(("fault", impulse) for impulse in fault.impulses(setting.share))
        steps += [Step(START, during, impulses), Step(end, calm)]
    habits = Habits(setting.session_lifetime_seconds, offline_seconds=60, topics=TOPICS)
    fleet = Fleet((PROFILES[setting.profile],) * setting.clients, habits, publish_rate=0.15, ramp_seconds=10)
    return Plan(
        seed=setting.seed,
        duration_seconds=end + setting.after_seconds,
        fleet=fleet,
        scrape_interval_seconds=INTERVAL,
        scrape_offset_seconds=INTERVAL / 3,
        initialise_series=True,
        steps=tuple(steps),
    )


@cache
def _contract() -> Contract:
    return load_contract("openagents-incidents")


@cache
def shipped_rules() -> RuleSet:
    """Return every shipped rule file as one rule set."""
    return load_rules(list(list_shipped("rules").values()))
