"""Measure a sweep: 500 settings of the rule about refused handshakes in 1,000 runs of 90 minutes.

    python -m benchmarks.tuning             # as a table
    python -m benchmarks.tuning --json      # for machines

Sixteen runs are simulated, 500 clients each: key drift at four levels, with four seeds. The thousand are these, and
what two, three or four of them make together: the counters of fleets of up to 2,000 clients. The clock runs from the
first sample that is written to the last outcome; adding the counters up counts, simulating does not. Fifty of the
cells are also evaluated the plain way, by a `promtool test rules` each: they have to agree, and their time is what
the sweep is compared with. Exits with 1 when a limit is missed.
"""

from __future__ import annotations

import itertools
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.figures import Figure, Goal, MeasurementFailed, parse_options, report
from simulator.alerting import manager
from simulator.alerting.exposition import Exposition, Family, Series
from simulator.alerting.lanes import Lanes
from simulator.alerting.outcomes import Setting, Truth
from simulator.alerting.rewriting import with_threshold, with_window
from simulator.alerting.rules import load_rules
from simulator.alerting.ruleset import AlertRule, Group, RuleSet
from simulator.alerting.sweep import sweep
from simulator.alerting.toolchain import find_tool

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from simulator.alerting.outcomes import Outcomes

ROOT = Path(__file__).parent.parent

RUNS, MINUTES, FAULT_MINUTES = 1000, 90, (10, 35)
LEVELS, SEEDS = (0.004, 0.01, 0.02, 0.05), (1, 2, 3, 4)
METRIC = "openagents_runtime_sync_socket_auth_count"
ALERT = "OpenAgentsRuntimeSyncSocketAuthFailureRatioHigh"
INTERVAL = 15.0
SETTINGS = tuple(
    Setting(threshold, window, hold)
    for window in (60.0, 120.0, 180.0, 300.0, 600.0)
    for threshold in (0.01, 0.02, 0.03, 0.05, 0.07, 0.1, 0.15, 0.2, 0.3, 0.5)
    for hold in (0.0, 30.0, 60.0, 120.0, 180.0, 240.0, 300.0, 420.0, 600.0, 900.0)
)
SAMPLED_CELLS = 50

SECONDS = Goal("sweep of 500,000 cells: 1,000 runs, 500 settings", "s", at_most=15)
CPU = Goal("CPU time of that, Prometheus included", "s CPU", at_most=25)
MEMORY = Goal("memory of that, Prometheus included", "MB", at_most=600)
RATIO = Goal("times as fast as promtool for every cell", "x", at_least=1000)
GOALS = (SECONDS, CPU, MEMORY, RATIO)


def simulate(level: float, seed: int) -> list[tuple[str, list[tuple[str, str]], list[float | int | None]]]:
    """Return the series of the metric in a run with key drift at a level."""
    from faults import load_faults  # noqa: PLC0415  # only the processes that simulate need them
    from simulator.alerting.contract import load_contract  # noqa: PLC0415
    from simulator.drivers.virtual import run_virtual  # noqa: PLC0415
    from simulator.scenario.loading import load_scenario  # noqa: PLC0415
    from simulator.scenario.timeline import list_injections, make_plan  # noqa: PLC0415

    began, ended = FAULT_MINUTES
    overrides = {"duration": f"{MINUTES}m", "seed": str(seed)} | {
        f"timeline.0.{key}": value
        for key, value in {"at": f"{began}m", "for": f"{ended - began}m", "level": str(level)}.items()
    }
    loaded = load_scenario("auth-key-drift", overrides)
    contract = load_contract(loaded.scenario.monitoring.contract)
    plan = make_plan(loaded, list_injections(loaded, load_faults()), contract.settings())
    exposition = contract.expose(run_virtual(plan).recording)
    return [(one.name, list(one.labels), list(one.values)) for one in exposition.series() if one.name == METRIC]


def simulate_all(file: Path) -> None:
    """Simulate every run, in processes of their own, and write their series to a file."""
    with ProcessPoolExecutor() as pool:
        found = list(pool.map(simulate, *zip(*itertools.product(LEVELS, SEEDS), strict=True)))
    file.write_text(json.dumps(found), encoding="utf-8")


class Runs:
    """A thousand runs, each the sum of some that were simulated."""

    def __init__(self, file: Path) -> None:
        simulated = json.loads(file.read_text(encoding="utf-8"))
        self._labels = [tuple(tuple(pair) for pair in labels) for _, labels, _ in simulated[0]]
        self._counts = np.array([[values for _, _, values in run] for run in simulated], np.int64)
        numbers = range(len(simulated))
        members = itertools.chain.from_iterable(itertools.combinations(numbers, size) for size in (1, 2, 3, 4))
        self._members = list(itertools.islice(members, RUNS))
        self._times = tuple(5.0 + k * INTERVAL for k in range(self._counts.shape[-1]))

    def __getitem__(self, number: int) -> Exposition:
        counts = self._counts[list(self._members[number])].sum(axis=0).tolist()
        series = tuple(Series(METRIC, labels, values) for labels, values in zip(self._labels, counts, strict=True))
        return Exposition(INTERVAL, 5.0, self._times, (Family(METRIC, "counter", "", series),))

    def __iter__(self) -> Iterator[Exposition]:
        return (self[number] for number in range(RUNS))


