"""The scenario that a reproduction leaves: a file of the form of an incident, with the evidence in it."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ruamel.yaml import YAML

from simulator.core.metrics import INSTRUMENTS
from simulator.durations import format_duration

if TYPE_CHECKING:
    from collections.abc import Sequence

    from simulator.alerting.contract import Contract
    from simulator.reproduction.fitting import Fit
    from simulator.reproduction.report import CounterFit
    from simulator.reproduction.stage import Stage

TOLERANCE = 0.25
"""How far the totals of a rehearsal may be off what was recorded; another seed alone moves them by a tenth."""

_LEAST_COUNT = 20
"""A counter that grew by less in the recording is left to chance."""


@dataclass(frozen=True, slots=True)
class Origin:
    """What a scenario is called, where its recording came from, and the contract that says which metric is what."""

    name: str
    source: str
    contract: Contract


def write_scenario(origin: Origin, stage: Stage, fit: Fit, counters: Sequence[CounterFit]) -> str:
    """Return the scenario as YAML: fleet, timeline and totals, and in comments how well it follows the recording."""
    scenario = stage.loaded.scenario
    duration = round(stage.offset_seconds + stage.columns * stage.step_seconds, 3)
    data: dict[str, Any] = {
        "scenario": origin.name,
        "summary": _summary(fit),
        "source": origin.source,
        "published": f"recorded over {format_duration(duration)}; the totals stand below as measures",
        "seed": scenario.seed,
        "duration": format_duration(duration),
    }
    if scenario.conditions:
        data["conditions"] = dict(scenario.conditions)
    data["fleet"] = _changed(scenario.fleet.model_dump(mode="json"), clients=stage.clients)
    data["monitoring"] = {"contract": origin.contract.contract, "scrape_interval": format_duration(stage.step_seconds)}
    data["timeline"] = [_entry(stage, candidate, index) for index, candidate in enumerate(fit.candidates)]
    data["expect"] = [_measure(counter, origin.contract, duration) for counter in _telling(counters)]
    return _evidence(fit, counters) + _dump(data)


def _summary(fit: Fit) -> str:
    names = dict.fromkeys(candidate.fault for candidate in fit.candidates)
    return f"Reproduced from a recording: {', '.join(names)}."


def _changed(fleet: dict[str, Any], *, clients: int) -> dict[str, Any]:
    durations = ("session_lifetime", "offline", "ramp")
    shown = {key: format_duration(value) if key in durations else value for key, value in fleet.items()}
    return {**shown, "clients": clients}


def _entry(stage: Stage, candidate: Any, index: int) -> dict[str, Any]:
    injection = stage.injection(candidate, index)
    entry: dict[str, Any] = {"at": format_duration(injection.at), "inject": injection.fault_name}
    entry["level"] = round(injection.level, 3)
    if injection.until > injection.at:
        entry["for"] = format_duration(round(injection.until - injection.at, 3))
    if injection.envelope is not None and injection.envelope.ramp is not None:
        entry["envelope"] = {"ramp": format_duration(injection.envelope.ramp)}
    return entry


def _telling(counters: Sequence[CounterFit]) -> list[CounterFit]:
    """Return the counters of failures that a rehearsal must come near; of sums of durations nobody counts cases."""
    trouble = {"error", "timeout", "stale_cursor"}
    return [
        counter
        for counter in counters
        if trouble & set(counter.key) and counter.key[-1] != "sum" and counter.recorded >= _LEAST_COUNT
    ]


def _measure(counter: CounterFit, contract: Contract, duration: float) -> dict[str, Any]:
    name, *values = counter.key
    instrument, metric = INSTRUMENTS[name], contract.metrics[name]
    sample = f"{metric.name}_{values.pop()}" if instrument.kind == "summary" else metric.name
    labels = ",".join(
        f'{metric.labels[label]}="{metric.value(label, value)}"'
        for label, value in zip(instrument.labels, values, strict=True)
    )
    return {
        "measures": {
            "what": f"{' '.join(counter.key)} in all",
            "query": f"sum(increase({sample}{{{labels}}}[{format_duration(duration)}]))",
            "at": format_duration(duration),
            "equals": round(counter.recorded),
            "tolerance": TOLERANCE,
        }
    }


def _evidence(fit: Fit, counters: Sequence[CounterFit]) -> str:
    lines = [
        f"# Distance from the recording: {fit.distance:.2f}; calm is {fit.calm_distance:.2f} away,",
        "# and what chance alone brings about is below 1. Per counter: how much it grew in the recording and in the",
        "# rehearsal, and the part of its course that the rehearsal explains.",
        "#",
    ]
    for counter in counters:
        part = "" if counter.explained is None else f"{counter.explained:8.0%}"
        lines.append(f"#   {' '.join(counter.key):58} {counter.recorded:10.0f} {counter.played:10.0f} {part}".rstrip())
    return "\n".join(lines) + "\n"


def _dump(data: dict[str, Any]) -> str:
    yaml = YAML()
    yaml.width = 110
    yaml.indent(mapping=2, sequence=4, offset=2)
    out = io.StringIO()
    yaml.dump(data, out)
    return out.getvalue()
