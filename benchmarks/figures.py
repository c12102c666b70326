"""What a benchmark says: figures and their goals, for people or for machines, and whether every goal was reached."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

RUNS = 3


class MeasurementFailed(Exception):
    """Nothing was measured, or not what was meant to be; the text says why."""


@dataclass(frozen=True, slots=True)
class Goal:
    """What a figure is to reach: its name, its unit, and a limit to one side or to none."""

    name: str
    unit: str
    at_most: float | None = None
    at_least: float | None = None

    def is_met(self, value: float) -> bool:
        """Tell whether a value is within the limit."""
        return (self.at_most is None or value <= self.at_most) and (self.at_least is None or value >= self.at_least)

    @property
    def limit(self) -> str:
        """The limit in words, as README.md quotes it."""
        limits = {"at most": self.at_most, "at least": self.at_least}
        return "".join(f"{word} {bound:g} {self.unit}" for word, bound in limits.items() if bound is not None)


@dataclass(frozen=True, slots=True)
class Figure:
    """A value for a goal; `detail` is what it was made from."""

    goal: Goal
    value: float
    detail: str = ""

    @property
    def is_met(self) -> bool:
        """Whether the goal is reached."""
        return self.goal.is_met(self.value)

    def __str__(self) -> str:
        goal = self.goal
        limit = f"  ({goal.limit})" if goal.limit else ""
        missed = "" if self.is_met else "  MISSED"
        detail = f"\n      {self.detail}" if self.detail else ""
        return f"  {goal.name:<50} {self.value:>8.4g} {goal.unit}{limit}{missed}{detail}"


def parse_options(summary: str, add: Callable[[argparse.ArgumentParser], None] | None = None) -> argparse.Namespace:
    """Return what the command line asks for; `add` adds arguments of a benchmark's own."""
    parser = argparse.ArgumentParser(description=summary)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--runs", type=int, default=RUNS, help="runs of which the best counts")
    if add is not None:
        add(parser)
    return parser.parse_args()


def report(measure: Callable[[], Iterable[Figure]], *, as_json: bool) -> int:
    """Print the figures as they come, and return the exit code: 0 if every goal was reached."""
    machine = f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"
    figures = []
    if not as_json:
        print(machine)
    try:
        for figure in measure():
            figures.append(figure)
            if not as_json:
                print(figure, flush=True)
    except MeasurementFailed as failed:
        print(f"the measurement failed: {failed}", file=sys.stderr)
        return 1
    if as_json:
        entries = [{**asdict(figure.goal), "value": figure.value, "is_met": figure.is_met} for figure in figures]
        print(json.dumps({"machine": machine, "figures": entries}, indent=2))
    return 0 if figures and all(figure.is_met for figure in figures) else 1
