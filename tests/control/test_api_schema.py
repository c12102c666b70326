"""Generated requests against the API's own OpenAPI document: none is answered by a failure of ours."""

from __future__ import annotations

import copy
import time
from typing import TYPE_CHECKING, Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings

from faults import load_faults
from simulator.conditions import KNOBS, Conditions, Settings
from simulator.control.api import make_app
from simulator.control.api_thread import ApiThread
from simulator.control.controller import Controller
from simulator.control.day_routes import Stage
from simulator.control.desk import Desk
from simulator.control.guard import new_token
from simulator.control.people import People
from tests.control.observing import Standstill

if TYPE_CHECKING:
    from collections.abc import Iterator

    Case = schemathesis.Case[Any]

TOKEN = new_token()
FAULTS = load_faults()
DESK = Desk(Controller(Settings()), time.monotonic)
PEOPLE = People(DESK)
APP = make_app(DESK, FAULTS, TOKEN, Stage(PEOPLE, Standstill(), new_token()))
CHECKS = [
    schemathesis.checks.not_a_server_error,
    schemathesis.checks.status_code_conformance,
    schemathesis.checks.content_type_conformance,
    schemathesis.checks.response_schema_conformance,
]
BOUNDED = settings(max_examples=30, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


def _knowing_names(*, knobs: bool) -> dict[str, Any]:
    """Return the document narrowed to faults, or knobs, that there are, so that most of what is asked begins."""
    document = copy.deepcopy(APP.openapi())
    request = document["components"]["schemas"]["InjectionRequest"]
    keys = request["properties"]
    values = {name: {"const": knob.setting.default} for name, knob in KNOBS.items()}
    keys["fault"] = {"enum": list(FAULTS)}
    keys["set"] = {"type": "object", "properties": values, "additionalProperties": False, "minProperties": 1}
    keys["for"] = {"enum": ["1s", "5m", 7.5]}
    for name in ("fault" if knobs else "set", "parameters", "envelope"):
        del keys[name]
    request["required"] = ["set" if knobs else "fault", "for"]
    request["additionalProperties"] = False
    return document


SCHEMA = schemathesis.openapi.from_dict(APP.openapi())
FAULTS_ONLY, KNOBS_ONLY = (
    schemathesis.openapi.from_dict(_knowing_names(knobs=knobs)).include(path="/injections", method="POST")
    for knobs in (False, True)
)


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """Serve the API for all generated requests."""
    with ApiThread(APP) as thread:
        yield thread.url


@SCHEMA.parametrize()
@BOUNDED
def test_whatever_is_asked_the_answer_is_one_that_the_document_describes(case: Case, url: str) -> None:
    _ask(case, url)


@FAULTS_ONLY.parametrize()
@BOUNDED
def test_whatever_is_injected_can_be_cleared(case: Case, url: str) -> None:
    _ask(case, url)


@KNOBS_ONLY.parametrize()
@BOUNDED
def test_whatever_knobs_are_set_they_can_be_cleared(case: Case, url: str) -> None:
    _ask(case, url)


def _ask(case: Case, url: str) -> None:
    try:
        case.call_and_validate(base_url=url, headers={"Authorization": f"Bearer {TOKEN}"}, checks=CHECKS)
    finally:
        DESK.clear()
        DESK.release()
        for prepared in PEOPLE.prepared():
            PEOPLE.drop(prepared.id)
    assert DESK.conditions() == Conditions(Settings())
