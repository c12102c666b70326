"""The pages of the documentation that are made from the code: knobs, client profiles, metrics, commands."""

from __future__ import annotations

import inspect
import math
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from simulator.alerting.contract import load_contract
from simulator.conditions import KNOBS
from simulator.core.metrics import INSTRUMENTS
from simulator.core.profile import Backoff, Profile
from simulator.core.profiles import PROFILES
from simulator.durations import format_duration
from simulator.report.markdown import table
from simulator.shipped import list_shipped

if TYPE_CHECKING:
    from collections.abc import Iterator

    from simulator.alerting.contract import Contract
    from simulator.core.metrics import Instrument

_MADE = "<!-- Made from the code by `python scripts/write_reference_pages.py`; a test holds it to that. -->"

_KNOBS = f"""# Knobs

{_MADE}

Everything about the system that can go wrong is one of these. `syncstorm knobs` lists them; a scenario sets them for
the whole run under `conditions`, for a while on its timeline (`set`), and faults turn them. A knob *for everybody* has
one value for the whole system; the others can have another value for a share of the clients."""

_PROFILES = f"""# Client profiles

{_MADE}

The client decides the shape of an incident: how it reconnects, backs off, beats, resumes and recovers. A scenario deals
them in exact counts (`fleet: {{profiles: {{desktop: 0.3, reference: 0.7}}}}`). Those of published packages are held to
the unmodified packages by tests; the original's are read from its sources."""

_METRICS = f"""# Metrics

{_MADE}

What the simulator counts, whatever your rules call it. A [contract](scenarios.md#monitoring) gives each instrument a
name, each of its labels a name, and, where they differ, its labels' values names as well:

```yaml
contract: collab
targets:
  server: {{job: collab-sync, instance: sync-1}}
metrics:
  socket_auth:
    name: collab_handshakes_total
    labels: {{status: outcome, reason_class: reason}}
    values: {{status: {{ok: accepted, error: refused}}}}
```

An instrument that a contract leaves out is not exposed. `syncstorm init` writes a contract to begin with."""

_COMMANDS = f"""# Commands

{_MADE}

`syncstorm --help` and `syncstorm COMMAND --help` say the same."""


def write_knobs_page() -> str:
    """Return `docs/knobs.md`."""
    planes: dict[str, list[tuple[str, str, str, str]]] = {}
    for path, knob in KNOBS.items():
        marks = [
            knob.setting.help,
            *(["for everybody"] if knob.shared else []),
            *(["live only"] if knob.live_only else []),
        ]
        default = knob.setting.show(knob.setting.default)
        planes.setdefault(path.partition(".")[0], []).append(
            (f"`{path}`", f"`{default}`" if default else "empty", knob.setting.unit, "; ".join(marks))
        )
    parts = [_KNOBS]
    for plane, rows in planes.items():
        parts += [f"## {plane}", table(("knob", "default", "takes", "what it is"), rows)]
    return _page(parts)


def write_profiles_page() -> str:
    """Return `docs/profiles.md`."""
    parts = [_PROFILES]
    for profile in PROFILES.values():
        rows = [(f"`{name}`", said) for name, said in _traits(profile)]
        parts += [f"## {profile.name}", f"{profile.summary[0].upper()}{profile.summary[1:]}.", table(("", ""), rows)]
    explained = inspect.cleandoc(Profile.__doc__ or "").partition("\n\n")[2]
    parts += ["## What the words mean", explained, inspect.cleandoc(Backoff.__doc__ or "")]
    return _page(parts)


def write_metrics_page() -> str:
    """Return `docs/metrics.md`."""
    contracts = {name: load_contract(name) for name in list_shipped("contract")}
    parts = [_METRICS]
    for name, instrument in INSTRUMENTS.items():
        facts = f"A {instrument.kind} of the {instrument.process}. {instrument.help}"
        labels = ((f"`{label}`", _values(instrument, label)) for label in instrument.labels)
        names = ((f"`{contract}`", _called(known, name)) for contract, known in contracts.items())
        parts += [f"## {name}", facts, table(("label", "values"), labels), table(("contract", "calls it"), names)]
    return _page(parts)


def write_commands_page(app: Any) -> str:
    """Return `docs/commands.md`: every command of a Typer group, with its arguments and options."""
    parts = [_COMMANDS]
    for name, command in _walk("syncstorm", app):
        parts += [f"## {name}", inspect.cleandoc(command.help or ""), table(("", "what it is"), _parameters(command))]
    return _page(parts)


def _page(parts: list[str]) -> str:
    return "\n\n".join(part for part in parts if part) + "\n"


def _traits(profile: Profile) -> Iterator[tuple[str, str]]:
    for field in fields(Profile):
        value = getattr(profile, field.name)
        if field.name in ("name", "summary") or (value == field.default and field.name != "heartbeat_interval_seconds"):
            continue
        yield field.name, _wait(value) if isinstance(value, Backoff) else _said(value)


def _wait(backoff: Backoff) -> str:
    steps = [format_duration(seconds) for seconds in backoff.table_seconds]
    growth = "" if backoff.factor == 1 else f" times {backoff.factor:g}, up to {format_duration(backoff.cap_seconds)}"
    steps.append(f"{format_duration(backoff.base_seconds)}{growth}")
    return f"{', '.join(steps)}; jitter: {backoff.jitter}"


def _said(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return "for ever" if math.isinf(value) else f"{value:g}"
    if isinstance(value, tuple):
        return ", ".join(" after ".join(map(str, one[::-1])) if isinstance(one, tuple) else str(one) for one in value)
    return str(value)


def _values(instrument: Instrument, label: str) -> str:
    order = dict.fromkeys(values[instrument.labels.index(label)] for values in instrument.initial)
    known = [value for value in order if value in instrument.values_of(label)]
    return ", ".join(f"`{value}`" for value in known) or "the scenario's"


def _called(contract: Contract, instrument: str) -> str:
    return ", ".join(f"`{name}`" for name in contract.metric_names(instrument)) or "not exposed"


def _walk(path: str, group: Any) -> Iterator[tuple[str, Any]]:
    # Typer has click's classes in it, or imports click: it depends on its version. What has commands is a group.
    for name, command in group.commands.items():
        inner = f"{path} {name}"
        if hasattr(command, "commands"):
            yield from _walk(inner, command)
        else:
            yield inner, command


def _parameters(command: Any) -> Iterator[tuple[str, str]]:
    for parameter in command.params:
        said = getattr(parameter, "help", None) or ""
        if parameter.param_type_name == "argument":
            yield f"`{parameter.metavar or str(parameter.name).upper()}`", said
            continue
        takes = f" {parameter.metavar}" if parameter.metavar else ""
        names = ", ".join((*parameter.opts, *parameter.secondary_opts))
        extra = [f"also `{parameter.envvar}` in the environment"] if parameter.envvar else []
        yield f"`{names}{takes}`", "; ".join([said, *extra])
