"""`docs/verdict.md` tells all of `verdict.json`, and nothing else."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from simulator.errors import EngineError, InputError
from simulator.report.verdict import (
    SCHEMA_VERSION,
    AlertEntry,
    Certification,
    EpisodeEntry,
    ExpectationEntry,
    FailedScrapesEntry,
    InjectionEntry,
    NotificationEntry,
    Result,
    SilentLosses,
    Verdict,
)

if TYPE_CHECKING:
    from pydantic import BaseModel

TEXT = (Path(__file__).parent.parent / "docs" / "verdict.md").read_text(encoding="utf-8")
TABLES: dict[str, type[BaseModel]] = {
    "## The rehearsal": Verdict,
    "## `silent_losses`": SilentLosses,
    "## `injections`": InjectionEntry,
    "## `alerts`": AlertEntry,
    "Each of the `episodes`": EpisodeEntry,
    "## `notifications`": NotificationEntry,
    "## `failed_scrapes`": FailedScrapesEntry,
    "## `expectations`": ExpectationEntry,
    "## `certification`": Certification,
}


def first_cells(heading: str) -> list[str]:
    """Return the first cell of each row of the first table after a line."""
    table = re.search(r"(?:^\|.*\n)+", TEXT[TEXT.index(f"\n{heading}") :], re.MULTILINE)
    assert table is not None
    return [row.split("|")[1].strip().strip("`") for row in table[0].splitlines()[2:]]


@pytest.mark.parametrize("heading", list(TABLES))
def test_the_page_has_a_row_for_every_field_and_for_nothing_else(heading: str) -> None:
    assert first_cells(heading) == list(TABLES[heading].model_fields)


def test_every_model_of_the_schema_has_a_table() -> None:
    described = {model.__name__ for model in TABLES.values()} | {"Engine", "Result"}
    assert described == {"Verdict", *Verdict.model_json_schema()["$defs"]}
    assert "an object with its `name` and `version`" in TEXT


def test_the_page_has_every_result_with_its_exit_code() -> None:
    for result in Result:
        assert f"| `{result}` | {result.exit_code} |" in TEXT
    assert first_cells("## The four results") == ["INVALID", "FAIL", "INCONCLUSIVE", "PASS"]
    assert EngineError.exit_code == Result.INVALID.exit_code
    assert f"{InputError.exit_code} for wrong" in " ".join(TEXT.split())


def test_the_page_has_every_word_that_a_field_may_hold() -> None:
    for name, definition in {"": Verdict.model_json_schema(), **Verdict.model_json_schema()["$defs"]}.items():
        for field, schema in definition.get("properties", {}).items():
            for form in (schema, *schema.get("anyOf", ())):
                for word in form.get("enum", ()):
                    assert f"`{word}`" in TEXT, f"{name}.{field}"


def test_the_page_is_about_the_present_version_of_the_schema() -> None:
    assert f"`schema_version` is {SCHEMA_VERSION}." in TEXT
