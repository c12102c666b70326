"""What sessions share: the handshake, and the counters of connections and heartbeats."""

from __future__ import annotations

import pytest

from simulator.conditions import Settings
from simulator.core.log import EventLog
from simulator.core.metrics import Metrics
from simulator.core.server import SyncServer
from simulator.core.session import State
from simulator.core.tokens import Issuer, Verifier
from simulator.errors import UpgradeRefused

RUN = b"secret"
HEALTHY = Settings()


def make_server() -> SyncServer:
    return SyncServer(EventLog(("a", "b", "c")), Verifier(RUN, 0), Metrics())


def mint(*scopes: str) -> str:
    return Issuer(RUN, 0).mint(0.0, "1", scopes or ("a", "b"), HEALTHY).text


def test_a_good_token_opens_a_session_that_has_joined_nothing() -> None:
    server = make_server()
    session = server.handshake(1.0, mint(), HEALTHY)
    assert session.state is State.NEW
    assert server.metrics.values["socket_auth", "ok", "authorized"] == 1
    assert server.metrics.values["socket_connection", "connect", "ok"] == 0


def test_a_session_may_have_the_topics_that_its_token_names_and_the_log_has() -> None:
    session = make_server().handshake(1.0, mint("b", "elsewhere", "a"), HEALTHY)
    assert session.allowed_topics == ("a", "b")


def test_a_refused_token_is_counted_by_its_reason() -> None:
    server = make_server()
    with pytest.raises(UpgradeRefused) as refused:
        server.handshake(300.0, mint(), HEALTHY)
    assert refused.value.status == 403
    assert server.metrics.values["socket_auth", "error", "token_expired"] == 1
    assert server.metrics.values["socket_auth", "ok", "authorized"] == 0


def test_a_proxy_that_strips_the_token_leaves_none() -> None:
    server = make_server()
    with pytest.raises(UpgradeRefused):
        server.handshake(1.0, mint(), HEALTHY.with_value("handshake.strip_token", value=True))
    assert server.metrics.values["socket_auth", "error", "missing_token"] == 1


def test_the_status_of_a_refused_token_is_a_knob() -> None:
    with pytest.raises(UpgradeRefused) as refused:
        make_server().handshake(1.0, "no token", HEALTHY.with_value("handshake.refusal_status", 401))
    assert refused.value.status == 401


def test_a_foreign_origin_is_refused_before_anything_is_counted() -> None:
    server = make_server()
    before = server.metrics.snapshot()
    with pytest.raises(UpgradeRefused) as refused:
        server.handshake(1.0, mint(), HEALTHY.with_value("handshake.foreign_origin", value=True))
    assert refused.value.status == 403
    assert server.metrics.snapshot() == before


def test_of_the_upgrades_that_are_too_many_only_a_401_counts_as_a_refused_token() -> None:
    server, counts = make_server(), []
    for answer in ("503", "500", "429", "401"):
        crowded = HEALTHY.with_value("admission.rate", 0.001).with_value("admission.answer", answer)
        while (status := server.admit(0.0, answer, crowded)) is None:
            pass
        assert status == int(answer)
        counts.append(server.metrics.values["socket_auth", "error", "invalid_token"])
    assert counts == [0, 0, 0, 1]


def test_joined_channels_are_numbered_and_the_gauge_has_one_series_for_each_action() -> None:
    server = make_server()
    assert [server.count_connect(), server.count_connect()] == ["sub_1", "sub_2"]
    server.count_disconnect("error")
    values = server.metrics.values
    assert values["socket_connection", "connect", "ok"] == 2
    assert values["socket_connection", "disconnect", "error"] == 1
    assert values["socket_connection_active", "connect", "ok"] == 2
    assert values["socket_connection_active", "disconnect", "error"] == 1


def test_heartbeats_are_counted_both_ways() -> None:
    server = make_server()
    server.count_heartbeats(3)
    assert server.metrics.values["socket_heartbeat", "client"] == 3
    assert server.metrics.values["socket_heartbeat", "server"] == 3
