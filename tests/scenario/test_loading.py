"""Scenario files: what is accepted, and what is said about the rest: one line with file, line, key and nearest name."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from faults import load_faults
from simulator.conditions import KNOBS
from simulator.documents import Document, load_documents
from simulator.errors import InputError
from simulator.scenario.loading import LoadedScenario, load_scenario, validate
from simulator.scenario.schema import ENTRY_KEYS, ExpectFires, ExpectSilent, Scenario
from simulator.scenario.timeline import list_injections, make_plan
from simulator.shipped import list_shipped

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from simulator.core.plan import Plan

    Load = Callable[..., LoadedScenario]

FAULTS = load_faults()

EXAMPLE = """\
scenario: auth-key-drift
summary: The issuer signs with a key that the verifier does not have yet.
seed: 7
duration: 45m
fleet: {clients: 500, session_lifetime: 10m, profiles: {reference: 1.0}}
monitoring: {scrape_interval: 15s, evaluation_interval: 15s, rules: [openagents-runtime]}
timeline:
  - {at: 5m, inject: auth.key-drift, level: 0.6, for: 20m, envelope: {ramp: 1m}}
  - {at: 30m, set: {network.latency: 250ms}, share: 0.1, for: 2m}   # any knob, without a named fault
expect:
  - fires: {alert: OpenAgentsRuntimeSyncSocketAuthFailureRatioHigh, within: 13m, resolves_within: 8m}
  - silent: {alert: OpenAgentsRuntimeSyncStaleCursorSpike}
  - no_other_alerts
"""

BASE = "scenario: x\nduration: 10m\n"


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Return a function that writes a scenario file and loads it."""

    def load(text: str, overrides: Mapping[str, str] | None = None) -> LoadedScenario:
        file = tmp_path / "s.yaml"
        file.write_text(text, encoding="utf-8")
        return load_scenario(str(file), overrides)

    return load


def plan_of(loaded: LoadedScenario) -> Plan:
    """Read all of a scenario, faults and knobs included."""
    return make_plan(loaded, list_injections(loaded, FAULTS))


def complaint(load: Load, text: str, overrides: Mapping[str, str] | None = None) -> str:
    """Return what is said about a scenario, without the folder of its file."""
    with pytest.raises(InputError) as caught:
        plan_of(load(text, overrides))
    said = str(caught.value)
    assert "\n" not in said
    assert len(said) < 500
    return said.rpartition("/s.yaml")[2] if "/s.yaml" in said else said


def test_the_example_of_the_manual_loads_as_written(load: Load) -> None:
    scenario = load(EXAMPLE).scenario
    assert (scenario.scenario, scenario.seed, scenario.duration) == ("auth-key-drift", 7, 2700)
    assert (scenario.fleet.clients, scenario.fleet.session_lifetime) == (500, 600)
    assert scenario.fleet.profiles == {"reference": 1.0}
    assert (scenario.monitoring.scrape_interval, scenario.monitoring.rules) == (15, ("openagents-runtime",))
    drift, latency = scenario.timeline
    assert (drift.at, drift.inject, drift.level, drift.for_) == (300, "auth.key-drift", 0.6, 1200)
    assert drift.envelope is not None
    assert drift.envelope.ramp == 60
    assert (latency.at, latency.set, latency.share) == (1800, {"network.latency": "250ms"}, 0.1)
    fires, silent, rest = scenario.expect
    assert isinstance(fires, ExpectFires)
    assert (fires.fires.within, fires.fires.resolves_within) == (780, 480)
    assert isinstance(silent, ExpectSilent)
    assert rest == "no_other_alerts"


def test_the_least_scenario_has_a_name_and_a_duration(load: Load) -> None:
    scenario = load(BASE).scenario
    assert (scenario.seed, scenario.fleet.clients, scenario.timeline, scenario.expect) == (1, 500, (), ())


@pytest.mark.parametrize("name", sorted(list_shipped("scenario")))
def test_every_shipped_scenario_loads_and_makes_a_plan(name: str) -> None:
    loaded = load_scenario(name)
    assert loaded.scenario.scenario == name
    assert plan_of(loaded).duration_seconds == loaded.scenario.duration


def entry(rest: str) -> str:
    """Return a scenario whose timeline, on line 4, has one entry."""
    return f"{BASE}timeline:\n  - {{{rest}}}\n"


DRIFT = "at: 1m, inject: auth.key-drift"

