"""From a scenario to a plan: injections, the conditions they make over time, and the fleet."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import chain, count
from typing import TYPE_CHECKING, Any

from simulator.conditions import (
    EVERYONE,
    KNOBS,
    Conditions,
    Fault,
    Settings,
    Share,
    knobs_of,
    parse_knob,
    parse_parameters,
    settings_of,
)
from simulator.core.client import Habits
from simulator.core.plan import Fleet, Plan, Step
from simulator.core.profiles import PROFILES
from simulator.documents import format_key
from simulator.durations import format_duration
from simulator.errors import InputError, Place, unknown_name
from simulator.scenario.envelope import change_times, fraction_at, strike_times
from simulator.scenario.schema import ENTRY_KEYS
from simulator.scenario.view import check_fault, check_view

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from simulator.core.profile import Profile
    from simulator.scenario.loading import LoadedScenario
    from simulator.scenario.schema import Entry, Scenario
    from simulator.scenario.shapes import Envelope


@dataclass(frozen=True, slots=True)
class SetKnobs(Fault):
    """Knobs set directly, without a named fault."""

    values: tuple[tuple[str, Any], ...] = ()

    def distort(self, conditions: Conditions, share: Share) -> Conditions:
        """Give each knob its value for the share."""
        for knob, value in self.values:
            conditions = conditions.vary(knob, value, share)
        return conditions


@dataclass(frozen=True, slots=True)
class Injection:
    """A fault on the timeline, from `at` until `until`; both are the same for what happens once and is not repeated."""

    id: str
    fault_name: str
    fault: Fault
    at: float
    until: float
    level: float
    share: float
    cohort: str
    envelope: Envelope | None

    def share_at(self, time: float) -> Share:
        """Return the share of the clients that it has at a time."""
        fraction = fraction_at(self.envelope, round(time - self.at, 6))
        return Share(self.level * self.share * fraction, self.cohort)


def list_injections(loaded: LoadedScenario, faults: Mapping[str, type[Fault]]) -> tuple[Injection, ...]:
    """Return a scenario's injections in the order of their start.

    Raises:
        InputError: a fault, parameter or knob does not exist or does not fit, or an injection is past the end.
    """
    taken: set[str] = set()
    injections = []
    for index, entry in enumerate(loaded.scenario.timeline):
        name, fault = _fault_of(entry, loaded, index, faults)
        at, until = _span(entry, fault, loaded, index)
        label = _free_name(entry.name or f"{name}@{format_duration(at)}", taken)
        taken.add(label)
        injections.append(
            Injection(label, name, fault, at, until, entry.level, entry.share, entry.cohort, entry.envelope)
        )
    return tuple(sorted(injections, key=lambda injection: injection.at))


def _free_name(name: str, taken: set[str]) -> str:
    """Return a name, or the first of `name#2`, `name#3` and so on that is not taken."""
    return next(free for free in chain((name,), (f"{name}#{n}" for n in count(2))) if free not in taken)


def _fault_of(entry: Entry, loaded: LoadedScenario, index: int, faults: Mapping[str, type[Fault]]) -> tuple[str, Fault]:
    path = ("timeline", index)
    if entry.set is not None:
        if entry.parameters:
            name = next(iter(entry.parameters))
            raise unknown_name("key", name, ENTRY_KEYS, loaded.place((*path, name)))
        return _set_knobs(entry, loaded, path)
    assert entry.inject is not None
    if entry.inject not in faults:
        raise unknown_name("fault", entry.inject, faults, loaded.place((*path, "inject")))
    kind = faults[entry.inject]
    for key, raw in entry.parameters.items():
        place = loaded.place((*path, key))
        if key not in settings_of(kind):
            known = (*settings_of(kind), *ENTRY_KEYS)
            raise unknown_name(f"parameter of {entry.inject}", key, known, place)
        parse_parameters(kind, entry.inject, {key: raw}, Place(place.file, place.line, format_key(path)))
    fault = parse_parameters(kind, entry.inject, entry.parameters, loaded.place(path))
    _check_share(entry, fault, loaded, path)
    check_fault(fault, lambda key: loaded.place((*path, key) if key in entry.parameters else path))
    return entry.inject, fault


def _check_share(entry: Entry, fault: Fault, loaded: LoadedScenario, path: tuple[str | int, ...]) -> None:
    """Refuse a share of the clients for a fault that only changes what the whole system shares."""
    knobs, impulses = knobs_of(fault), fault.impulses(EVERYONE)
    takes_share = any(not KNOBS[knob].shared for knob in knobs) or any(hasattr(i, "share") for i in impulses)
    if not takes_share and (knobs or impulses):
        for key, given in (("share", entry.share < 1), ("cohort", entry.cohort != "")):
            if given:
                problem = f"{entry.inject} changes the whole system; it takes a level, but no '{key}'"
                raise InputError(problem, loaded.place((*path, key)))


def _set_knobs(entry: Entry, loaded: LoadedScenario, path: tuple[str | int, ...]) -> tuple[str, Fault]:
    values = []
    for knob, raw in (entry.set or {}).items():
        place = loaded.place((*path, "set", knob))
        try:
            value = parse_knob(knob, raw, place)
        except ValueError as error:
            raise InputError(str(error), place) from None
        if KNOBS[knob].shared and (entry.share < 1 or entry.level < 1 or entry.envelope is not None):
            problem = f"{knob} is one setting for the whole system; it takes no share, level or envelope"
            raise InputError(problem, place)
        values.append((knob, value))
    if not values:
        raise InputError("names no knob", loaded.place((*path, "set")))
    check_fault(SetKnobs(tuple(values)), lambda _: loaded.place((*path, "set")))
    return "set " + " ".join(f"{k}={KNOBS[k].setting.show(v)}" for k, v in values), SetKnobs(tuple(values))


def _span(entry: Entry, fault: Fault, loaded: LoadedScenario, index: int) -> tuple[float, float]:
    end, path = loaded.scenario.duration, ("timeline", index)
    if entry.at >= end:
        problem = f"begins at {format_duration(entry.at)}, but the scenario ends at {format_duration(end)}"
        raise InputError(problem, loaded.place((*path, "at")))
    if fault.is_momentary():
        _refuse_duration(entry, loaded, path)
    if fault.is_momentary() and entry.envelope is None:
        return entry.at, entry.at
    until = end if entry.for_ is None else round(entry.at + entry.for_, 6)
    if until > end:
        problem = f"lasts until {format_duration(until)}, but the scenario ends at {format_duration(end)}"
        raise InputError(problem, loaded.place((*path, "for")), "leave out 'for' to keep it until the end")
    return entry.at, until


def _refuse_duration(entry: Entry, loaded: LoadedScenario, path: tuple[str | int, ...]) -> None:
    """Refuse a duration of what happens once, unless it happens again with each pulse or tooth."""
    if entry.envelope is None and entry.for_ is not None:
        hint = "an envelope 'pulse' or 'comb' repeats it"
        raise InputError(f"{entry.inject} happens once; it takes no 'for'", loaded.place((*path, "for")), hint)
    if entry.envelope is not None and not entry.envelope.repeats:
        problem = f"{entry.inject} happens once; the only envelopes that it takes are those that repeat it"
        raise InputError(problem, loaded.place((*path, "envelope")), "pulse or comb")


def refuse_live_only(loaded: LoadedScenario, injections: Sequence[Injection]) -> None:
    """Refuse what virtual time has nothing like.

    Raises:
        InputError: a fault or a knob needs a live system.
    """
    for knob in loaded.scenario.conditions:
        _refuse_live_knob(knob, loaded, ("conditions", knob))
    by_name = {injection.fault_name: injection.fault for injection in injections}
    for index, entry in enumerate(loaded.scenario.timeline):
        for knob in entry.set or ():
            _refuse_live_knob(knob, loaded, ("timeline", index, "set", knob))
        fault = by_name.get(entry.inject or "")
        if fault is not None and (fault.live_only or any(KNOBS[knob].live_only for knob in knobs_of(fault))):
            raise _needs_live(entry.inject or "", loaded.place(("timeline", index, "inject")))


def _refuse_live_knob(knob: str, loaded: LoadedScenario, path: tuple[str | int, ...]) -> None:
    if KNOBS[knob].live_only:
        raise _needs_live(knob, loaded.place(path))


def _needs_live(name: str, place: Place) -> InputError:
    return InputError(f"{name} needs a live system", place, "`syncstorm gameday` can do it")


def make_plan(loaded: LoadedScenario, injections: Sequence[Injection], system: Settings | None = None) -> Plan:
    """Return what a driver is to run for a scenario and its injections.

    `system` has the knobs of the system in good health, the defaults if left out; the scenario's own come on top.
    """
    scenario = loaded.scenario
    interval = scenario.monitoring.scrape_interval
    offset = scrape_offset(interval, scenario.monitoring.evaluation_interval)
    return Plan(
        seed=scenario.seed,
        duration_seconds=scenario.duration,
        fleet=_fleet(scenario),
        scrape_interval_seconds=interval,
        scrape_offset_seconds=offset,
        initialise_series=scenario.monitoring.initialise_series,
        steps=_steps(_baseline(loaded, system or Settings()), injections),
    )


def scrape_offset(scrape_seconds: float, evaluation_seconds: float) -> float:
    """Return where the first scrape stands, so that none is at the instant of an evaluation, as in production.

    What scrapes and evaluations have in common is the greatest common divisor of their intervals: any part of it is
    off the grid. A part that divides it keeps the step small that a test file with one sample interval needs.
    """
    common = math.gcd(round(scrape_seconds * 1000), round(evaluation_seconds * 1000))
    divisor = next((d for d in (3, 2, 5, 7) if common % d == 0), 2)
    return common // divisor / 1000


def _fleet(scenario: Scenario) -> Fleet:
    fleet = scenario.fleet
    return Fleet(
        profiles=assign_profiles(fleet.profiles, fleet.clients),
        habits=Habits(fleet.session_lifetime, fleet.offline, fleet.topics),
        publish_rate=fleet.publish_rate,
        ramp_seconds=fleet.ramp,
    )


def assign_profiles(shares: Mapping[str, float], clients: int) -> tuple[Profile, ...]:
    """Return each client's profile: exact counts, largest remainder first, in the order of the file."""
    exact = {name: share * clients for name, share in shares.items()}
    counts = {name: int(count + 1e-9) for name, count in exact.items()}
    by_remainder = sorted(exact, key=lambda name: counts[name] - exact[name])
    for name in by_remainder[: clients - sum(counts.values())]:
        counts[name] += 1
    return tuple(PROFILES[name] for name, count in counts.items() for _ in range(count))


