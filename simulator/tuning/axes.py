"""The axes of a sweep: which incidents, which quiet days and which settings are tried, from `--sweep` or by default."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from simulator.durations import format_duration, parse_duration
from simulator.errors import InputError, Place, show, unknown_name
from simulator.tuning.stage import Blip, Blips

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from simulator.alerting.outcomes import Setting

_FLAG = "--sweep"


@dataclass(frozen=True, slots=True)
class Axes:
    """What is tried: every combination of the incidents' axes, and every one of the settings'.

    Attributes:
        levels: How strong incidents are, 0 to 1.
        durations: How long incidents are, in seconds.
        clients: How many clients there are.
        seeds: How many runs of each incident settings are chosen by.
        held_out_seeds: How many others of each say what the choice is worth.
        quiet_days: How many quiet days settings are chosen by.
        held_out_quiet_days: How many others say what the choice is worth.
        quiet_clients: How many clients there are on quiet days.
        blips: What happens on quiet days.
        thresholds: The numbers that the rule compares with.
        windows: The ranges that it reads, in seconds; none where it reads none that may be changed.
        fors: Its `for`, in seconds.
        keeps: Its `keep_firing_for`, in seconds.
    """

    levels: tuple[float, ...]
    durations: tuple[float, ...]
    clients: tuple[int, ...]
    seeds: int
    held_out_seeds: int
    quiet_days: float
    held_out_quiet_days: float
    quiet_clients: int
    blips: Blips
    thresholds: tuple[float, ...]
    windows: tuple[float, ...]
    fors: tuple[float, ...]
    keeps: tuple[float, ...]


_LEVELS = (0.1, 0.25, 0.5, 1.0)
_PARTS_OF_HOLD = (0.5, 0.8, 1.5)
_FACTORS = (0.25, 0.5, 1.0, 1.5, 2.0, 4.0)
_LADDER = (60.0, 120.0, 180.0, 300.0, 420.0, 600.0, 900.0, 1200.0, 1800.0, 3600.0, 7200.0, 21_600.0, 86_400.0)
_BLIPS = Blips((Blip(0.02, 300.0), Blip(0.25, 60.0), Blip(1.0, 30.0)), per_day=6.0)
_SHORTEST = 300.0


def default_axes(today: Setting, scrape_seconds: float) -> Axes:
    """Return what is tried around today's setting.

    Incidents are shorter and longer than the rule holds; windows have four scrapes at least, so that one that is lost
    does not blind the rule.
    """
    hold = max(today.for_seconds, today.window_seconds or 0.0, _SHORTEST)
    window = today.window_seconds
    windows = () if window is None else _around(window, max(window / 5, 4 * scrape_seconds), 2 * window)
    return Axes(
        levels=_LEVELS,
        durations=tuple(_whole(part * hold) for part in _PARTS_OF_HOLD),
        clients=(100, 250),
        seeds=4,
        held_out_seeds=7,
        quiet_days=10.0,
        held_out_quiet_days=20.0,
        quiet_clients=50,
        blips=_BLIPS,
        thresholds=tuple(_short(factor * today.threshold) for factor in _FACTORS) if today.threshold else (0.0, 1.0),
        windows=windows,
        fors=(0.0, *_around(today.for_seconds, 0.0, max(today.for_seconds, _SHORTEST))),
        keeps=(today.keep_firing_for_seconds,),
    )


def _around(value: float, least: float, most: float) -> tuple[float, ...]:
    """Return the steps of the ladder from `least` to `most`, and the value itself."""
    return tuple(sorted({value, *(step for step in _LADDER if least <= step <= most)} - {0.0}))


def _whole(seconds: float) -> float:
    return float(max(round(seconds / 30) * 30, 30))


def _short(value: float) -> float:
    """Return a number to two digits, as people write thresholds."""
    return float(f"{value:.2g}")


# --- what `--sweep` says


def _level(text: str) -> float:
    value = _number(text)
    if not 0 < value <= 1:
        raise ValueError(f"{show(text)} is no level; it takes a number above 0 and up to 1")
    return value


def _number(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise ValueError(f"{show(text)} is not a number") from None
    if not math.isfinite(value):
        raise ValueError(f"{show(text)} is not a finite number")
    return value


def _clients(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 100_000:
        raise ValueError(f"{show(text)} does not fit; it takes a whole number from 1 to 100000")
    return int(text)


def _seeds(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 1000:
        raise ValueError(f"{show(text)} does not fit; it takes a whole number from 1 to 1000")
    return int(text)


def _days(text: str) -> float:
    value = _number(text)
    if not 0.25 <= value <= 1000:
        raise ValueError(f"{show(text)} does not fit; it takes a number from 0.25 to 1000")
    return value


def _rate(text: str) -> float:
    value = _number(text.removesuffix("/d"))
    if not 0 <= value <= 288:
        raise ValueError(f"{show(text)} does not fit; it takes how many there are in a day, from 0 to 288")
    return value


def _blip(text: str) -> Blip:
    level, at, duration = text.partition("@")
    if not at:
        raise ValueError(f"{show(text)} is no blip; write it as LEVEL@DURATION, like 0.05@2m")
    return Blip(_level(level), _period(duration))


def _period(text: str) -> float:
    seconds = parse_duration(text)
    if seconds <= 0:
        raise ValueError(f"{show(text)} is no time; it takes more than 0s")
    return seconds


@dataclass(frozen=True, slots=True)
class _Axis:
    """One key of `--sweep`: the field it sets, how a value is read, whether it takes several."""

    field: str
    read: Callable[[str], Any]
    several: bool = True


_AXES: dict[str, _Axis] = {
    "level": _Axis("levels", _level),
    "duration": _Axis("durations", _period),
    "clients": _Axis("clients", _clients),
    "seeds": _Axis("seeds", _seeds, several=False),
    "held_out_seeds": _Axis("held_out_seeds", _seeds, several=False),
    "quiet_days": _Axis("quiet_days", _days, several=False),
    "held_out_quiet_days": _Axis("held_out_quiet_days", _days, several=False),
    "quiet_clients": _Axis("quiet_clients", _clients, several=False),
    "blips": _Axis("per_day", _rate, several=False),
    "blip": _Axis("kinds", _blip),
    "threshold": _Axis("thresholds", _number),
    "window": _Axis("windows", _period),
    "for": _Axis("fors", parse_duration),
    "keep_firing_for": _Axis("keeps", parse_duration),
}
KEYS = tuple(_AXES)


def parse_sweep(texts: Sequence[str]) -> dict[str, Any]:
    """Return what `--sweep` says, by the field it sets: `level=0.1,1 duration=5m seeds=3`, in one text or several.

    Raises:
        InputError: a key does not exist or is there twice, or a value does not fit.
    """
    found: dict[str, Any] = {}
    for word in (word for text in texts for word in text.split()):
        key, equals, value = word.partition("=")
        if not equals:
            raise InputError(f"{show(word)} is not KEY=VALUES", Place(_FLAG), "write it like level=0.25,1")
        if key not in _AXES:
            raise unknown_name("axis", key, _AXES, Place(_FLAG))
        axis = _AXES[key]
        if axis.field in found:
            raise InputError("is there twice", Place(_FLAG, None, key), "write its values with commas")
        found[axis.field] = _read(axis, key, value)
    return found


def _read(axis: _Axis, key: str, text: str) -> Any:
    place = Place(_FLAG, None, key)
    parts = text.split(",")
    if not axis.several and len(parts) > 1:
        raise InputError(f"takes one value, not {len(parts)}", place)
    try:
        values = [axis.read(part) for part in parts]
    except ValueError as error:
        raise InputError(str(error), place) from None
    return tuple(dict.fromkeys(values)) if axis.several else values[0]


def with_sweep(axes: Axes, given: Mapping[str, Any]) -> Axes:
    """Return the axes with what `--sweep` says in place of the defaults; without it, today's setting stays in there."""
    blips = {key: given[key] for key in ("kinds", "per_day") if key in given}
    others = {key: value for key, value in given.items() if key not in blips}
    return replace(axes, **others, blips=replace(axes.blips, **blips))


def show_axes(axes: Axes) -> dict[str, str]:
    """Return the axes as `--sweep` takes them, by key."""
    kinds = ",".join(f"{blip.level:g}@{format_duration(blip.duration_seconds)}" for blip in axes.blips.kinds)
    return {
        "level": ",".join(f"{level:g}" for level in axes.levels),
        "duration": ",".join(map(format_duration, axes.durations)),
        "clients": ",".join(map(str, axes.clients)),
        "seeds": str(axes.seeds),
        "held_out_seeds": str(axes.held_out_seeds),
        "quiet_days": f"{axes.quiet_days:g}",
        "held_out_quiet_days": f"{axes.held_out_quiet_days:g}",
        "quiet_clients": str(axes.quiet_clients),
        "blips": f"{axes.blips.per_day:g}",
        "blip": kinds,
        "threshold": ",".join(f"{value:g}" for value in axes.thresholds),
        "window": ",".join(map(format_duration, axes.windows)),
        "for": ",".join(map(format_duration, axes.fors)),
        "keep_firing_for": ",".join(map(format_duration, axes.keeps)),
    }
