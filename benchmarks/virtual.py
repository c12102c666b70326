"""Measure the figures that README.md quotes: CPU seconds, wall seconds and memory, each in a process of its own.

    python benchmarks/run.py            # all of them, as a table
    python benchmarks/run.py --json     # for machines

Every figure is the best of a few runs, because the machine has other things to do; the yardstick is
measured in the same run, so that figures of different machines can be compared as ratios.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

RUNS = 3


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
    return {"cpu_seconds": time.process_time() - started, "peak_megabytes": 0.0}


THREE_INCIDENTS = Path(__file__).with_name("three-incidents.yaml")

SIMULATIONS = {
    "yardstick: a million heap operations": ("", {}, None),
    "calm, 500 clients, one hour": ("calm", {}, 1.0),
    "three incidents, 500 clients, one hour": (str(THREE_INCIDENTS), {}, 1.5),
    "calm, 10,000 clients, one hour": ("calm", {"fleet.clients": "10000"}, 20.0),
}
COMMANDS = {
    "syncstorm rehearse tabletop, whole process": ("tabletop", 6.0),
    "syncstorm rehearse auth-key-drift, whole process": ("auth-key-drift", 4.0),
}


def in_process(scenario: str, overrides: dict[str, str]) -> dict[str, float]:
    """Run one simulation in a fresh process and return what it measured."""
    call = "yardstick()" if not scenario else f"simulate({scenario!r}, {overrides!r})"
    code = f"import json, run; print(json.dumps(run.{call}))"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), str(Path.cwd())])}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def whole_command(scenario: str) -> float:
    """Return the wall seconds of one `syncstorm rehearse`, Prometheus included."""
    with tempfile.TemporaryDirectory() as folder:
        command = [
            sys.executable,
            "-m",
            "simulator",
            "rehearse",
            scenario,
            "--json",
            "--out",
            f"{folder}/out",
        ]
        started = time.perf_counter()
        subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
        return time.perf_counter() - started


def measure(runs: int) -> list[dict[str, object]]:
    """Return every figure with its limit."""
    rows: list[dict[str, object]] = []
    for name, (scenario, overrides, limit) in SIMULATIONS.items():
        results = [in_process(scenario, overrides) for _ in range(runs)]
        rows.append(
            {
                "name": name,
                "cpu_seconds": round(min(r["cpu_seconds"] for r in results), 2),
                "peak_megabytes": round(max(r["peak_megabytes"] for r in results)),
                "limit_seconds": limit,
            }
        )
    for name, (scenario, limit) in COMMANDS.items():
        wall = min(whole_command(scenario) for _ in range(runs))
        rows.append({"name": name, "wall_seconds": round(wall, 2), "limit_seconds": limit})
    return rows


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description="Measure the figures that README.md quotes.")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--runs", type=int, default=RUNS, help="runs of which the best counts")
    options = parser.parse_args()
    rows = measure(options.runs)
    machine = f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"
    if options.json:
        print(json.dumps({"machine": machine, "figures": rows}, indent=2))
        return
    print(machine)
    for row in rows:
        seconds = row.get("cpu_seconds", row.get("wall_seconds"))
        kind = "CPU" if "cpu_seconds" in row else "wall"
        memory = f", {row['peak_megabytes']} MB" if row.get("peak_megabytes") else ""
        limit = f"  (at most {row['limit_seconds']:g} s)" if row["limit_seconds"] else ""
        print(f"  {row['name']:<50} {seconds:>6} s {kind}{memory}{limit}")


if __name__ == "__main__":
    main()