BAD: list[tuple[str, str]] = [
    # no mapping at all
    ("", ": is empty; a scenario is one YAML mapping"),
    ("# nothing\n", ": is empty; a scenario is one YAML mapping"),
    ("- a\n", ":1: a scenario is one YAML mapping, not a list"),
    ("words\n", ":1: a scenario is one YAML mapping, not 'words'"),
    (f"{BASE}---\n{BASE}", ": has 2 YAML documents; a scenario is one"),
    (f"{BASE}duration: 5m\n", ':3: is not valid YAML: found duplicate key "duration" with value "5m"'),
    # keys that are missing or unknown, at each level
    ("scenario: x\n", ":1: the key 'duration' is missing"),
    ("duration: 1m\n", ":1: the key 'scenario' is missing"),
    (f"{BASE}sead: 1\n", ":3: sead: unknown key 'sead' (did you mean 'seed'?)"),
    (f"{BASE}5: 1\n", ":3: [5]: '5' does not fit; it takes text as its key"),
    (f"{BASE}fleet:\n  client: 1\n", ":4: fleet.client: unknown key 'client' (did you mean 'clients'?)"),
    (
        f"{BASE}monitoring: {{scrap: 1s}}\n",
        ":3: monitoring.scrap: unknown key 'scrap' (did you mean 'scrape_interval'?)",
    ),
    (entry("att: 1m, inject: auth.key-drift"), ":4: timeline[0].att: unknown key 'att' (did you mean 'at'?)"),
    (entry("at: 1m, injct: x"), ":4: timeline[0].injct: unknown key 'injct' (did you mean 'inject'?)"),
    (entry("at: 1m"), ":4: timeline[0]: an entry needs 'inject' (a fault) or 'set' (knobs)"),
    (entry("inject: auth.key-drift"), ":4: timeline[0]: the key 'at' is missing"),
    (entry(f"{DRIFT}, set: {{network.latency: 1s}}"), ":4: timeline[0]: an entry has either 'inject' (a fault) or"),
    (
        entry(f"{DRIFT}, envelope: {{rmp: 1m}}"),
        ":4: timeline[0].envelope.rmp: unknown key 'rmp' (did you mean 'ramp'?)",
    ),
    (
        entry(f"{DRIFT}, envelope: {{pulse: {{evry: 1m, on: 1s}}}}"),
        ":4: timeline[0].envelope.pulse.evry: unknown key 'evry' (did you mean 'every'?)",
    ),
    (f"{BASE}expect:\n- fires: {{alrt: X}}\n", ":4: expect[0].fires.alrt: unknown key 'alrt' (did you mean 'alert'?)"),
    (f"{BASE}expect:\n- fires: {{}}\n", ":4: expect[0].fires: the key 'alert' is missing"),
    (f"{BASE}expect:\n- silent: {{alert: X, within: 1m}}\n", ":4: expect[0].silent.within: unknown key 'within'"),
    # names
    (
        entry("at: 1m, inject: auth.key-drif"),
        ":4: timeline[0].inject: unknown fault 'auth.key-drif' (did you mean 'auth.",
    ),
    (entry(f"{DRIFT}, kit: x"), ":4: timeline[0].kit: unknown parameter of auth.key-drift 'kit' (did you mean 'kid'?)"),
    (
        entry(f"{DRIFT}, levl: 1"),
        ":4: timeline[0].levl: unknown parameter of auth.key-drift 'levl' (did you mean 'level'?)",
    ),
    (
        entry("at: 1m, set: {network.latncy: 1s}"),
        ":4: timeline[0].set.network.latncy: unknown knob 'network.latncy' (did",
    ),
    (
        entry("at: 1m, set: {network.latency: 1s}, lvl: 1"),
        ":4: timeline[0].lvl: unknown key 'lvl' (did you mean 'level'?)",
    ),
    (
        f"{BASE}conditions: {{network.latncy: 1s}}\n",
        ":3: conditions.network.latncy: unknown knob 'network.latncy' (did",
    ),
    (
        f"{BASE}fleet: {{profiles: {{desktp: 1}}}}\n",
        ":3: fleet.profiles: unknown profile 'desktp' (did you mean 'desktop",
    ),
    ("scenario: A b\nduration: 1m\n", ":1: scenario: 'A b' does not fit ^[a-z0-9][a-z0-9._-]*$"),
    ("scenario: ../x\nduration: 1m\n", ":1: scenario: '../x' does not fit"),
    ('scenario: "x\\n"\nduration: 1m\n', r":1: scenario: 'x\n' does not fit"),
    ("scenario: 5\nduration: 1m\n", ":1: scenario: '5' does not fit; it takes text"),
    # numbers and durations out of range
    (entry(f"{DRIFT}, level: 1.5"), ":4: timeline[0].level: '1.5' is too large; it must be at most 1"),
    (entry(f"{DRIFT}, level: -0.1"), ":4: timeline[0].level: '-0.1' is too small; it must be at least 0"),
    (entry(f"{DRIFT}, share: 2"), ":4: timeline[0].share: '2' is too large; it must be at most 1"),
    (entry(f"{DRIFT}, level: .nan"), ":4: timeline[0].level: 'nan' is too"),
    (entry(f"{DRIFT}, level: true"), ":4: timeline[0].level: true does not fit; it takes a number"),
    (entry(f"{DRIFT}, level: high"), ":4: timeline[0].level: 'high' does not fit; it takes a number"),
    (entry(f"{DRIFT}, for: -5m"), ":4: timeline[0].for: '-5m' is negative; a duration is zero or more"),
    (entry(f"{DRIFT}, for: 0s"), ":4: timeline[0].for: '0s' is too small; it must be above 0"),
    (entry("at: -1m, inject: auth.key-drift"), ":4: timeline[0].at: '-1m' is negative"),
    (entry("at: soon, inject: auth.key-drift"), ":4: timeline[0].at: 'soon' is not a duration; write it like 15s"),
    ("scenario: x\nduration: 0\n", ":2: duration: '0' is too small; it must be above 0"),
    ("scenario: x\nduration: -1m\n", ":2: duration: '-1m' is negative"),
    ("scenario: x\nduration: .inf\n", ":2: duration: 'inf' is too long"),
    (f"{BASE}seed: -1\n", ":3: seed: '-1' is too small; it must be at least 0"),
    (f"{BASE}fleet: {{clients: 0}}\n", ":3: fleet.clients: '0' is too small; it must be at least 1"),
    (f"{BASE}fleet: {{clients: 1.5}}\n", ":3: fleet.clients: '1.5' does not fit; it takes a whole number"),
    (f"{BASE}fleet: {{profiles: {{reference: 0.5}}}}\n", ":3: fleet.profiles: the shares add up to 0.5; they must add"),
    (f"{BASE}fleet: {{profiles: {{reference: 2}}}}\n", ":3: fleet.profiles.reference: '2' is too large"),
    (f"{BASE}fleet: {{publish_rate: 2/x}}\n", ":3: fleet.publish_rate: '2/x' is not a rate; write it like 2/s or 30/m"),
    (f"{BASE}fleet: {{publish_rate: -1}}\n", ":3: fleet.publish_rate: '-1' is too small"),
    (f"{BASE}monitoring: {{scrape_interval: 10ms}}\n", ":3: monitoring.scrape_interval: 10ms is too fine; at least"),
    (f"{BASE}monitoring: {{evaluation_interval: 1.0001}}\n", ":3: monitoring.evaluation_interval: 1s is too fine"),
    # injections that do not fit their scenario
    (entry("at: 10m, inject: auth.key-drift"), ":4: timeline[0].at: begins at 10m, but the scenario ends at 10m"),
    (entry("at: 11m, inject: liveness.restart"), ":4: timeline[0].at: begins at 11m, but the scenario ends at 10m"),
    (
        entry(f"{DRIFT}, for: 20m"),
        ":4: timeline[0].for: lasts until 21m, but the scenario ends at 10m (leave out 'for'",
    ),
    (
        entry("at: 1m, inject: liveness.restart, for: 1m"),
        ":4: timeline[0].for: liveness.restart happens once; it takes no",
    ),
    (
        entry("at: 1m, inject: liveness.restart, envelope: {ramp: 1s}"),
        ":4: timeline[0].envelope: liveness.restart happens",
    ),
    # envelopes
    (
        entry(f"{DRIFT}, envelope: {{}}"),
        ":4: timeline[0].envelope: an envelope has one shape: ramp, pulse, sine, comb, tail",
    ),
    (entry(f"{DRIFT}, envelope: {{ramp: 1s, sine: 1s}}"), ":4: timeline[0].envelope: an envelope has one shape"),
    (entry(f"{DRIFT}, envelope: {{ramp: 0}}"), ":4: timeline[0].envelope.ramp: '0' is too small; it must be above 0"),
    (entry(f"{DRIFT}, envelope: {{pulse: {{every: 1m}}}}"), ":4: timeline[0].envelope.pulse: the key 'on' is missing"),
    (
        entry(f"{DRIFT}, envelope: {{pulse: {{every: 1m, on: 2m}}}}"),
        ":4: timeline[0].envelope.pulse: a pulse cannot be longer than its period",
    ),
    (
        entry(f"{DRIFT}, envelope: {{comb: {{teeth: [1s, 1s]}}}}"),
        ":4: timeline[0].envelope.comb: the teeth of a comb stand in rising order",
    ),
    (
        entry(f"{DRIFT}, envelope: {{comb: {{teeth: [1s, 2s], width: 2s}}}}"),
        ":4: timeline[0].envelope.comb: two teeth of a comb overlap: 'width' is above the time between them",
    ),
    (
        entry(f"{DRIFT}, envelope: {{comb: {{teeth: [9s], every: 9s}}}}"),
        ":4: timeline[0].envelope.comb: the last tooth of a comb ends after its period",
    ),
    (entry(f"{DRIFT}, envelope: {{comb: {{teeth: []}}}}"), ":4: timeline[0].envelope.comb.teeth: is empty"),
    (
        entry(f"{DRIFT}, envelope: {{tail: {{after: 1m}}}}"),
        ":4: timeline[0].envelope.tail: the key 'half_life' is missing",
    ),
    (
        entry(f"{DRIFT}, envelope: {{staircase: {{every: 1m, levels: [0.5, 1.5]}}}}"),
        ":4: timeline[0].envelope.staircase.levels[1]: '1.5' is too large; it must be at most 1",
    ),
    (
        entry(f"{DRIFT}, envelope: {{recorded: {{}}}}"),
        ":4: timeline[0].envelope.recorded: a recording has one source: points, csv or prometheus",
    ),
    (
        entry(f"{DRIFT}, envelope: {{recorded: {{csv: a.csv, query: up}}}}"),
        ":4: timeline[0].envelope.recorded: 'query' has no meaning without 'prometheus'",
    ),
    (
        entry(f"{DRIFT}, envelope: {{recorded: {{prometheus: 'http://x', query: up, from: 5}}}}"),
        ":4: timeline[0].envelope.recorded: 'to' is needed with 'prometheus'",
    ),
    (
        entry(f"{DRIFT}, envelope: {{recorded: {{prometheus: 'http://x', query: up, from: 5, to: noon}}}}"),
        ":4: timeline[0].envelope.recorded.to: 'noon' is no instant; write it like 2026-11-24T10:00:00Z",
    ),
    (
        entry(f"{DRIFT}, envelope: {{recorded: {{prometheus: 'http://x', query: up, from: 5, to: 5}}}}"),
        ":4: timeline[0].envelope.recorded: the range ends before it begins",
    ),
    (
        entry(f"{DRIFT}, envelope: {{recorded: {{points: [[1m, 2], [30s, 1]]}}}}"),
        ":4: timeline[0].envelope.recorded: the points of a recording stand in rising order of time",
    ),
    (
        entry(f"{DRIFT}, envelope: {{recorded: {{points: [[1m, -2]]}}}}"),
        ":4: timeline[0].envelope.recorded.points[0][1]: '-2' is too small; it must be at least 0",
    ),
    # parameters and knobs
    (entry(f"{DRIFT}, kid: 5"), ":4: timeline[0].kid: '5' does not fit kid, which takes: text"),
    (entry(f"{DRIFT}, kid: [x]"), ":4: timeline[0].kid: a list does not fit; it takes one value"),
    (
        entry("at: 1m, inject: auth.claim-drift, claim: aud"),
        ":4: timeline[0].claim: 'aud' does not fit claim, which takes:",
    ),
    (
        entry("at: 1m, inject: cursor.retention-cut, horizon: 0s"),
        ":4: timeline[0].horizon: 0s is too small; at least 1ms",
    ),
    (
        entry("at: 1m, inject: auth.claim-drift,\n     claim: issuer,\n     value: 5"),
        ":6: timeline[0].value: '5' does not fit value, which takes: text",
    ),
    (entry("at: 1m, set: {}"), ":4: timeline[0].set: names no knob"),
    (entry("at: 1m, set: {network.latency: fast}"), ":4: timeline[0].set.network.latency: 'fast' is not a duration"),
    (
        entry("at: 1m, set: {network.latency: null}"),
        ":4: timeline[0].set.network.latency: null does not fit; it takes one",
    ),
    (
        entry("at: 1m, set: {retention.batch: 1.5}"),
        ":4: timeline[0].set.retention.batch: '1.5' does not fit batch, which",
    ),
    (
        entry("at: 1m, set: {retention.batch: 5}, share: 0.5"),
        ":4: timeline[0].set.retention.batch: retention.batch is one",
    ),
    (
        entry("at: 1m, inject: cursor.retention-cut, share: 0.5"),
        ":4: timeline[0].share: cursor.retention-cut changes the whole",
    ),
    (
        entry("at: 1m, inject: cursor.retention-cut, cohort: x"),
        ":4: timeline[0].cohort: cursor.retention-cut changes the whole",
    ),
    (f"{BASE}conditions: {{retention.horizon: soon}}\n", ":3: conditions.retention.horizon: 'soon' is not a duration"),
    # expectations
    (
        f"{BASE}expect: [no_other_alert]\n",
        ":3: expect[0]: unknown expectation 'no_other_alert' (did you mean 'no_other_alerts",
    ),
    (f"{BASE}expect: [fires]\n", ":3: expect[0]: 'fires' is no expectation (write 'fires: {...}', 'silent: {...}',"),
    (
        f"{BASE}expect: [{{fire: {{alert: X}}}}]\n",
        ":3: expect[0].fire: unknown expectation 'fire' (did you mean 'fires'?)",
    ),
    (f"{BASE}expect: [5]\n", ":3: expect[0]: '5' is no expectation (write"),
    (f"{BASE}expect: [{{}}]\n", ":3: expect[0]: a mapping is no expectation (write"),
    (
        f"{BASE}expect: [{{fires: {{alert: X}}, silent: {{alert: Y}}}}]\n",
        ":3: expect[0]: one item of 'expect' holds one",
    ),
    (
        f"{BASE}expect: [{{fires: {{alert: X}}, within: 1m}}]\n",
        ":3: expect[0]: one item of 'expect' holds one expectation",
    ),
    (f"{BASE}expect: [{{fires: {{alert: X, within: -1m}}}}]\n", ":3: expect[0].fires.within: '-1m' is negative"),
    (f"{BASE}expect: [{{fires: {{alert: 5}}}}]\n", ":3: expect[0].fires.alert: '5' does not fit; it takes text"),
]


