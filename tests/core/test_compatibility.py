"""The compatibility gate: its five reasons in their order, and what a refused client may do."""

from __future__ import annotations

from dataclasses import replace

import pytest

from simulator.conditions import Settings
from simulator.core.compatibility import UNNAMED, ClientVersion, refuse_version, version_of
from simulator.core.log import EventLog
from simulator.core.messages import Join, Problem, Reply
from simulator.core.metrics import Metrics
from simulator.core.refusals import INCOMPATIBLE, SupportWindow
from simulator.core.server import SyncServer
from simulator.core.session import State
from simulator.core.tokens import Issuer, Verifier

GOOD = ClientVersion("20260221T120000Z", "khala.ws.v1", 3)


def gate(**knobs: object) -> Settings:
    """Return settings with an enforced gate from 2 to 4, from 20260221 to 20260228."""
    values = {
        "enforced": True,
        "min_build": "20260221T000000Z",
        "max_build": "20260228T000000Z",
        "min_schema": 2,
        "max_schema": 4,
        **knobs,
    }
    settings = Settings()
    for name, value in values.items():
        settings = settings.with_value(f"compatibility.{name}", value)
    return settings


def code_of(version: ClientVersion, settings: Settings) -> str | None:
    problem = refuse_version(version, settings)
    return None if problem is None else problem.code


@pytest.mark.parametrize(
    ("version", "code"),
    [
        (GOOD, None),
        (replace(GOOD, build=""), "invalid_client_build"),
        (replace(GOOD, protocol="khala.ws.v2"), "unsupported_protocol_version"),
        (replace(GOOD, protocol=""), "unsupported_protocol_version"),
        (replace(GOOD, schema=1), "unsupported_schema_version"),
        (replace(GOOD, schema=2), None),
        (replace(GOOD, schema=4), None),
        (replace(GOOD, schema=5), "unsupported_schema_version"),
        (replace(GOOD, build="20260220T235959Z"), "upgrade_required"),
        (replace(GOOD, build="20260221T000000Z"), None),
        (replace(GOOD, build="20260228T000000Z"), None),
        (replace(GOOD, build="20260228T000001Z"), "unsupported_client_build"),
    ],
)
def test_a_version_outside_of_the_window_is_refused_for_what_is_wrong_with_it(
    version: ClientVersion, code: str | None
) -> None:
    assert code_of(version, gate()) == code


def test_the_reasons_are_checked_in_the_order_of_the_original() -> None:
    """A client that is wrong in every way is told the first reason; each that is mended brings out the next."""
    found = []
    version, settings = UNNAMED, gate(min_build="b", max_build="a")
    for mended in ({"build": "0"}, {"protocol": "khala.ws.v1"}, {"schema": 3}, {"build": "c"}, {}):
        found.append(code_of(version, settings))
        version = replace(version, **mended)
    assert tuple(found) == INCOMPATIBLE


def test_without_a_newest_build_any_newer_one_may_join() -> None:
    assert code_of(replace(GOOD, build="9"), gate(max_build="")) is None


def test_a_gate_that_is_not_enforced_lets_everybody_in() -> None:
    assert code_of(UNNAMED, Settings()) is None
    assert code_of(UNNAMED, gate(enforced=False)) is None


def test_clients_in_good_health_are_inside_of_the_window_that_comes_by_default() -> None:
    assert code_of(version_of(Settings()), Settings().with_value("compatibility.enforced", value=True)) is None


def test_a_refused_client_gets_a_socket_counts_as_failed_and_is_told_the_window_when_it_joins() -> None:
    server = SyncServer(EventLog(("a",)), Verifier(b"secret", 0), Metrics())
    token = Issuer(b"secret", 0).mint(0, "7", ("a",), Settings())
    settings = gate(max_build="")
    session = server.handshake(0, token.text, settings, replace(GOOD, build="2025"))
    assert server.metrics.values["socket_auth", "error", "upgrade_required"] == 1
    assert server.metrics.values["socket_auth", "ok", "authorized"] == 0
    (reply,) = session.receive(0, Join(ref=1), settings)
    assert isinstance(reply, Reply)
    assert isinstance(reply.response, Problem)
    assert reply.response.detail == SupportWindow("khala.ws.v1", "20260221T000000Z", "", 2, 4)
    assert session.state is State.NEW


def test_a_revoked_session_is_told_so_before_anybody_looks_at_its_build() -> None:
    server = SyncServer(EventLog(("a",)), Verifier(b"secret", 0), Metrics())
    settings = gate().with_value("sessions.revocation", "full")
    server.revoke(0, "user:7", "user_requested", settings)
    token = Issuer(b"secret", 0).mint(0, "7", ("a",), Settings())
    session = server.handshake(0, token.text, settings, UNNAMED)
    assert session.refusal is not None
    assert session.refusal.code == "reauth_required"
