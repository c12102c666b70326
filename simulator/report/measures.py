"""What a measure of the run means: its number against what it is to be."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

from simulator.durations import format_duration
from simulator.report.verdict import ExpectationEntry

if TYPE_CHECKING:
    from simulator.scenario.schema import Measures


def check_measure(measures: Measures, measured: float | None, ended: float = math.inf) -> ExpectationEntry:
    """Return whether a measure is what it is to be; `ended` is when the run was over, in seconds since its start.

    A value without data is inconclusive, and so is whatever is about a time that a game day did not live to see; a time
    that never came is unmet, for the run was long enough to show it or too short to expect it.
    """
    outcome, detail = _judge(measures, measured, ended)
    return ExpectationEntry(
        kind="measures", alert=None, what=measures.what, measured=measured, outcome=outcome, detail=detail
    )


def _judge(
    measures: Measures, measured: float | None, ended: float
) -> tuple[Literal["met", "unmet", "inconclusive"], str]:
    wanted = _describe(measures)
    for moment in (measures.at, measures.after):
        if moment is not None and moment > ended:
            early = f"the run ended at {format_duration(ended)}, before {format_duration(moment)}"
            return "inconclusive", f"{early}, and it was to be {wanted}"
    if measured is None and measures.after is not None:
        return "unmet", f"never, and it was to be {wanted}"
    if measured is None:
        return "inconclusive", f"no data, and it was to be {wanted}"
    outcome: Literal["met", "unmet"] = "met" if _fits(measures, measured) else "unmet"
    return outcome, f"{_show(measures, measured)}, and it was to be {wanted}"


def _fits(measures: Measures, measured: float) -> bool:
    if measures.equals is not None:
        return abs(measured - measures.equals) <= measures.equals * measures.tolerance
    above = measures.at_least is None or measured >= measures.at_least
    return above and (measures.at_most is None or measured <= measures.at_most)


def _describe(measures: Measures) -> str:
    if measures.equals is not None:
        return f"{_show(measures, measures.equals)}, give or take {measures.tolerance:.3g} of it"
    bounds = (("at least", measures.at_least), ("at most", measures.at_most))
    return " and ".join(f"{word} {_show(measures, bound)}" for word, bound in bounds if bound is not None)


def _show(measures: Measures, number: float) -> str:
    return f"{number:.4g}" if measures.after is None else format_duration(round(number, 3))
