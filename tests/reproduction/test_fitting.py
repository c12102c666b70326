"""A known timeline is recovered from its own recording, by a fleet with other chances."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from faults import load_faults
from simulator.crew import Crew
from simulator.documents import parse_documents
from simulator.drivers.virtual import run_virtual
from simulator.reproduction.distance import Segment, deviations, distance, find_segments, likeness
from simulator.reproduction.fitting import fit
from simulator.reproduction.fleet import estimate_clients
from simulator.reproduction.recorded import Recorded, from_recording
from simulator.reproduction.stage import Candidate, Stage
from simulator.reproduction.trials import Trials
from simulator.scenario.loading import load_scenario, validate
from simulator.scenario.timeline import list_injections, make_plan

if TYPE_CHECKING:
    from collections.abc import Sequence

    from simulator.reproduction.fitting import Fit

FAULTS = {name: kind for name, kind in load_faults().items() if not kind.live_only}
SOME = ("auth.key-drift", "auth.wrong-secret", "auth.mint-outage", "liveness.silent-clients")
STEP = 15.0


def record(timeline: str, *, clients: int, duration: str) -> Recorded:
    text = f"scenario: known\nseed: 11\nduration: {duration}\nfleet: {{clients: {clients}}}\ntimeline:\n{timeline}"
    (document,) = parse_documents(text, "known")
    loaded = validate(document, {})
    return from_recording(run_virtual(make_plan(loaded, list_injections(loaded, FAULTS))).recording)


def recover(recorded: Recorded, *, clients: int, names: Sequence[str]) -> Fit:
    overrides = {
        "fleet.clients": str(clients),
        "seed": "99",
        "duration": str(recorded.duration_seconds),
        "expect": "[]",
    }
    stage = Stage.like(recorded, load_scenario("calm", overrides), {name: FAULTS[name] for name in names})
    with Crew() as crew:
        return fit(Trials(recorded, stage, crew))


def assert_near(found: Candidate, known: Candidate) -> None:
    assert found.fault == known.fault
    assert abs(found.start + found.ramp / 2 - known.start) <= 2 * STEP
    assert abs(found.end - known.end) <= 2 * STEP
    assert abs(found.level - known.level) <= 0.1


def test_a_known_injection_is_recovered_with_its_times_and_its_level() -> None:
    # Not in the first minutes: there all tokens are of one age, and a drift shows when they run out together.
    recorded = record("  - {at: 8m, inject: auth.key-drift, level: 0.5, for: 7m}", clients=200, duration="18m")
    found = recover(recorded, clients=200, names=SOME[:2])
    (candidate,) = found.candidates
    assert_near(candidate, Candidate("auth.key-drift", 480, 900, 0.5))
    assert found.distance < 0.5 < found.calm_distance


def test_nothing_is_found_in_calm() -> None:
    recorded = record("  []", clients=60, duration="15m")
    found = recover(recorded, clients=60, names=SOME)
    assert found.candidates == ()


def test_an_incident_that_no_fault_explains_is_not_explained() -> None:
    recorded = record("  - {at: 4m, inject: auth.key-drift, for: 5m}", clients=60, duration="15m")
    found = recover(recorded, clients=60, names=("liveness.silent-clients",))
    assert all(candidate.fault != "auth.key-drift" for candidate in found.candidates)
    assert found.distance > 0.5


@pytest.mark.soak
def test_two_injections_one_after_the_other_are_recovered_from_all_faults() -> None:
    timeline = """
  - {at: 8m, inject: auth.key-drift, level: 0.6, for: 15m}
  - {at: 38m, inject: liveness.silent-clients, level: 0.3, for: 15m}
"""
    recorded = record(timeline, clients=500, duration="1h8m")
    found = recover(recorded, clients=500, names=tuple(FAULTS))
    assert len(found.candidates) == 2
    assert_near(found.candidates[0], Candidate("auth.key-drift", 480, 1380, 0.6))
    assert_near(found.candidates[1], Candidate("liveness.silent-clients", 2280, 3180, 0.3))


def test_the_number_of_clients_is_told_from_the_recording() -> None:
    recorded = record("  - {at: 4m, inject: auth.key-drift, level: 0.3, for: 2m}", clients=120, duration="15m")
    stage = Stage.like(recorded, load_scenario("calm", {"duration": "15m", "fleet.clients": "50"}), FAULTS)
    assert abs(estimate_clients(recorded, stage) - 120) <= 12


def row(*values: float) -> np.ndarray:
    return np.array([values], dtype=float)


def test_a_distance_is_nothing_for_the_same_and_grows_with_the_difference() -> None:
    a = row(5, 5, 5, 5, 5, 5)
    assert distance(a, a, 0) == 0
    assert 0 < distance(a, row(5, 5, 6, 5, 5, 5), 0) < distance(a, row(5, 5, 60, 5, 5, 5), 0)
    assert distance(a, row(500, 5, 5, 5, 5, 5), 3) == 0


def test_stretches_are_found_where_more_came_than_chance_brings() -> None:
    calm = row(*[4] * 60)
    struck = row(*[4] * 20, *[80] * 10, *[4] * 4, *[80] * 2, *[4] * 24)
    assert find_segments(struck, calm, 4) == [Segment(19, 36)]
    assert find_segments(calm, calm, 4) == []
    assert (deviations(struck, calm)[0, 20:30] > 0).all()


def test_likeness_does_not_depend_on_level_and_time() -> None:
    calm = np.array([[4.0] * 40, [4.0] * 40])
    first, weaker, other = calm.copy(), calm.copy(), calm.copy()
    first[0, 10:20] = 90
    weaker[0, 25:30] = 40
    other[1, 10:20] = 90
    assert likeness(first, weaker, calm, 2) > 0.99
    assert likeness(first, other, calm, 2) < 0.1