@pytest.mark.parametrize(("text", "message"), BAD)
def test_what_does_not_fit_is_one_line_with_its_place(load: Load, text: str, message: str) -> None:
    assert complaint(load, text).startswith(message)


MAPPINGS = (
    "fleet",
    "monitoring",
    "conditions",
    "fleet.profiles",
    "timeline.0",
    "timeline.0.envelope",
    "expect.0.fires",
)
LISTS = ("timeline", "expect", "fleet.topics", "monitoring.rules")
WRONG = {"null": "null", "[x]": "a list", "word": "'word'", "{a: 1}": "a mapping", "5": "'5'"}


@pytest.mark.parametrize("value", ["null", "[x]", "word", "5"])
@pytest.mark.parametrize("key", MAPPINGS)
def test_something_else_where_a_mapping_is_needed_is_named(load: Load, key: str, value: str) -> None:
    if (key, value) == ("timeline.0.envelope", "null"):
        return  # an envelope may be left out
    said = complaint(load, EXAMPLE, {key: value})
    assert said.startswith("--set: ")
    assert said.endswith(f": {WRONG[value]} does not fit; it takes a mapping")


@pytest.mark.parametrize("value", ["null", "{a: 1}", "word", "5"])
@pytest.mark.parametrize("key", LISTS)
def test_something_else_where_a_list_is_needed_is_named(load: Load, key: str, value: str) -> None:
    assert complaint(load, EXAMPLE, {key: value}) == f"--set: {key}: {WRONG[value]} does not fit; it takes a list"


