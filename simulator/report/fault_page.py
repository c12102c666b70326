"""`docs/faults.md`: every fault with its parameters, and every entry of the catalogue with the fault that covers it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from simulator.conditions import description_of, settings_of
from simulator.documents import load_documents
from simulator.report.catalogue import NOT_REHEARSED
from simulator.report.markdown import table
from simulator.shipped import data_folder

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from simulator.conditions import Fault

INTRODUCTION = """# Faults

<!-- Made from the code by `python scripts/write_faults_page.py`; a test holds it to that. -->

`syncstorm faults` lists these, `syncstorm faults NAME` explains one, and a scenario's timeline injects them
([scenarios.md](scenarios.md)). A fault only turns knobs (`syncstorm knobs`), so halting it leaves nothing behind.
`level` is the share of the clients that have it, or, of something that the whole system shares, how far it goes. Those
marked *live* need real sockets and are refused in virtual time; those marked *once* happen at one time.

The alerts of a fault are those of both shipped rule files, and no others, that a real Prometheus fires in one
rehearsal: 100 clients of the reference profile, which people open for 5 minutes on average and leave for one, a
retention horizon of 40 minutes, 9 events a minute on each topic, and the fault at level 1, with its defaults, for 25
minutes from minute 42 on, and 25 minutes more. A test holds every fault to that. Where its text says that a fault needs
more to be seen, it has that. With other thresholds, fleets and levels more or fewer alerts fire: a rehearsal of your
own tells."""

CATALOGUE = """## The catalogue

What is known to go wrong with such a channel, and what covers it here. Where nothing does, the entry says why."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of the catalogue: what goes wrong, how it shows, and how it is come by where no fault covers it."""

    code: str
    what: str
    shows: str
    come_by: str = ""


def load_catalogue() -> dict[str, tuple[Entry, ...]]:
    """Return the entries of the catalogue by the title of their plane."""
    (document,) = load_documents(data_folder() / "fault-catalogue.yaml")
    return {
        plane["title"]: tuple(Entry(code, **fields) for code, fields in plane["entries"].items())
        for plane in document.data.values()
    }


def write_page(faults: Mapping[str, type[Fault]]) -> str:
    """Return the page."""
    families: dict[str, list[str]] = {}
    for name in faults:
        families.setdefault(name.partition(".")[0], []).append(name)
    parts = [INTRODUCTION]
    for family, names in families.items():
        parts.append(f"## {family}")
        parts += [_describe(name, faults[name]) for name in names]
    parts.append(CATALOGUE)
    covered = _covering(faults)
    for title, entries in load_catalogue().items():
        rows = ((entry.code, entry.what, entry.shows, _cover(entry, covered)) for entry in entries)
        parts += [f"### {title}", table(("", "what goes wrong", "how it shows", "how to induce it"), rows)]
    return "\n\n".join(parts) + "\n"


def _describe(name: str, fault: type[Fault]) -> str:
    marks = [*fault.codes, *(["*live*"] if fault.live_only else []), *(["*once*"] if fault.is_momentary() else [])]
    heading = f"### {name}\n\n{description_of(fault)}"
    alerts = ", ".join(f"`{alert}`" for alert in fault.alerts) or "none"
    seen = f"Alerts of the shipped rules: {NOT_REHEARSED if fault.live_only else alerts}."
    if marks:
        seen = f"{seen} Catalogue: {', '.join(marks)}."
    rows = ((f"`{p.name}`", p.show(p.default), p.unit, p.help) for p in settings_of(fault).values())
    parameters = table(("parameter", "default", "takes", "what it is"), rows)
    return "\n\n".join(part for part in (heading, seen, parameters) if part)


def _covering(faults: Mapping[str, type[Fault]]) -> dict[str, list[str]]:
    covering: dict[str, list[str]] = {}
    for name, fault in faults.items():
        for code in fault.codes:
            covering.setdefault(code, []).append(name)
    return covering


def _cover(entry: Entry, covered: Mapping[str, Sequence[str]]) -> str:
    names = ", ".join(f"`{name}`" for name in covered.get(entry.code, ()))
    return "; ".join(part for part in (names, entry.come_by) if part)
