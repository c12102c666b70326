"""What the control API takes and gives, described for its OpenAPI document."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from simulator.control.lease import LONGEST_LEASE_SECONDS
from simulator.durations import parse_duration
from simulator.scenario.shapes import Envelope  # noqa: TC001  # pydantic reads it
from simulator.scenario.units import DURATION_SCHEMA, Plain

Dose = Annotated[float, Field(strict=True, ge=0, le=1)]
Length = Annotated[float, BeforeValidator(parse_duration), Field(gt=0), WithJsonSchema(DURATION_SCHEMA)]
Lease = Annotated[
    float, BeforeValidator(parse_duration), Field(gt=0, le=LONGEST_LEASE_SECONDS), WithJsonSchema(DURATION_SCHEMA)
]
Name = Annotated[str, Field(min_length=1, max_length=200)]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Problem(_Model):
    """Why a request was refused."""

    error: str = Field(description="one line: what is wrong, where, and the nearest right name if there is one")


class Health(_Model):
    """The control API answers; it says nothing about the data plane."""

    status: str = Field(description="always `ok`")


class ParameterInfo(_Model):
    """A parameter of a fault."""

    name: str = Field(description="its name")
    unit: str = Field(description="what a value looks like")
    default: Any = Field(description="its value if it is left out; durations are seconds")
    help: str = Field(description="what it means")


class FaultInfo(_Model):
    """A fault that can be injected."""

    name: str = Field(description="its name, such as `auth.key-drift`")
    summary: str = Field(description="what breaks, in one sentence")
    description: str = Field(description="what breaks, what a person would see, which alert should see it")
    seen_by: tuple[str, ...] = Field(description="the instruments that show it")
    alerts: tuple[str, ...] = Field(description="the alerts of the shipped rules that it fires")
    momentary: bool = Field(description="whether it happens once, so that it takes no `for`")
    parameters: tuple[ParameterInfo, ...] = Field(description="its parameters")


class KnobInfo(_Model):
    """An operating condition that can be set."""

    name: str = Field(description="its path, such as `network.latency`")
    unit: str = Field(description="what a value looks like")
    default: Any = Field(description="its value in good health; durations are seconds")
    help: str = Field(description="what it means")
    shared: bool = Field(description="whether the whole system has one value of it, so that it takes no share")


class InjectionRequest(_Model):
    """A fault to inject, or knobs to set; either way it says when it ends."""

    fault: Name | None = Field(None, description="a fault's name")
    set: dict[str, Plain] | None = Field(None, description="knobs and their values, without a named fault")
    parameters: dict[str, Plain] = Field({}, description="the fault's parameters, where they differ from the defaults")
    level: Dose = Field(1.0, description="how strong it is, 0 to 1: of most faults, the share of the clients")
    share: Dose = Field(1.0, description="the share of the clients that it is confined to")
    cohort: Annotated[str, Field(max_length=200)] = Field(
        "", description="name of another draw of clients, apart from the common one"
    )
    for_: Length | None = Field(None, alias="for", description="how long it lasts")
    lease: Lease | None = Field(
        None, description="how long it lasts without being renewed by its id; at most ten minutes at a time"
    )
    envelope: Envelope | None = Field(None, description="how its level moves")
    id: Name | None = Field(None, description="its id; a free one is chosen if left out")


class RenewalRequest(_Model):
    """Whose lease to renew."""

    id: Name = Field(description="an injection that has a lease of its own")


class InjectionInfo(_Model):
    """An injection that is in force."""

    id: str = Field(description="its id")
    fault: str = Field(description="the fault's name, or the knobs that are set")
    parameters: dict[str, Any] = Field(description="the fault's parameters")
    level: float = Field(description="its level at the height of its envelope")
    share: float = Field(description="the share of the clients that it is confined to")
    cohort: str = Field(description="the draw of clients that its share is taken from")
    envelope: dict[str, Any] | None = Field(description="how its level moves")
    share_now: float = Field(description="the share of the clients that it has at present")
    begun_at_s: float = Field(description="when it began, in seconds since the run's start")
    until_s: float | None = Field(description="when it is over; null if only its lease, or somebody, ends it")
    leased_until_s: float = Field(description="when its lease ends unless it is renewed")
    ends_in_s: float = Field(description="how long it lasts from now on unless its lease is renewed")
    own_lease: bool = Field(description="whether it has to be renewed by its id; else the controller renews it")


class Begun(_Model):
    """An injection that has begun."""

    id: str = Field(description="its id, by which it can be cleared and renewed")


class Ended(_Model):
    """What a request ended."""

    ended: tuple[str, ...] = Field(description="ids of the injections that ended")


class VariationInfo(_Model):
    """A knob that has another value for a share of the clients."""

    knob: str = Field(description="the knob's path")
    value: Any = Field(description="its value for the share")
    share: float = Field(description="the share of the clients")
    cohort: str = Field(description="the draw of clients that the share is taken from")
    injection: str = Field(description="the injection that put it there")


class ConditionsInfo(_Model):
    """The conditions in force."""

    baseline: dict[str, Any] = Field(description="knobs that are not at their default all the time")
    variations: tuple[VariationInfo, ...] = Field(description="later ones hold where they overlap")


class JournalEntry(_Model):
    """Something that happened."""

    serial: int = Field(description="its number; they rise by one")
    at_s: float = Field(description="seconds since the run's start")
    event: str = Field(description="what happened")
    details: dict[str, Any] = Field(description="more about it")


class JournalPage(_Model):
    """Entries of the journal, oldest first."""

    entries: tuple[JournalEntry, ...]
    next: int = Field(description="what to give as `since` to get what follows")


class StateInfo(_Model):
    """How the live system stands."""

    controller: str = Field(description="the controller's id; another one after a restart")
    now_s: float = Field(description="seconds since the run's start")
    halted: bool = Field(description="whether injections are refused until `release`")
    injections: int = Field(description="how many injections are in force")
    lease_s: float = Field(description="how long the nodes keep the conditions if the controller dies")
    next_change_s: float | None = Field(description="when the conditions change next by themselves")