@pytest.mark.parametrize("value", ["null", "[x]", "{a: 1}", "true"])
@pytest.mark.parametrize(
    "key",
    ["duration", "seed", "fleet.clients", "fleet.ramp", "fleet.publish_rate", "timeline.0.at", "timeline.0.level"],
)
def test_something_else_where_a_number_is_needed_is_named(load: Load, key: str, value: str) -> None:
    shown = {**WRONG, "true": "true"}[value]
    said = complaint(load, EXAMPLE, {key: value})
    assert said.startswith("--set: ")
    assert f": {shown} " in said


def test_the_file_of_an_unknown_scenario_is_answered_with_the_nearest_name() -> None:
    with pytest.raises(InputError, match=r"unknown scenario .* \(did you mean 'tabletop'\?\)"):
        load_scenario("tabeltop")


# --- overrides

Check = tuple[dict[str, str], "Callable[[Scenario], Any]", Any]

OVERRIDES: list[Check] = [
    ({"seed": "9"}, lambda s: s.seed, 9),
    ({"duration": "1h"}, lambda s: s.duration, 3600),
    ({"summary": "a: b: c"}, lambda s: s.summary, "a: b: c"),
    ({"summary": ""}, lambda s: s.summary, ""),
    ({"fleet.clients": "10"}, lambda s: s.fleet.clients, 10),
    ({"fleet": "{clients: 3}"}, lambda s: s.fleet.clients, 3),
    ({"fleet.profiles": "{desktop: 1}"}, lambda s: s.fleet.profiles, {"desktop": 1}),
    ({"monitoring.initialise_series": "false"}, lambda s: s.monitoring.initialise_series, False),
    ({"monitoring.rules": "[a, b]"}, lambda s: s.monitoring.rules, ("a", "b")),
    ({"monitoring.rules.0": "a"}, lambda s: s.monitoring.rules, ("a",)),
    ({"retention.horizon": "5m"}, lambda s: s.conditions, {"retention.horizon": "5m"}),
    ({"conditions.retention.horizon": "5m"}, lambda s: s.conditions, {"retention.horizon": "5m"}),
    ({"timeline.0.level": "0.2"}, lambda s: s.timeline[0].level, 0.2),
    ({"timeline[0].level": "0.2"}, lambda s: s.timeline[0].level, 0.2),
    ({"timeline.0.kid": "k2"}, lambda s: s.timeline[0].parameters, {"kid": "k2"}),
    ({"timeline.1.envelope.sine": "1m"}, lambda s: s.timeline[1].envelope and s.timeline[1].envelope.sine, 60),
    ({"timeline.1.set.network.latency": "1s"}, lambda s: s.timeline[1].set, {"network.latency": "1s"}),
    ({"timeline": "[]"}, lambda s: s.timeline, ()),
    ({"expect.0.fires.within": "3m"}, lambda s: s.model_dump()["expect"][0]["fires"]["within"], 180),
    ({"expect.1": "no_other_alerts"}, lambda s: s.expect[1], "no_other_alerts"),
    ({"seed": "1", "fleet.clients": "2"}, lambda s: (s.seed, s.fleet.clients), (1, 2)),
]


