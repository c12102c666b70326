"""Recorded envelopes: their points, from a CSV file or from a Prometheus, read once when a scenario is loaded."""

from __future__ import annotations

import csv
import math
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from simulator.durations import format_duration, parse_duration
from simulator.errors import InputError, Place, show, unknown_name
from simulator.scenario.shapes import MOST_POINTS, Envelope, Recorded
from simulator.scenario.units import parse_instant

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from simulator.documents import KeyPath
    from simulator.scenario.loading import LoadedScenario

    Points = Sequence[tuple[float, float]]
    AskRange = Callable[[Recorded, Place, Place], list[list[tuple[float, float]]]]
    """Asks the Prometheus of a recording for its range; the places are those of its URL and its query.

    It returns the samples of each series, by Unix time.
    """

_BYTES = 32 << 20


def read_traces(loaded: LoadedScenario, ask: AskRange) -> LoadedScenario:
    """Return a scenario in which every recorded envelope has its points.

    Raises:
        InputError: a recording cannot be read, or is not one.
        EngineError: a Prometheus does not answer.
    """
    entries = list(loaded.scenario.timeline)
    for index, entry in enumerate(entries):
        recorded = None if entry.envelope is None else entry.envelope.recorded
        if recorded is not None and not recorded.is_read:
            path = ("timeline", index, "envelope", "recorded")
            points = _read_csv(loaded, path, recorded) if recorded.csv else _ask(loaded, path, recorded, ask)
            read = Recorded.model_validate({"points": points, "full": recorded.full})
            entries[index] = entry.model_copy(update={"envelope": Envelope.model_validate({"recorded": read})})
    return replace(loaded, scenario=loaded.scenario.model_copy(update={"timeline": tuple(entries)}))


def _ask(loaded: LoadedScenario, path: KeyPath, recorded: Recorded, ask: AskRange) -> Points:
    begin, end = recorded.from_, recorded.to
    assert begin is not None
    assert end is not None
    count = math.floor((end - begin) / recorded.step + 1e-9) + 1
    _refuse_too_many(count, loaded.place((*path, "step")))
    place = loaded.place((*path, "query"))
    series = ask(recorded, loaded.place((*path, "prometheus")), place)
    if len(series) != 1:
        hint = "narrow it, or put sum() around it" if series else "look at 'from', 'to' and the names in it"
        raise InputError(f"gives {len(series) or 'no'} series in that range, not one", place, hint)
    points = [(round(time - begin, 6), value) for time, value in series[0]]
    hint = "choose another range, or append `or vector(0)`"
    if len(points) < count:
        there = {round(time / recorded.step) for time, _ in points}
        gap = next(number for number in range(count) if number not in there)
        raise InputError(f"has no value {format_duration(gap * recorded.step)} after 'from'", place, hint)
    for time, value in points:
        if not (math.isfinite(value) and value >= 0):
            after = format_duration(time)
            raise InputError(f"has the value {value:g} {after} after 'from'; it takes numbers from 0", place, hint)
    return points


# --- CSV


def _read_csv(loaded: LoadedScenario, path: KeyPath, recorded: Recorded) -> Points:
    assert recorded.csv is not None
    file = Path(loaded.document.file).parent / recorded.csv
    place = loaded.place((*path, "csv"))
    rows = list(_rows(file, place))
    if rows and _instant(rows[0][1][0]) is None:
        header, rows = rows[0][1], rows[1:]
        column = _column(recorded, header, loaded.place((*path, "column")))
    elif recorded.column is not None:
        raise InputError(f"{file} has no header with names of columns", loaded.place((*path, "column")))
    else:
        column = 1
    if not rows:
        raise InputError(f"{file} has no rows", place)
    _refuse_too_many(len(rows), place)
    return list(_points(file, rows, column))


def _rows(file: Path, place: Place) -> Iterator[tuple[int, list[str]]]:
    """Yield each row that is not empty, with the number of its line from 1."""
    try:
        with file.open(encoding="utf-8-sig", newline="") as text:
            reader = csv.reader(text.read(_BYTES).splitlines())
            for row in reader:
                if any(cell.strip() for cell in row):
                    yield reader.line_num, [cell.strip() for cell in row]
    except OSError as error:
        raise InputError(f"{file} cannot be read: {error.strerror or error}", place) from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{file} is no CSV file in UTF-8: {error}", place) from None


def _column(recorded: Recorded, header: Sequence[str], place: Place) -> int:
    if recorded.column is None:
        return 1
    if recorded.column not in header[1:]:
        raise unknown_name("column", recorded.column, header[1:], place)
    return header.index(recorded.column, 1)


def _points(file: Path, rows: Sequence[tuple[int, list[str]]], column: int) -> Iterator[tuple[float, float]]:
    first = before = None
    for line, row in rows:
        at = _instant(row[0])
        if at is None:
            hint = "seconds, a duration such as 1m30s, or an ISO 8601 time"
            raise InputError(f"{show(row[0])} is no time", Place(file, line), hint)
        first = at if first is None else first
        if before is not None and at <= before:
            raise InputError(f"the time {show(row[0])} is not after the one before it", Place(file, line))
        before = at
        yield round(at - first, 6), _value(row, column, Place(file, line))


def _value(row: Sequence[str], column: int, place: Place) -> float:
    if column >= len(row):
        raise InputError(
            f"has {len(row)} column{'s' * (len(row) != 1)}, and the value stands in number {column + 1}", place
        )
    try:
        value = float(row[column])
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value >= 0):
        raise InputError(f"{show(row[column])} is no value; it takes numbers from 0", place)
    return value


def _instant(text: str) -> float | None:
    """Return a time as seconds, whatever they count from, or None."""
    for read in (parse_duration, parse_instant):
        try:
            return read(text)
        except ValueError:
            continue
    return None


def _refuse_too_many(count: int, place: Place) -> None:
    if count > MOST_POINTS:
        raise InputError(f"gives {count} points; a recording has {MOST_POINTS} at the most", place)