def _baseline(loaded: LoadedScenario, settings: Settings) -> Settings:
    for knob, raw in loaded.scenario.conditions.items():
        place = loaded.place(("conditions", knob))
        try:
            settings = settings.with_value(knob, parse_knob(knob, raw, place))
        except ValueError as error:
            raise InputError(str(error), place) from None
    check_view(settings.exporter, lambda _: loaded.place(("conditions",)))
    return settings


def _steps(baseline: Settings, injections: Sequence[Injection]) -> tuple[Step, ...]:
    times = {0.0}
    for injection in injections:
        length = injection.until - injection.at
        times.update(round(injection.at + t, 6) for t in change_times(injection.envelope, length))
        times.update((injection.at, injection.until))
    strikes = {injection.id: _strikes(injection) for injection in injections}
    return tuple(_step(baseline, injections, strikes, time) for time in sorted(times))


def _strikes(injection: Injection) -> frozenset[float]:
    """Return the times at which an injection's impulses happen: at its start, or with each pulse or tooth."""
    if not injection.fault.is_momentary() or injection.envelope is None:
        return frozenset((injection.at,))
    length = injection.until - injection.at
    return frozenset(round(injection.at + time, 6) for time in strike_times(injection.envelope, 0.0, length))


def _step(
    baseline: Settings, injections: Sequence[Injection], strikes: Mapping[str, frozenset[float]], time: float
) -> Step:
    active = [(i.id, i.fault, i.share_at(time)) for i in injections if i.at <= time < i.until]
    struck = [i for i in injections if time in strikes[i.id]]
    notes = [("injection_started", i.id) for i in injections if i.at == time]
    notes += [("injection_ended", i.id) for i in injections if i.until == time and i.at < time]
    return Step(
        at=time,
        conditions=Conditions.fold(baseline, active),
        impulses=tuple((i.id, impulse) for i in struck for impulse in i.fault.impulses(_full_share(i))),
        notes=tuple(notes),
    )


def _full_share(injection: Injection) -> Share:
    return Share(injection.level * injection.share, injection.cohort)
