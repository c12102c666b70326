"""What a scenario file says, as validated values."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, Tag, field_validator, model_validator

from simulator.core.profiles import PROFILES
from simulator.durations import format_duration
from simulator.errors import unknown_name
from simulator.scenario.shapes import Envelope  # noqa: TC001  # pydantic reads it
from simulator.scenario.units import Amount, Duration, Level, Model, Period, Plain, Rate, reject_bool

TOPICS = (
    "runtime.run_summaries",
    "runtime.codex_worker_summaries",
    "runtime.codex_worker_events",
    "runtime.notifications",
)


class Fleet(Model):
    """The clients and their load."""

    clients: Annotated[int, Field(ge=1, le=100_000), BeforeValidator(reject_bool)] = Field(
        500, description="how many clients there are"
    )
    session_lifetime: Period = Field(600.0, description="mean time a client is open (exponential)")
    offline: Duration = Field(60.0, description="mean time between two sessions of a client (exponential)")
    profiles: dict[str, Level] = Field({"reference": 1.0}, description="the share of each client profile")
    topics: tuple[str, ...] = Field(TOPICS, min_length=1, description="the topics that clients subscribe to")
    publish_rate: Rate = Field(0.25, description="events on each topic, as 2/s or 30/m")
    ramp: Duration = Field(10.0, description="time within which the first clients connect")

    @field_validator("profiles")
    @classmethod
    def _shares_add_up(cls, profiles: dict[str, float]) -> dict[str, float]:
        for name in profiles:
            if name not in PROFILES:
                raise ValueError(str(unknown_name("profile", name, PROFILES)))
        if abs(sum(profiles.values()) - 1) > 1e-6:
            raise ValueError(f"the shares add up to {sum(profiles.values()):g}; they must add up to 1")
        return profiles


class Monitoring(Model):
    """How the system is watched."""

    scrape_interval: Period = Field(15.0, description="time between two scrapes")
    evaluation_interval: Period = Field(15.0, description="time between two evaluations of a rule group")
    rules: tuple[str, ...] = Field(
        ("openagents-runtime",), min_length=1, description="shipped rule files by name, or paths of others"
    )
    contract: str = Field("openagents-runtime", description="the metric names that the rules expect")
    initialise_series: bool = Field(default=True, description="whether counters exist before their first increment")

    @field_validator("scrape_interval", "evaluation_interval")
    @classmethod
    def _is_whole(cls, seconds: float) -> float:
        if seconds < 0.1 or abs(seconds * 1000 - round(seconds * 1000)) > 1e-6:
            raise ValueError(f"{format_duration(seconds)} is too fine; at least 100ms, in whole milliseconds")
        return seconds


class Entry(BaseModel):
    """One injection on the timeline: a named fault with its parameters beside it, or knobs set directly."""

    model_config = ConfigDict(extra="allow", frozen=True)
    __pydantic_extra__: dict[str, Plain] = Field(init=False)

    at: Duration = Field(description="when it begins")
    inject: str | None = Field(None, description="a fault's name; its parameters stand beside this key")
    set: dict[str, Plain] | None = Field(None, description="knobs and their values, without a named fault")
    level: Level = Field(1.0, description="how strong it is, 0 to 1: of most faults, the share of the clients")
    share: Level = Field(1.0, description="the share of the clients that it is confined to")
    cohort: str = Field("", description="name of another draw of clients, apart from the common one")
    for_: Period | None = Field(None, alias="for", description="how long it lasts; until the end if left out")
    envelope: Envelope | None = Field(None, description="how its level moves")
    name: str | None = Field(None, description="its name in the report")

    @model_validator(mode="after")
    def _says_what(self) -> Entry:
        if self.inject is None and self.set is None:
            raise ValueError("an entry needs 'inject' (a fault) or 'set' (knobs)")
        if self.inject is not None and self.set is not None:
            raise ValueError("an entry has either 'inject' (a fault) or 'set' (knobs), not both")
        return self

    @property
    def parameters(self) -> dict[str, Any]:
        """The keys beside the known ones: the fault's parameters."""
        return dict(self.model_extra or {})


ENTRY_KEYS = tuple(field.alias or name for name, field in Entry.model_fields.items())
"""The keys of a timeline entry; any other is a parameter of its fault."""


