"""Properties that every fault must obey, over several seeds."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from simulator.conditions import KNOBS, Conditions, ResetCounters, Settings, Share, knobs_of
from simulator.conditions.share import SMALLEST_FRACTION
from simulator.conditions.value import parse_value
from simulator.core.metrics import INSTRUMENTS
from simulator.core.plan import Step
from simulator.drivers.reach import KNOBS_AT
from simulator.drivers.virtual import run_virtual

if TYPE_CHECKING:
    from collections.abc import Callable

    from simulator.conditions import Fault
    from tests.conftest import PlanFactory

SEEDS = (1, 2, 3)
START, END = 305.0, 800.0
SIZES = (
    pytest.param({"clients": 20, "seconds": 1100.0}, id="small"),
    *(pytest.param({"seed": seed}, id=f"seed-{seed}", marks=pytest.mark.soak) for seed in SEEDS),
)
"""What differs from a plan as it comes; in full size, eager runs cost as much as all other runs here together."""


@pytest.mark.parametrize("size", SIZES)
def test_lazy_and_eager_runs_give_the_same_digest_and_reach_the_same_clients(
    plan: PlanFactory, make_fault: Callable[[str], Fault], fault_name: str, size: dict[str, Any]
) -> None:
    run = plan((make_fault(fault_name), START, END), **size)
    lazy, eager = run_virtual(run), run_virtual(run, eager=True)
    for at, expected, found in zip(eager.recording.times, eager.recording.scrapes, lazy.recording.scrapes, strict=True):
        assert found == expected, f"at {at}"
    assert lazy.recording.digest() == eager.recording.digest()
    assert lazy == eager


@pytest.mark.parametrize(
    ("knob", "value"),
    [
        ("network.latency", 0.25),
        ("network.latency", 30.0),
        ("delivery.paused", True),
        ("liveness.transport_idle", 10.0),
        ("liveness.tick", 5.0),
        ("delivery.replay_batch", 3),
    ],
)
@pytest.mark.parametrize("profile", ["reference", "desktop"])
@pytest.mark.parametrize("end", [pytest.param(330.0, marks=pytest.mark.soak), 800.0])
def test_lazy_and_eager_runs_agree_on_knobs_that_no_fault_uses_yet(
    plan: PlanFactory, knob: str, value: object, profile: str, end: float
) -> None:
    calm = plan(profile=profile)
    base = calm.steps[0].conditions
    varied = base.vary(knob, value, Share(0.5))
    run = replace(calm, steps=(*calm.steps, Step(START, varied), Step(end, base)))
    assert run_virtual(run) == run_virtual(run, eager=True)


@pytest.mark.parametrize("size", SIZES)
def test_the_same_seed_gives_the_same_run(
    plan: PlanFactory, make_fault: Callable[[str], Fault], fault_name: str, size: dict[str, Any]
) -> None:
    run = plan((make_fault(fault_name), START, END), **size)
    assert run_virtual(run) == run_virtual(run)


def test_another_seed_gives_another_run(plan: PlanFactory) -> None:
    digests = {run_virtual(plan(seed=seed)).recording.digest() for seed in SEEDS}
    assert len(digests) == len(SEEDS)


def test_level_zero_changes_nothing(plan: PlanFactory, make_fault: Callable[[str], Fault], fault_name: str) -> None:
    fault, none = make_fault(fault_name), Share(0.0)
    base = plan().steps[0].conditions
    assert Conditions.fold(base.baseline, [("i", fault, none)]) == base
    run = run_virtual(plan((fault, START, END), share=none))
    if not fault.is_momentary():
        assert run.recording.digest() == run_virtual(plan()).recording.digest()
    assert not run.reached.touched.get("fault-0")


def _is_for_all(fault: Fault, base: Settings, share: Share) -> bool:
    """Tell whether a fault changes what all clients share, in whole or in part."""
    knobs = {v.knob for v in Conditions.fold(base, [("i", fault, share)]).variations}
    return any(KNOBS[knob].shared for knob in knobs) or any(
        not hasattr(impulse, "share") and not isinstance(impulse, ResetCounters) for impulse in fault.impulses(share)
    )


def test_a_fault_reaches_only_clients_of_its_share_and_some_of_them(
    plan: PlanFactory, make_fault: Callable[[str], Fault], fault_name: str
) -> None:
    fault, share = make_fault(fault_name), Share(0.5)
    base = Settings().with_value("retention.horizon", 120.0)
    asked = plan((fault, START, END), share=share)
    reached = run_virtual(asked).reached.touched["fault-0"]
    assert reached
    if not _is_for_all(fault, base, share):
        assert reached <= set(asked.population.members(share))


def test_clients_that_no_fault_reaches_do_not_suffer(
    plan: PlanFactory, make_fault: Callable[[str], Fault], fault_name: str
) -> None:
    fault = make_fault(fault_name)
    run = run_virtual(plan((fault, START, END), clients=80))
    views = {*KNOBS_AT["scrape"], *KNOBS_AT["view"]}
    everyone = knobs_of(fault) <= views and not fault.seen_by  # whoever looks at the metrics meets it
    if not everyone and not _is_for_all(fault, Settings(), Share(0.5)):
        assert run.reached.control_clients > 0
    assert run.reached.control_harmed == 0


def test_a_fault_leaves_no_residue_in_the_conditions(make_fault: Callable[[str], Fault], any_fault_name: str) -> None:
    baseline = Settings()
    fault = make_fault(any_fault_name)
    during = Conditions.fold(baseline, [("i", fault, Share(1.0))])
    assert during != Conditions(baseline) or fault.is_momentary()
    assert Conditions.fold(baseline, []) == Conditions(baseline)


@pytest.mark.parametrize("level", [SMALLEST_FRACTION, 1e-6, 1 / 3])
def test_at_any_level_a_fault_makes_conditions_that_their_knobs_allow_and_that_can_be_sent(
    make_fault: Callable[[str], Fault], any_fault_name: str, level: float
) -> None:
    conditions = Conditions.fold(Settings(), [("i", make_fault(any_fault_name), Share(level))])
    for variation in conditions.variations:
        assert parse_value(KNOBS[variation.knob].setting, variation.value) == pytest.approx(variation.value, abs=1e-6)
    assert Conditions.from_dict(json.loads(json.dumps(conditions.to_dict(), allow_nan=False))) == conditions


def test_a_fault_moves_the_instruments_that_should_see_it(
    plan: PlanFactory, make_fault: Callable[[str], Fault], fault_name: str
) -> None:
    fault = make_fault(fault_name)
    assert set(fault.seen_by) <= set(INSTRUMENTS)
    calm = run_virtual(plan()).recording.scrapes[-1]
    struck = run_virtual(plan((fault, START, END))).recording.scrapes[-1]
    for instrument in fault.seen_by:
        assert any(struck[key] > calm[key] for key in calm if key[0] == instrument and key[1] != "ok")


def test_a_fault_is_documented_and_its_parameters_do_not_shadow_a_timeline_key(
    make_fault: Callable[[str], Fault], any_fault_name: str
) -> None:
    from simulator.conditions import settings_of  # noqa: PLC0415
    from simulator.scenario.schema import Entry  # noqa: PLC0415

    kind = type(make_fault(any_fault_name))
    assert kind.__doc__
    assert "seen by" in kind.__doc__.lower()
    reserved = {field.alias or name for name, field in Entry.model_fields.items()}
    for name, declared in settings_of(kind).items():
        assert name not in reserved
        assert declared.help


CATALOGUE = {
    f"{part}{number}" for part, last in {"A": 21, "B": 16, "C": 22, "O": 16}.items() for number in range(1, last + 1)
}


def test_the_codes_of_a_fault_are_entries_of_the_catalogue(
    make_fault: Callable[[str], Fault], any_fault_name: str
) -> None:
    codes = type(make_fault(any_fault_name)).codes
    assert isinstance(codes, tuple)
    assert set(codes) <= CATALOGUE
    assert len(set(codes)) == len(codes)


_DIGEST_SCRIPT = """
from faults import load_faults
from simulator.scenario.loading import load_scenario
from simulator.scenario.timeline import list_injections, make_plan
from simulator.drivers.virtual import run_virtual
loaded = load_scenario("tabletop", {"fleet.clients": "60"})
print(run_virtual(make_plan(loaded, list_injections(loaded, load_faults()))).recording.digest())
"""

TABLETOP_DIGEST = "40dee7fde694055d10b3a64ca8633a3c5191160e36a0579f4698fe49eee11948"
"""Of the tabletop scenario with 60 clients; the same on every supported Python and with any hash seed."""


@pytest.mark.parametrize("hash_seed", ["0", "1", "4242"])
def test_the_digest_does_not_depend_on_the_hash_seed_or_the_python(hash_seed: str) -> None:
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
    command = [sys.executable, "-W", "error", "-c", _DIGEST_SCRIPT]
    printed = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert printed.stdout.strip() == TABLETOP_DIGEST
