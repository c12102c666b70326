"""What is measured for each kind of behaviour, and when a rule is accused of it: a chapter of docs/audit.md."""

from __future__ import annotations

from simulator.audit.behaviour import bursts, dilution, floors, holding, reachability, steadiness, traffic, watching
from simulator.durations import format_duration

_GRAVE = format_duration(holding.GRAVE_SECONDS)
_HOUR = format_duration(steadiness.STEADY_SECONDS)

_LEVELS = ", ".join(f"{level:g}" for level in traffic.LEVELS)

INTRODUCTION = f"""\
Every alert is evaluated by one private Prometheus, unmodified, on two kinds of series. Made-up ones have the names and
labels that the rule reads, the contract's where it has the metric. Which of them count failures is found from the
expression: what is compared is what fails, and what it is divided by has the rest. They show a total outage of some
length, a burst, a restart, a scrape that fails, at any traffic. Simulated ones are the scenario's own system without
its timeline: in calm, and under one fault after the other that the metrics should show, until one fires the rule, at
the levels {_LEVELS}. Of more than {traffic.SIMULATED_CLIENTS} clients so many are simulated, {traffic.CALM_CLIENTS} in
calm, and their counters are scaled. Durations are measured at both sides, at {holding.PHASES} places of the evaluations
between two scrapes: the longest outage that never pages, and the one that is an evaluation longer and does.

A rule that reads recorded series is measured with what their rules record in place of them, as if its recordings were
evaluated just before it; its counter-examples have the recording rules as they are. A rule that cannot be taken apart
like that (it reads `time()`, a histogram, more than six hours, a recorded series by labels that its rule does not set)
is listed as *not checked*. And almost every rule is blind to something: so that none is accused of more than its like,
these are the limits.
"""

_LIMITS = {
    reachability.NEVER: (
        "a total failure at any traffic; every fault that its metrics show",
        "none of them fires it; where only the scenario has too few clients, the number that it takes is said",
    ),
    reachability.ALWAYS: (
        "the scenario's calm; a calm at any traffic",
        "it fires; for a ratio, also if only at low traffic",
    ),
    floors.FLOOR: (
        "the least traffic at which a total failure fires it, and at which its own threshold does",
        (
            f"the second is at least {floors.DISTORTION:g} times the first; a guard on volume has a factor of 1. An "
            "error where the scenario has too few clients"
        ),
    ),
    holding.HOLD: (
        "total outages of every length",
        (
            "its hold is at least its range, and some outage pages only when it is over. A warning where outages of "
            f"{_GRAVE} never page and pages come late by a third of the hold; a note otherwise"
        ),
    ),
    bursts.BURST: (f"{bursts.BURST_EVENTS:,} failures at once", "it never fires, and is no ratio"),
    bursts.BIRTH: (
        "the same burst, and one single event, on series that are born with it",
        (
            "it fires only where the series was there before. A note where the scenario's system has its series from "
            "the start, unless the rule is one that a single event fires"
        ),
    ),
    watching.RANGE: ("ranges of less than two scrape intervals", "a total failure does not fire it at some place"),
    watching.SCRAPE: (
        "a total failure, and one failed scrape in each hold",
        f"it never fires. A note where that is more than one scrape in {watching.RARE}",
    ),
    watching.SILENCE: (
        "a total failure during which the metrics go",
        "it resolves, and no other rule fires; always a note",
    ),
    steadiness.REFIRES: (
        f"{steadiness.ABOVE:g} times the failures that just fire it, by chance for {_HOUR}",
        f"it pages at least {steadiness.PAGES} times, with each of {len(steadiness.SEEDS)} seeds",
    ),
    steadiness.ENDLESS: ("a total failure that ends", "it still fires when nothing that it looks back to has failed"),
    steadiness.RESTART: ("one of two servers restarts, and nothing fails", "it fires"),
    dilution.DILUTED: (
        "a part of the clients is refused, the others are well, or in a loop after the handshake",
        (
            f"it takes {dilution.FACTOR:g} times as many then. A note unless {dilution.GRAVE_SHARE:.0%} of the clients "
            "are refused and not seen"
        ),
    ),
}


def write_account() -> str:
    """Return the chapter: how behaviour is measured, and the limits of each kind as a table."""
    rows = [f"| {kind.name} | {measured} | {limit} |" for kind, (measured, limit) in _LIMITS.items()]
    return "\n".join([INTRODUCTION, "| kind | measured | accused when |", "|---|---|---|", *rows, ""])