class Fires(Model):
    """An alert that must fire, when after its injection began, and by when it resolves after that one's end."""

    alert: str
    injection: str | None = Field(
        None, description="name of the injection that must cause it; the last one that its metrics show if left out"
    )
    within: Duration | None = Field(None, description="from the injection's start to firing, at most")
    about: Duration | None = Field(
        None, description="from the injection's start to firing, give or take a tenth and one evaluation"
    )
    resolves_within: Duration | None = Field(None, description="from the injection's end to resolved")
    routed_to: str | None = Field(None, description="the Alertmanager receiver that must be told; live only")


class Silent(Model):
    """An alert that must not fire."""

    alert: str


class Measures(Model):
    """A number that the run must show.

    It is the answer of Prometheus to a query, the time until it has one, or how many clients lost something silently.
    """

    what: str = Field(min_length=1, description="what is measured, in words")
    query: str | None = Field(None, min_length=1, description="PromQL whose result is one number")
    at: Duration | None = Field(None, description="the time of the query; the number is its result")
    after: Duration | None = Field(
        None, description="the number is the time from here to the first evaluation at which the query has a result"
    )
    losses: Literal["purged_gap", "future_cursor", "skipped_events", "starved"] | None = Field(
        None, description="in place of a query: the number of clients that lost something silently in this way"
    )
    equals: Amount | None = Field(None, description="what the number is to be, within the tolerance")
    tolerance: Amount = Field(0.05, description="how far it may be off, as a part of `equals`")
    at_least: Amount | None = Field(None, description="the least that the number may be")
    at_most: Amount | None = Field(None, description="the most that the number may be")

    @model_validator(mode="after")
    def _asks_one_thing(self) -> Measures:
        if (self.query is None) == (self.losses is None):
            raise ValueError("a measure needs either a 'query' or 'losses'")
        if self.losses is not None and (self.at, self.after) != (None, None):
            raise ValueError("'losses' are those of the whole run; they take no 'at' and no 'after'")
        if self.query is not None and (self.at is None) == (self.after is None):
            raise ValueError("a measure needs either 'at' (a value then) or 'after' (the time until there is one)")
        bounds = (self.at_least, self.at_most)
        if self.equals is None and bounds == (None, None):
            raise ValueError("a measure needs 'equals', 'at_least' or 'at_most'; without one it could not fail")
        if self.equals is not None and bounds != (None, None):
            raise ValueError("a measure has either 'equals' or 'at_least' and 'at_most', not both")
        return self


class ExpectFires(Model):
    """The expectation that an alert fires."""

    fires: Fires


class ExpectSilent(Model):
    """The expectation that an alert stays silent."""

    silent: Silent


class ExpectMeasures(Model):
    """The expectation that the run shows a number."""

    measures: Measures


_FORMS: dict[str, type[Model]] = {"fires": ExpectFires, "silent": ExpectSilent, "measures": ExpectMeasures}


def _form_of(raw: Any) -> str | None:
    """Return which expectation a raw value is meant to be."""
    if isinstance(raw, dict):
        forms = [form.__name__ for key, form in _FORMS.items() if key in raw]
        return forms[0] if len(forms) == 1 else None
    if isinstance(raw, ExpectFires | ExpectSilent | ExpectMeasures):
        return type(raw).__name__
    return "NoOtherAlerts" if raw == "no_other_alerts" else None


Expectation = Annotated[
    Annotated[ExpectFires, Tag("ExpectFires")]
    | Annotated[ExpectSilent, Tag("ExpectSilent")]
    | Annotated[ExpectMeasures, Tag("ExpectMeasures")]
    | Annotated[Literal["no_other_alerts"], Tag("NoOtherAlerts")],
    Discriminator(_form_of),
]


class Scenario(Model):
    """Fleet, load, monitoring, a timeline of injections, and what is expected of the alerts."""

    scenario: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]*$", description="its name")
    summary: str = Field("", description="one sentence: what happens")
    source: str = Field("", description="where the incident that it reproduces was told")
    mechanism: str = Field("", description="how that incident came about")
    published: str = Field("", description="the numbers that were told of it")
    seed: Annotated[int, Field(ge=0), BeforeValidator(reject_bool)] = Field(
        1, description="the same seed gives the same run"
    )
    duration: Period = Field(description="how long it runs")
    conditions: dict[str, Plain] = Field({}, description="knobs that are not at their default, all the time")
    fleet: Fleet = Fleet.model_validate({})
    monitoring: Monitoring = Monitoring.model_validate({})
    timeline: tuple[Entry, ...] = ()
    expect: tuple[Expectation, ...] = ()
