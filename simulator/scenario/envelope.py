"""How an injection's level moves over its time, and when what happens once happens again."""

from __future__ import annotations

from itertools import takewhile
from typing import TYPE_CHECKING

from simulator.scenario.track import STEP, Track

if TYPE_CHECKING:
    from simulator.scenario.shapes import Envelope
    from simulator.scenario.track import Curve


def fraction_at(envelope: Envelope | None, elapsed: float) -> float:
    """Return the fraction of its level that an injection has, `elapsed` seconds after its start."""
    return _form_of(envelope).fraction(elapsed)


def change_times(envelope: Envelope | None, length: float) -> list[float]:
    """Return the seconds after its start at which an injection's level changes, 0 included, its end not."""
    return sorted(set(takewhile(lambda edge: edge < length, _form_of(envelope).edges(0.0))))


def next_edge(envelope: Envelope | None, elapsed: float) -> float | None:
    """Return the first time after `elapsed` at which a level changes, as `change_times` has them, or None."""
    return next((edge for edge in _form_of(envelope).edges(elapsed) if edge > elapsed), None)


def strike_times(envelope: Envelope | None, after: float, before: float) -> list[float]:
    """Return the seconds from `after` on and before `before` at which what happens once happens.

    Without an envelope that is the start, with pulses or a comb the start of each pulse or tooth.
    """
    form = _form_of(envelope)
    assert isinstance(form, Track)
    strikes = takewhile(lambda strike: strike < before, form.repeated_strikes(after))
    return [strike for strike in strikes if strike >= after]


def _form_of(envelope: Envelope | None) -> Track | Curve:
    return STEP if envelope is None else envelope.form
