"""What an Alertmanager of ours notifies: an HTTP receiver on loopback, in threads of its own."""

from __future__ import annotations

import hmac
import json
import secrets
import socket
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Literal, Self
from urllib.parse import urlsplit

from simulator.alerting.exposition import Labels  # noqa: TC001  # part of a dataclass' public type
from simulator.alerting.watching import sort_labels, unix_time
from simulator.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

Status = Literal["firing", "resolved"]

_BODY_BYTES = 16 << 20
_READ_SECONDS = 10.0
_CONNECTIONS = 64
_POLL_SECONDS = 0.05
_COMPLAINTS = 20


@dataclass(frozen=True, slots=True)
class NotifiedAlert:
    """One alert of a notification; times are Unix times, and only what is resolved has an end."""

    labels: Labels
    status: Status
    starts_at: float
    ends_at: float | None
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Notification:
    """What a receiver was told, and when (Unix time)."""

    at_wall: float
    receiver: str
    status: Status
    alerts: tuple[NotifiedAlert, ...]
    group_labels: Labels


class Webhook:
    """Listens for notifications while the block lasts; a context manager.

    `on_notification` is called for each as it arrives, in a thread of the server, one at a time.
    """

    def __init__(self, on_notification: Callable[[Notification], None] | None = None) -> None:
        self._on_notification = on_notification
        self._lock = threading.Lock()
        self._notifications: list[Notification] = []
        self._complaints: list[str] = []
        self._path = f"/{secrets.token_urlsafe(24)}"
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """Return where notifications are taken; it has the secret that keeps others out."""
        if self._server is None:
            raise EngineError("the webhook is not running")
        return f"http://127.0.0.1:{self._server.server_address[1]}{self._path}"

    @property
    def notifications(self) -> tuple[Notification, ...]:
        """Return what has arrived so far, in order."""
        with self._lock:
            return tuple(self._notifications)

    @property
    def complaints(self) -> tuple[str, ...]:
        """Return what was sent to the right place and yet not taken, one sentence each."""
        with self._lock:
            return tuple(self._complaints)

    def __enter__(self) -> Self:
        self._server = _Server(self)
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": _POLL_SECONDS}, name="syncstorm-webhook"
        )
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        server, thread = self._server, self._thread
        self._server = self._thread = None
        if server is not None and thread is not None:
            server.shutdown()
            thread.join()
            server.hang_up()
            server.server_close()

    def is_ours(self, target: str) -> bool:
        """Whether a request's target names the secret place."""
        return hmac.compare_digest(urlsplit(target).path.encode(), self._path.encode())

    def take(self, body: bytes) -> bool:
        """Take a notification as Alertmanager writes it; false where it is none."""
        try:
            notification = _read(body, time.time())
        except (ValueError, LookupError, TypeError, AttributeError, OverflowError, RecursionError) as error:
            self.complain(f"a notification could not be read: {type(error).__name__}")
            return False
        with self._lock:
            self._notifications.append(notification)
            if self._on_notification is None:
                return True
            try:
                self._on_notification(notification)
            except Exception as error:  # noqa: BLE001  # whatever it is, Alertmanager must get its answer
                self._complaints.append(f"a notification could not be recorded: {error!r}")
        return True

    def complain(self, problem: str) -> None:
        """Note that something was not taken."""
        with self._lock:
            if len(self._complaints) < _COMPLAINTS:
                self._complaints.append(problem)


class _Server(ThreadingHTTPServer):
    daemon_threads = False  # the end waits for them
    block_on_close = True
    request_queue_size = _CONNECTIONS

    def __init__(self, webhook: Webhook) -> None:
        self.webhook = webhook
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        super().__init__(("127.0.0.1", 0), _Handler)

    def verify_request(self, request: Any, client_address: Any) -> bool:
        del request, client_address
        with self._lock:
            return len(self._open) < _CONNECTIONS

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._lock:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._lock:
            self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        # A peer that leaves early is no news, and standard error is not ours.
        del request, client_address

    def hang_up(self) -> None:
        """Cut every connection that is still open."""
        with self._lock:
            for request in self._open:
                with suppress(OSError):
                    request.shutdown(socket.SHUT_RDWR)


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = _READ_SECONDS

    def do_POST(self) -> None:  # the name is the standard library's
        webhook = self.server.webhook
        if not webhook.is_ours(self.path):
            self._answer(HTTPStatus.NOT_FOUND)
            return
        length = self.headers.get("Content-Length", "")
        if not (length.isascii() and length.isdecimal()):
            webhook.complain("a notification came without its length")
            self._answer(HTTPStatus.LENGTH_REQUIRED)
        elif len(length) > len(str(_BODY_BYTES)) or int(length) > _BODY_BYTES:
            webhook.complain(f"a notification was larger than {_BODY_BYTES >> 20} MiB")
            self._answer(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        else:
            body = self.rfile.read(int(length))
            self._answer(HTTPStatus.OK if webhook.take(body) else HTTPStatus.BAD_REQUEST)

    def version_string(self) -> str:
        return "syncstorm"

    def log_message(self, *_parts: Any) -> None:
        # The path is a secret, and standard error is not ours.
        return

    def _answer(self, status: HTTPStatus) -> None:
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()


def _read(body: bytes, now: float) -> Notification:
    data = json.loads(body)
    if int(data.get("truncatedAlerts") or 0):
        raise ValueError("some of its alerts are left out")
    return Notification(
        at_wall=now,
        receiver=_text(data["receiver"]),
        status=_status(data["status"]),
        alerts=tuple(_alert(alert) for alert in data["alerts"]),
        group_labels=sort_labels(data["groupLabels"]),
    )


def _alert(alert: dict[str, Any]) -> NotifiedAlert:
    starts_at, status = unix_time(_text(alert["startsAt"])), _status(alert["status"])
    if starts_at is None:
        raise ValueError("an alert has no start")
    ends_at = unix_time(_text(alert["endsAt"])) if status == "resolved" else None
    return NotifiedAlert(sort_labels(alert["labels"]), status, starts_at, ends_at, _text(alert["fingerprint"]))


def _status(value: object) -> Status:
    if value == "firing":
        return "firing"
    if value == "resolved":
        return "resolved"
    raise ValueError("neither firing nor resolved")


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("not a text")
    return value