@pytest.mark.parametrize(("overrides", "look", "expected"), OVERRIDES)
def test_an_override_reaches_what_its_key_means(
    load: Load, overrides: dict[str, str], look: Callable[[Scenario], Any], expected: object
) -> None:
    assert look(load(EXAMPLE, overrides).scenario) == expected


def test_an_override_makes_the_parts_that_the_file_leaves_out(load: Load) -> None:
    overrides = {"fleet.profiles.desktop": "1", "monitoring.scrape_interval": "7s", "network.latency": "1s"}
    scenario = load(BASE, overrides).scenario
    assert (scenario.fleet.profiles, scenario.monitoring.scrape_interval) == ({"desktop": 1}, 7)
    assert scenario.conditions == {"network.latency": "1s"}
    assert (
        load(f"{BASE}fleet:\nconditions:\n", {"fleet.clients": "5", "retention.batch": "1"}).scenario.fleet.clients == 5
    )


def test_an_override_of_one_entry_leaves_another_alone_that_is_its_alias(load: Load) -> None:
    text = f"{BASE}timeline:\n  - &drift {{at: 1m, inject: auth.key-drift, level: 0.5}}\n  - *drift\n"
    first, second = load(text, {"timeline.0.level": "0.1"}).scenario.timeline
    assert (first.level, second.level) == (0.1, 0.5)


