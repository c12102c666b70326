"""`docs/scenarios.md` tells every key of a scenario, and its examples run as written."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from faults import load_faults
from simulator.core.profiles import PROFILES
from simulator.documents import parse_documents
from simulator.durations import parse_duration
from simulator.scenario.loading import load_scenario, validate
from simulator.scenario.schema import ENTRY_KEYS, Fires, Fleet, Measures, Monitoring, Scenario, Silent
from simulator.scenario.shapes import SHAPES, Envelope
from simulator.scenario.timeline import list_injections, make_plan
from simulator.scenario.track import SAMPLE_SECONDS, SAMPLES_PER_WAVE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pydantic import BaseModel

TEXT = (Path(__file__).parent.parent / "docs" / "scenarios.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^```yaml\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
COMMANDS = re.findall(r"^syncstorm rehearse (.*--set.*)$", TEXT, re.MULTILINE)
FAULTS = load_faults()
TABLES: dict[str, Iterable[str]] = {
    "## Top level": Scenario.model_fields,
    "## `fleet`": Fleet.model_fields,
    "## `monitoring`": Monitoring.model_fields,
    "## `timeline`": ENTRY_KEYS,
    "### Envelopes": Envelope.model_fields,
}


def rows(heading: str) -> dict[str, str]:
    """Return the second cell of each row of the first table after a line, by the first."""
    table = re.search(r"(?:^\|.*\n)+", TEXT[TEXT.index(f"\n{heading}") :], re.MULTILINE)
    assert table is not None
    cells = [row.split("|") for row in table[0].splitlines()[2:]]
    return {row[1].strip().strip("`"): row[2].strip() for row in cells}


@pytest.mark.parametrize("heading", list(TABLES))
def test_the_page_has_a_row_for_every_key_and_for_nothing_else(heading: str) -> None:
    assert list(rows(heading)) == list(TABLES[heading])


def test_the_page_tells_the_keys_of_envelopes_and_expectations() -> None:
    models: list[type[BaseModel]] = [*SHAPES.values(), Fires, Silent, Measures]
    for model in models:
        for name, field in model.model_fields.items():
            assert f"`{field.alias or name}`" in TEXT
    assert list(rows("## `expect`")) == [
        f"fires: {{{', '.join(Fires.model_fields)}}}",
        f"silent: {{{', '.join(Silent.model_fields)}}}",
        f"measures: {{{', '.join(Measures.model_fields)}}}",
        "no_other_alerts",
    ]


@pytest.mark.parametrize(
    ("heading", "model"), [("## Top level", Scenario), ("## `fleet`", Fleet), ("## `monitoring`", Monitoring)]
)
def test_the_page_has_the_defaults_of_the_code(heading: str, model: type[BaseModel]) -> None:
    for name, said in rows(heading).items():
        field = model.model_fields[name]
        if field.is_required():
            assert said == "needed", name
        elif isinstance(field.default, bool | str):
            assert said.strip("`") == (str(field.default).lower() or "empty"), name
        elif isinstance(field.default, int | float):
            assert parse_duration(said) == field.default, name


def test_the_page_names_every_profile_and_how_levels_are_sampled() -> None:
    assert all(f"`{name}`" in TEXT for name in PROFILES)
    assert (SAMPLE_SECONDS, SAMPLES_PER_WAVE) == (5, 20)
    assert "held for five seconds at a time, or for a twentieth of a short wave or of a half-life" in TEXT


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_example_loads_and_fits_the_json_schema(example: str) -> None:
    (document,) = parse_documents(example, "docs/scenarios.md")
    loaded = validate(document, {})
    assert make_plan(loaded, list_injections(loaded, FAULTS)).steps
    Draft202012Validator(Scenario.model_json_schema()).validate(document.data)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_override_of_the_page_fits_its_scenario(command: str) -> None:
    name, *words = shlex.split(command)
    overrides = dict(word.split("=", 1) for word in words if "=" in word)
    loaded = load_scenario(name, overrides)
    assert overrides
    assert make_plan(loaded, list_injections(loaded, FAULTS)).steps


def test_the_page_has_examples() -> None:
    assert len(EXAMPLES) == 6
    assert len(COMMANDS) == 3
