"""The webhook: what it takes, what it refuses, and that nothing is left of it."""

from __future__ import annotations

import json
import socket
import threading
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from simulator.alerting import webhook as module
from simulator.alerting.webhook import Notification, NotifiedAlert, Webhook
from simulator.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def message(**changes: Any) -> dict[str, Any]:
    """Return a notification as Alertmanager sends it."""
    alert = {
        "status": "resolved",
        "labels": {"severity": "page", "alertname": "A"},
        "annotations": {"summary": "s"},
        "startsAt": "2026-01-01T00:00:01.123456789Z",
        "endsAt": "2026-01-01T01:00:02.5+01:00",
        "generatorURL": "http://x",
        "fingerprint": "f1",
    }
    other = {**alert, "status": "firing", "endsAt": "0001-01-01T00:00:00Z"}
    whole = {
        "version": "4",
        "receiver": "team",
        "status": "firing",
        "alerts": [alert, other],
        "groupLabels": {"alertname": "A"},
        "truncatedAlerts": 0,
    }
    return {**whole, **changes}


@pytest.fixture(scope="module")
def webhook() -> Iterator[Webhook]:
    """Return a running webhook."""
    with Webhook() as running:
        yield running


def post(url: str, **body: Any) -> int:
    """Post something and return the status."""
    return httpx.post(url, trust_env=False, **body).status_code


def test_keeps_who_was_told_what_and_when() -> None:
    with Webhook() as webhook:
        assert post(f"{webhook.url}?receiver=team", json=message()) == 200
        (notification,) = webhook.notifications

    labels = (("alertname", "A"), ("severity", "page"))
    assert notification == Notification(
        at_wall=notification.at_wall,
        receiver="team",
        status="firing",
        alerts=(
            NotifiedAlert(labels, "resolved", 1767225601.123456, 1767225602.5, "f1"),
            NotifiedAlert(labels, "firing", 1767225601.123456, None, "f1"),
        ),
        group_labels=(("alertname", "A"),),
    )
    assert webhook.complaints == ()


def test_hands_each_notification_on_as_it_arrives() -> None:
    seen: list[str] = []

    with Webhook(lambda notification: seen.append(notification.receiver)) as webhook:
        for name in ("one", "two"):
            post(webhook.url, json=message(receiver=name))

    assert seen == ["one", "two"]


def test_a_reader_that_fails_is_a_complaint_and_not_a_lost_notification() -> None:
    def fail(_notification: Notification) -> None:
        raise RuntimeError("disk full")

    with Webhook(fail) as webhook:
        assert post(webhook.url, json=message()) == 200

        assert len(webhook.notifications) == 1
        assert webhook.complaints == ("a notification could not be recorded: RuntimeError('disk full')",)


def test_nobody_is_heard_who_does_not_know_the_secret_path(webhook: Webhook) -> None:
    before = webhook.notifications
    base = webhook.url.rpartition("/")[0]

    assert [post(f"{base}{path}", json=message()) for path in ("/", "/x", "//", "/%00")] == [404] * 4
    assert webhook.notifications == before


def test_every_run_has_a_secret_of_its_own() -> None:
    with Webhook() as one, Webhook() as other:
        assert one.url.rpartition("/")[2] != other.url.rpartition("/")[2]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff",
        b"[" * 100_000,
        json.dumps(message(status="odd")).encode(),
        json.dumps(message(receiver=7)).encode(),
        json.dumps(message(alerts=None)).encode(),
        json.dumps(message(alerts=[{}])).encode(),
        json.dumps(message(groupLabels=[1])).encode(),
        json.dumps(message(truncatedAlerts=3)).encode(),
        json.dumps(message(alerts=[{**message()["alerts"][0], "startsAt": "soon"}])).encode(),
        json.dumps(message(alerts=[{**message()["alerts"][0], "startsAt": "0001-01-01T00:00:00Z"}])).encode(),
    ],
)
def test_what_cannot_be_read_is_refused_and_never_silent(body: bytes) -> None:
    with Webhook() as webhook:
        assert post(webhook.url, content=body) == 400

        assert webhook.notifications == ()
        assert len(webhook.complaints) == 1


def test_a_body_without_a_usable_length_is_not_read() -> None:
    with Webhook() as webhook:
        for length in (None, "-1", "x", "\u0663", "9" * 30, str(1 << 40)):
            line = "" if length is None else f"Content-Length: {length}\r\n"
            with socket.create_connection(address(webhook)) as connection:
                path = webhook.url.rpartition("/")[2]
                connection.sendall(f"POST /{path} HTTP/1.0\r\n{line}\r\n".encode())
                assert connection.recv(100).split()[1] in {b"411", b"413"}

        assert len(webhook.complaints) == 6


def address(webhook: Webhook) -> tuple[str, int]:
    """Return host and port of a webhook."""
    url = httpx.URL(webhook.url)
    assert url.port is not None
    return url.host, url.port


def test_ends_at_once_and_leaves_no_thread_while_others_hold_connections_open() -> None:
    threads = set(threading.enumerate())
    with Webhook() as webhook:
        held = [socket.create_connection(address(webhook)) for _ in range(5)]
        for connection in held:
            connection.sendall(b"POST /")
        post(webhook.url, json=message())
        assert set(threading.enumerate()) > threads

    assert set(threading.enumerate()) == threads
    for connection in held:
        connection.close()


def test_too_many_connections_are_turned_away(
    monkeypatch: pytest.MonkeyPatch, wait_for: Callable[[Callable[[], object]], None]
) -> None:
    monkeypatch.setattr(module, "_CONNECTIONS", 2)
    with Webhook() as webhook:
        held = [socket.create_connection(address(webhook)) for _ in range(2)]
        for connection in held:
            connection.sendall(b"POST /")
        with socket.create_connection(address(webhook)) as third:
            assert third.recv(1) == b""
        for connection in held:
            connection.close()

        def is_heard() -> bool:
            try:
                return post(webhook.url, json=message()) == 200
            except httpx.TransportError:
                return False

        wait_for(is_heard)


def test_has_no_url_before_it_runs() -> None:
    with pytest.raises(EngineError, match="not running"):
        _ = Webhook().url


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from([*message(), "labels", "startsAt", "x"]), inner, max_size=6)
        ),
        max_leaves=20,
    )
)
@example({"truncatedAlerts": float("inf")})
@settings(max_examples=300, deadline=None)
def test_nothing_that_is_sent_breaks_it(value: Any) -> None:
    webhook = Webhook()

    took = webhook.take(json.dumps(value).encode())

    assert len(webhook.notifications) == int(took)
    assert len(webhook.complaints) == int(not took)