def test_a_document_is_not_changed_by_overrides(tmp_path: Path) -> None:
    file = tmp_path / "s.yaml"
    file.write_text(EXAMPLE, encoding="utf-8")
    (document,) = load_documents(file)
    validate(document, {"fleet.clients": "1", "timeline.0.level": "0", "network.latency": "1s"})
    assert document.data == load_documents(file)[0].data


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("sede", "1", "--set: unknown key 'sede' (did you mean 'seed'?)"),
        ("flet.clients", "1", "--set: unknown key 'flet.clients' (did you mean 'fleet.clients'?)"),
        ("fleet.client", "1", "--set: fleet.client: unknown key 'client' (did you mean 'clients'?)"),
        ("retention.horizn", "1m", "--set: unknown key 'retention.horizn' (did you mean 'retention.horizon'?)"),
        ("", "1", "--set: unknown key ''"),
        ("fleet.", "1", "--set: unknown key 'fleet.'"),
        ("timeline.²", "1", "--set: unknown key 'timeline.²'"),
        ("timeline.-1.level", "1", "--set: timeline.-1.level: "),
        ("timeline.2.level", "1", "--set: timeline.2.level: timeline has no item 2; they are counted from 0"),
        ("timeline.9", "1", "--set: timeline.9: timeline has no item 9; they are counted from 0"),
        ("duration.x", "1", "--set: duration.x: duration is '45m', which has no keys"),
        ("fleet.clients", "many", "--set: fleet.clients: 'many' does not fit; it takes a whole number"),
        ("seed", "[", "--set: seed: '[' does not fit; it takes a whole number"),
        ("seed", "", "--set: seed: '' does not fit; it takes a whole number"),
        ("seed", "1\n---\n2", "--set: seed: '1\\n---\\n2' does not fit; it takes a whole number"),
        ("scenario", "a b", "--set: scenario: 'a b' does not fit ^"),
        ("network.latency", "fast", "--set: conditions.network.latency: 'fast' is not a duration"),
        ("conditions.network.latncy", "1s", "--set: conditions.network.latncy: unknown knob 'network.latncy' (did"),
        ("timeline.0.level", "3", "--set: timeline[0].level: '3' is too large; it must be at most 1"),
        ("timeline.0.levl", "3", "--set: timeline[0].levl: unknown parameter of auth.key-drift 'levl' (did you mean"),
        ("timeline.0.inject", "auth.wrng", "--set: timeline[0].inject: unknown fault 'auth.wrng' (did you mean"),
        ("timeline.0.at", "2h", "--set: timeline[0].at: begins at 2h, but the scenario ends at 45m"),
        ("duration", "1m", ":8: timeline[0].at: begins at 5m, but the scenario ends at 1m"),
        ("expect.0", "foo", "--set: expect[0]: unknown expectation 'foo'"),
        ("timeline.0", "{}", "--set: timeline[0]: the key 'at' is missing"),
    ],
)
def test_an_override_that_does_not_fit_is_placed_on_the_command_line(
    load: Load, key: str, value: str, message: str
) -> None:
    if key == "timeline.-1.level":
        message = "--set: unknown key 'timeline.-1.level'"
    assert complaint(load, EXAMPLE, {key: value}).startswith(message)


