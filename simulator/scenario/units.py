"""What single values of a scenario file look like: durations, rates, levels, instants."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from simulator.durations import parse_duration
from simulator.errors import show

DURATION_SCHEMA = {
    "anyOf": [
        {"type": "string", "pattern": r"^([0-9]+(\.[0-9]+)?(ms|s|m|h|d|w|y))+$"},
        {"type": "number", "minimum": 0},
    ],
    "description": "a duration such as 250ms, 15s or 1h30m; a bare number is seconds",
}


def reject_bool(raw: Any) -> Any:
    """Refuse a truth value where a number is meant; pydantic would take it for 0 or 1."""
    if isinstance(raw, bool):
        raise ValueError(f"{show(raw)} does not fit; it takes a number")  # noqa: TRY004  # what a validator is to raise
    return raw


def parse_instant(raw: Any) -> float:
    """Return the Unix time of an ISO 8601 text or a number of seconds; a text without an offset is UTC.

    Raises:
        ValueError: it is no instant.
    """
    if isinstance(raw, int | float) and not isinstance(raw, bool):
        return float(raw)
    try:
        when = raw if isinstance(raw, datetime) else datetime.fromisoformat(str(raw).strip())
    except ValueError:
        hint = "write it like 2026-11-24T10:00:00Z, or in seconds since 1970"
        raise ValueError(f"{show(raw)} is no instant; {hint}") from None
    return (when if when.tzinfo is not None else when.replace(tzinfo=UTC)).timestamp()


def _reject_nested(raw: Any) -> Any:
    if not isinstance(raw, str | int | float):
        raise ValueError(f"{show(raw)} does not fit; it takes one value")  # noqa: TRY004  # what a validator is to raise
    return raw


def _parse_amount(raw: Any) -> Any:
    """Return a number for itself, for a percentage such as `17%`, or for the seconds of a duration such as `5m`."""
    reject_bool(raw)
    if isinstance(raw, str):
        try:
            return float(raw.rstrip().removesuffix("%")) / 100 if raw.rstrip().endswith("%") else float(raw)
        except ValueError:
            return parse_duration(raw)
    return raw


def _parse_rate(raw: Any) -> Any:
    """Return events per second for a number or a text such as `2/s` or `30/m`."""
    reject_bool(raw)
    if isinstance(raw, str) and "/" in raw:
        count, _, unit = raw.partition("/")
        try:
            return float(count) / parse_duration(f"1{unit.strip()}")
        except ValueError:
            raise ValueError(f"{show(raw)} is not a rate; write it like 2/s or 30/m") from None
    return raw


Duration = Annotated[float, BeforeValidator(parse_duration), WithJsonSchema(DURATION_SCHEMA)]
Period = Annotated[Duration, Field(gt=0)]
Instant = Annotated[
    float,
    BeforeValidator(parse_instant),
    WithJsonSchema({"type": ["string", "number"], "description": "an ISO 8601 time, or seconds since 1970"}),
]
Rate = Annotated[
    float,
    BeforeValidator(_parse_rate),
    Field(ge=0, le=1000),
    WithJsonSchema({"anyOf": [{"type": "number", "minimum": 0}, {"type": "string", "pattern": "^.+/.+$"}]}),
]
Amount = Annotated[
    float,
    BeforeValidator(_parse_amount),
    Field(ge=0),
    WithJsonSchema({"type": ["number", "string"], "description": "a number, a percentage, or a duration"}),
]
Level = Annotated[float, Field(ge=0, le=1), BeforeValidator(reject_bool)]
Plain = Annotated[
    Any,
    BeforeValidator(_reject_nested),
    WithJsonSchema({"type": ["string", "number", "boolean"], "description": "a knob's or parameter's value"}),
]


class Model(BaseModel):
    """A frozen mapping of a scenario file that takes no key but its own."""

    model_config = ConfigDict(extra="forbid", frozen=True)