def run_sweep(file: Path) -> dict[str, Any]:
    """Return what a sweep takes, and what it says about some cells; to be called in a process of its own."""
    runs, rule = Runs(file), _rule()
    began, ended = (60.0 * minute for minute in FAULT_MINUTES)
    truths = [Truth(began, ended, 60.0 * MINUTES)] * RUNS
    widest = max(setting.window_seconds or 0 for setting in SETTINGS)
    cpu = time.process_time()
    started = time.perf_counter()
    with Lanes(runs, exprs=[rule.expr, with_window(rule.expr, widest)], length_seconds=60.0 * MINUTES) as lanes:
        filled = time.perf_counter()
        outcomes = sweep(lanes, rule, SETTINGS, truths, interval_seconds=INTERVAL)
        ended_at = time.perf_counter()
        server = Path(f"/proc/{lanes.pid}")
        server_cpu = sum(map(int, (server / "stat").read_text().rpartition(")")[2].split()[11:13]))
        server_peak = _peak_kib(server)
    return {
        "seconds": ended_at - started,
        "fill_seconds": filled - started,
        "cpu_seconds": time.process_time() - cpu,
        "server_cpu_seconds": server_cpu / os.sysconf("SC_CLK_TCK"),
        "peak_megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "server_peak_megabytes": server_peak / 1024,
        "fired": float(np.isfinite(outcomes.detected_at).mean()),
        "sampled": [(run, setting, _cell(outcomes, run, setting)) for run, setting in _sample()],
    }


def check_cells(file: Path, sampled: Sequence[tuple[int, int, list[float | None]]]) -> float:
    """Evaluate some cells by promtool, each in a run of its own, and return the seconds that one takes.

    Raises:
        MeasurementFailed: it says something else than the sweep.
    """
    runs, promtool = Runs(file), find_tool("promtool").path
    spent = 0.0
    for run, number, said in sampled:
        rule = _variant(SETTINGS[number])
        exposition = runs[run]
        started = time.perf_counter()
        with tempfile.TemporaryDirectory() as folder:
            (episodes,) = manager.evaluate(
                [rule],
                RuleSet((Group("g", (rule,)),)),
                exposition,
                names={METRIC},
                probes=(),
                interval_seconds=INTERVAL,
                last=int(60 * MINUTES / INTERVAL),
                folder=Path(folder),
                promtool=promtool,
            ).episodes.values()
        spent += time.perf_counter() - started
        fired = [one for one in episodes if one.firing_at is not None]
        since = [one for one in fired if (one.firing_at or 0.0) >= 60 * FAULT_MINUTES[0]]
        first = (since[0].firing_at, since[0].pending_at, since[0].resolved_at) if since else (None, None, None)
        if said != [*first, len(fired)]:
            raise MeasurementFailed(f"run {run}, {SETTINGS[number]}: {said}, but promtool says {[*first, len(fired)]}")
    return spent / len(sampled)


def measure(runs: int) -> Iterator[Figure]:
    """Yield every figure."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "runs.json"
        simulate_all(file)
        results = [_apart(file) for _ in range(runs)]
        best = min(results, key=lambda result: result["seconds"])
        if not 0.1 < best["fired"] < 0.9:
            raise MeasurementFailed(f"a share of {best['fired']:.2f} of the cells fires, which says little")
        yield Figure(
            SECONDS,
            best["seconds"],
            f"{best['fill_seconds']:.1f} s of them to write the runs; {best['fired']:.0%} of the cells fire",
        )
        least = min(results, key=_cpu_seconds)
        yield Figure(
            CPU,
            _cpu_seconds(least),
            f"{least['cpu_seconds']:.1f} s of ours, {least['server_cpu_seconds']:.1f} s of Prometheus",
        )
        ours, server = (max(result[key] for result in results) for key in ("peak_megabytes", "server_peak_megabytes"))
        yield Figure(MEMORY, ours + server, f"peaks of {ours:.0f} MB and, of Prometheus, {server:.0f} MB")
        each = check_cells(file, best["sampled"])
        cells = RUNS * len(SETTINGS)
        yield Figure(
            RATIO,
            each * cells / best["seconds"],
            f"{each:.3f} s a cell, by {SAMPLED_CELLS} cells that agree; {each * cells / 3600:.0f} h for all",
        )


def _cpu_seconds(result: dict[str, Any]) -> float:
    seconds: float = result["cpu_seconds"] + result["server_cpu_seconds"]
    return seconds


def _rule() -> AlertRule:
    rules = load_rules([ROOT / "simulator/data/rules/openagents-runtime.yaml"]).alerts()
    return next(rule for rule in rules if rule.alert == ALERT)


def _variant(setting: Setting) -> AlertRule:
    expr = with_threshold(with_window(_rule().expr, setting.window_seconds or 0), setting.threshold)
    return AlertRule(ALERT, expr, setting.for_seconds, setting.keep_firing_for_seconds)


def _sample() -> list[tuple[int, int]]:
    chance = random.Random(1)
    return [(chance.randrange(RUNS), chance.randrange(len(SETTINGS))) for _ in range(SAMPLED_CELLS)]


def _cell(outcomes: Outcomes, run: int, setting: int) -> list[float | None]:
    """Return when the cell is detected, was pending and is resolved, and its pages."""
    arrays = (outcomes.detected_at, outcomes.pending_at, outcomes.resolved_at)
    times = [float(array[run, setting, 0]) for array in arrays]
    return [*(None if np.isnan(at) else at for at in times), int(outcomes.pages[run, setting, 0])]


def _peak_kib(process: Path) -> int:
    lines = (process / "status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))


def _apart(file: Path) -> dict[str, Any]:
    code = (
        "import json; from pathlib import Path; from benchmarks import tuning; "
        f"print(json.dumps(tuning.run_sweep(Path({str(file)!r}))))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


if __name__ == "__main__":
    options = parse_options("Measure a sweep of a rule's numbers.")
    sys.exit(report(lambda: measure(options.runs), as_json=options.json))
