"""Measure virtual time: CPU seconds, wall seconds and memory of whole runs, each in a process of its own.

    python -m benchmarks.virtual            # all of them, as a table
    python -m benchmarks.virtual --json     # for machines

Every figure is the best of a few runs, because the machine has other things to do; the yardstick is measured in the
same run, so that figures of different machines can be compared as ratios. Exits with 1 when a limit is missed.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.figures import Figure, Goal, MeasurementFailed, parse_options, report

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ROOT = Path(__file__).parent.parent

YARDSTICK = Goal("yardstick: a million heap operations", "s CPU")


@dataclass(frozen=True, slots=True)
class Simulation:
    """A virtual run: the CPU seconds that it may take, and the memory if that matters."""

    scenario: str
    seconds: Goal
    overrides: Mapping[str, str] = field(default_factory=dict)
    memory: Goal | None = None


SIMULATIONS = (
    Simulation("calm", Goal("calm, 500 clients, one hour", "s CPU", at_most=1)),
    Simulation(
        str(Path(__file__).with_name("three-incidents.yaml")),
        Goal("three incidents, 500 clients, one hour", "s CPU", at_most=1.5),
    ),
    Simulation(
        "calm",
        Goal("calm, 10,000 clients, one hour", "s CPU", at_most=20),
        {"fleet.clients": "10000"},
        Goal("memory of that", "MB", at_most=400),
    ),
)
ORIGINAL = ROOT / "tests" / "data" / "original"


@dataclass(frozen=True, slots=True)
class Command:
    """A whole command, Prometheus included: what it is given, how long it may take, and the code it ends with."""

    words: tuple[str, ...]
    seconds: Goal
    code: int = 0


COMMANDS = (
    Command(("rehearse", "tabletop"), Goal("`syncstorm rehearse tabletop`, whole process", "s", at_most=6)),
    Command(("rehearse", "auth-key-drift"), Goal("`syncstorm rehearse auth-key-drift`, whole process", "s", at_most=4)),
    Command(
        ("audit", *map(str, sorted(ORIGINAL.glob("*-rules.yaml"))), "--dashboards", str(ORIGINAL)),
        Goal("`syncstorm audit` of the original's two rule files and its dashboards", "s", at_most=20),
        code=1,  # it finds what is wrong with them
    ),
)
GOALS = (
    *(goal for run in SIMULATIONS for goal in (run.seconds, run.memory) if goal),
    *(command.seconds for command in COMMANDS),
)


def simulate(scenario: str, overrides: dict[str, str]) -> dict[str, float]:
    """Return CPU seconds and peak megabytes of one virtual run; to be called in a process of its own."""
    from faults import load_faults  # noqa: PLC0415  # only the measured process needs them
    from simulator.drivers.virtual import run_virtual  # noqa: PLC0415
    from simulator.scenario.loading import load_scenario  # noqa: PLC0415
    from simulator.scenario.timeline import list_injections, make_plan  # noqa: PLC0415

    loaded = load_scenario(scenario, overrides)
    plan = make_plan(loaded, list_injections(loaded, load_faults()))
    started = time.process_time()
    run_virtual(plan)
    cpu_seconds = time.process_time() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"cpu_seconds": cpu_seconds, "peak_megabytes": peak}


def yardstick() -> dict[str, float]:
    """Return CPU seconds for a million heap operations, which no change of ours can make faster."""
    from heapq import heappop, heappush  # noqa: PLC0415

    heap: list[tuple[float, int]] = []
    started = time.process_time()
    for number in range(500_000):
        heappush(heap, ((number * 7919) % 10007, number))
    while heap:
        heappop(heap)
    return {"cpu_seconds": time.process_time() - started}


def measure(runs: int) -> Iterator[Figure]:
    """Yield every figure."""
    yield Figure(YARDSTICK, min(_apart("yardstick()")["cpu_seconds"] for _ in range(runs)))
    for run in SIMULATIONS:
        results = [_apart(f"simulate({run.scenario!r}, {run.overrides!r})") for _ in range(runs)]
        megabytes = max(result["peak_megabytes"] for result in results)
        yield Figure(run.seconds, min(result["cpu_seconds"] for result in results), f"{megabytes:.0f} MB")
        if run.memory is not None:
            yield Figure(run.memory, megabytes)
    for command in COMMANDS:
        yield Figure(command.seconds, min(_whole_command(command) for _ in range(runs)))


def _apart(call: str) -> dict[str, float]:
    """Return what a function of this module measures in a fresh process."""
    code = f"import json; from benchmarks import virtual; print(json.dumps(virtual.{call}))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def _whole_command(command: Command) -> float:
    """Return the wall seconds of one command, Prometheus included."""
    with tempfile.TemporaryDirectory() as folder:
        words = [sys.executable, "-m", "simulator", *command.words, "--json", "--out", f"{folder}/out"]
        started = time.perf_counter()
        done = subprocess.run(words, cwd=ROOT, stdout=subprocess.DEVNULL, check=False)
        seconds = time.perf_counter() - started
    if done.returncode != command.code:
        raise MeasurementFailed(f"{' '.join(command.words)} ended with {done.returncode}, and not {command.code}")
    return seconds


if __name__ == "__main__":
    options = parse_options("Measure virtual time.")
    sys.exit(report(lambda: measure(options.runs), as_json=options.json))
