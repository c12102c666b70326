"""What a driver is asked to run."""

from __future__ import annotations

from simulator.conditions import Conditions, Population
from simulator.core.client import Habits
from simulator.core.plan import Fleet, Plan, Step
from simulator.core.profiles import PROFILES


def test_the_population_is_as_large_as_the_fleet_and_ordered_by_the_plans_seed() -> None:
    fleet = Fleet((PROFILES["reference"],) * 7, Habits(600.0, 60.0, ("a",)), publish_rate=1.0, ramp_seconds=10.0)
    plan = Plan(3, 60.0, fleet, 15.0, 5.0, initialise_series=True, steps=(Step(0.0, Conditions()),))
    assert plan.population == Population(7, 3)


def test_a_step_has_no_impulses_and_no_notes_of_its_own() -> None:
    step = Step(0.0, Conditions())
    assert (step.impulses, step.notes) == ((), ())