def test_an_override_of_a_part_that_is_no_mapping_says_so(load: Load) -> None:
    assert complaint(load, f"{BASE}fleet: foo\n", {"fleet.clients": "5"}) == (
        "--set: fleet.clients: fleet is 'foo', which has no keys"
    )
    assert complaint(load, f"{BASE}conditions: foo\n", {"network.latency": "1s"}) == (
        "--set: network.latency: conditions is 'foo', which has no keys"
    )


# --- anything at all


def assert_one_line(error: InputError) -> None:
    """Check that an error says something, in one line."""
    assert str(error)
    assert "\n" not in str(error)


_scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.just(10**400)
    | st.floats()
    | st.text(max_size=8)
    | st.dates()
    | st.sampled_from(["1m", "-5m", "0s", "2/s", "no_other_alerts", "auth.key-drift", "liveness.restart", "X"])
)
_keys = (
    st.sampled_from(
        [
            *(*Scenario.model_fields, *ENTRY_KEYS, "clients", "profiles", "reference", "scrape_interval", "rules"),
            *("ramp", "pulse", "every", "on", "sine", "fires", "silent", "alert", "within", "ExpectFires"),
            "network.latency",
        ]
    )
    | st.text(max_size=5)
    | st.integers(0, 3)
    | st.none()
    | st.dates()
    | st.tuples(st.integers(0, 1))
)
_data = st.recursive(
    _scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_keys, inner, max_size=4), max_leaves=12
)
_scenarios = st.fixed_dictionaries(
    {"scenario": st.just("x") | _scalars, "duration": st.just("10m") | _scalars},
    optional={
        "timeline": st.lists(
            st.fixed_dictionaries(
                {"at": st.just("1m") | _scalars},
                optional={
                    "inject": st.sampled_from(["auth.key-drift", "liveness.restart", "no"]) | _data,
                    "set": st.dictionaries(
                        st.sampled_from(["network.latency", "retention.batch", "clients.online"]), _data
                    )
                    | _data,
                    **{key: _data for key in ENTRY_KEYS if key not in ("at", "inject", "set")},
                    "kid": _data,
                },
            ),
            max_size=2,
        )
        | _data,
        "expect": st.lists(_data | st.fixed_dictionaries({"fires": _data}), max_size=2) | _data,
        "fleet": _data,
        "monitoring": _data,
        "conditions": st.dictionaries(st.sampled_from(list(KNOBS)), _data, max_size=3) | _data,
    },
)


