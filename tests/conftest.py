"""What several test folders share: plans for the driver, and the faults."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import pytest
from hypothesis import settings

from faults import load_faults
from simulator.conditions import Conditions, Settings, Share
from simulator.core.client import Habits
from simulator.core.plan import Fleet, Plan, Step
from simulator.core.profiles import PROFILES
from simulator.scenario.schema import TOPICS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from simulator.conditions import Fault

settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.register_profile("explore", max_examples=500, deadline=None, print_blob=True)
settings.load_profile("repeatable")
"""The same commit passes or fails the same way; `make soak` explores, with `--hypothesis-profile explore`."""

ALL_FAULTS = load_faults()
LIVE_FAULTS = [name for name, fault in ALL_FAULTS.items() if fault.live_only]
"""Those that virtual time refuses."""
HALF = Share(0.5)


class PlanFactory(Protocol):
    """Makes a plan: calm, or with faults that last from one second to another."""

    def __call__(
        self,
        *faults: tuple[Fault, float, float],
        share: Share = HALF,
        clients: int = 40,
        seconds: float = 1500.0,
        seed: int = 1,
        baseline: Settings | None = None,
        profile: str = "reference",
        initialise: bool = True,
        session_lifetime_seconds: float = 600.0,
    ) -> Plan:
        """Return the plan."""
        ...


def _plan(
    *faults: tuple[Fault, float, float],
    share: Share = HALF,
    clients: int = 40,
    seconds: float = 1500.0,
    seed: int = 1,
    baseline: Settings | None = None,
    profile: str = "reference",
    initialise: bool = True,
    session_lifetime_seconds: float = 600.0,
) -> Plan:
    base = baseline or Settings().with_value("retention.horizon", 120.0)
    named = [(f"fault-{number}", *entry) for number, entry in enumerate(faults)]
    times = sorted({0.0, *(t for _, _, start, end in named for t in (start, end))})
    steps = []
    for time in times:
        active = [(name, fault, share) for name, fault, start, end in named if start <= time < end]
        begun = [(name, fault) for name, fault, start, _ in named if start == time]
        impulses = tuple((name, impulse) for name, fault in begun for impulse in fault.impulses(share))
        steps.append(Step(time, Conditions.fold(base, active), impulses))
    habits = Habits(session_lifetime_seconds, offline_seconds=60, topics=TOPICS)
    fleet = Fleet((PROFILES[profile],) * clients, habits, publish_rate=0.25, ramp_seconds=10)
    return Plan(seed, seconds, fleet, 15.0, 5.0, initialise, tuple(steps))


@pytest.fixture(scope="session")
def plan() -> PlanFactory:
    """Return the factory of plans."""
    return _plan


@pytest.fixture(scope="session")
def make_fault() -> Callable[[str], Fault]:
    """Return a function that makes a fault by name, with its default parameters."""
    return lambda name: ALL_FAULTS[name]()


@pytest.fixture(scope="session")
def faults() -> dict[str, type[Fault]]:
    """Return every fault's class by name, for those with parameters of their own."""
    return ALL_FAULTS


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test once for every fault of virtual time, for each that needs a live system, or for all of them."""
    choices: dict[str, Sequence[str]] = {
        "fault_name": [name for name in ALL_FAULTS if name not in LIVE_FAULTS],
        "live_fault_name": LIVE_FAULTS,
        "any_fault_name": list(ALL_FAULTS),
    }
    for argument, names in choices.items():
        if argument in metafunc.fixturenames:
            metafunc.parametrize(argument, names)