@given(_data | _scenarios)
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_data_is_a_scenario_or_an_input_error_of_one_line(data: object) -> None:
    try:
        loaded = validate(Document("x.yaml", data, None), {})
        list_injections(loaded, FAULTS)
    except InputError as error:
        assert_one_line(error)


@given(st.text(alphabet="abc.[]019-_ ", max_size=12) | st.sampled_from(sorted(KNOBS)), st.text(max_size=8))
@settings(deadline=None)
def test_any_override_is_applied_or_an_input_error(key: str, value: str) -> None:
    data = {"scenario": "x", "duration": "10m", "timeline": [{"at": "1m", "inject": "auth.key-drift"}], "fleet": None}
    for name in (key, f"timeline.{key}", f"timeline.0.{key}", f"fleet.{key}", f"conditions.{key}"):
        try:
            validate(Document("x.yaml", data, None), {name: value})
        except InputError as error:
            assert_one_line(error)
    assert data["fleet"] is None


# --- the JSON Schema

SCHEMA = Draft202012Validator(Scenario.model_json_schema())


@pytest.mark.parametrize("name", sorted(list_shipped("scenario")))
def test_every_shipped_scenario_fits_the_json_schema(name: str) -> None:
    (document,) = load_documents(list_shipped("scenario")[name])
    SCHEMA.validate(document.data)


def test_the_json_schema_is_one() -> None:
    Draft202012Validator.check_schema(Scenario.model_json_schema())


@pytest.mark.parametrize(
    ("part", "fits"),
    [
        ({"timeline": [{"at": "5m", "inject": "auth.key-drift", "kid": "k", "for": "20m"}]}, True),
        ({"timeline": [{"at": 300, "inject": "cursor.retention-cut", "horizon": 5.5}]}, True),
        ({"timeline": [{"at": "5m", "set": {"clients.online": False, "network.latency": "1s"}}]}, True),
        ({"timeline": [{"at": "5m", "inject": "x", "envelope": {"pulse": {"every": "1m", "on": "250ms"}}}]}, True),
        ({"fleet": {"publish_rate": "30/m"}}, True),
        ({"expect": ["no_other_alerts", {"fires": {"alert": "X", "within": "1h30m"}}]}, True),
        ({"timeline": [{"at": "soon", "inject": "x"}]}, False),
        ({"timeline": [{"inject": "x"}]}, False),
        ({"timeline": [{"at": "5m", "inject": "x", "kid": ["a"]}]}, False),
        ({"timeline": [{"at": "5m", "inject": "x", "level": 2}]}, False),
        ({"expect": ["no_other_alert"]}, False),
        ({"expect": [{"fires": {}}]}, False),
        ({"fleet": {"client": 5}}, False),
        ({"duration": -5}, False),
    ],
)
def test_the_json_schema_takes_what_files_may_say_and_refuses_the_rest(part: dict[str, object], fits: bool) -> None:  # noqa: FBT001
    assert SCHEMA.is_valid({"scenario": "x", "duration": "10m", **part}) is fits


def test_every_key_of_a_scenario_is_described_in_the_json_schema() -> None:
    for name, definition in Scenario.model_json_schema()["$defs"].items():
        assert definition.get("description"), name


def test_dates_and_other_values_that_yaml_makes_are_refused_where_a_knob_is_set() -> None:
    data = {"scenario": "x", "duration": "10m", "conditions": {"network.latency": dt.date(2026, 1, 1)}}
    with pytest.raises(InputError, match="'2026-01-01' does not fit"):
        validate(Document(Path("x.yaml"), data, None), {})
