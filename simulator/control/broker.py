"""A broker: where it is, how to log in, and the names that may stand in its topics."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from simulator.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

USER_VARIABLE, PASSWORD_VARIABLE = "SYNCSTORM_BUS_USER", "SYNCSTORM_BUS_PASSWORD"

_PORTS = {"mqtt": 1883, "mqtts": 8883}
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_PREFIX = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,99}")


@dataclass(frozen=True, slots=True)
class Broker:
    """Where a broker is, and how to log in."""

    host: str
    port: int
    tls: bool = False
    user: str | None = None
    password: str | None = field(default=None, repr=False)

    def __str__(self) -> str:
        return f"{'mqtts' if self.tls else 'mqtt'}://{self.host}:{self.port}"


def parse_broker(url: str, environment: Mapping[str, str]) -> Broker:
    """Return the broker at a URL; user and password come from the URL, else from the environment.

    Raises:
        InputError: that is no URL of a broker; the message does not repeat it, for it may hold a password.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port, parts = None, None, urlsplit("")
    if parts.scheme not in _PORTS or not host or parts.path not in ("", "/") or parts.query or parts.fragment:
        raise InputError("that is no broker", hint="write it like mqtt://user:password@host:1883, or mqtts://host")
    user = unquote(parts.username) if parts.username else environment.get(USER_VARIABLE) or None
    password = unquote(parts.password) if parts.password else environment.get(PASSWORD_VARIABLE) or None
    return Broker(host, port or _PORTS[parts.scheme], parts.scheme == "mqtts", user, password)


def check_name(name: str) -> str:
    """Return the name of a node, which is part of topics.

    Raises:
        InputError: it has other characters than those that are safe in one.
    """
    if not _NAME.fullmatch(name):
        raise InputError("a node's name has at most 64 letters, digits, dots, dashes and underscores")
    return name


def check_prefix(prefix: str) -> str:
    """Return the first part of all topics.

    Raises:
        InputError: it has other characters than those that are safe in one.
    """
    if not _PREFIX.fullmatch(prefix) or prefix.endswith("/"):
        raise InputError("a topic prefix has letters, digits, dots, dashes, underscores and slashes between them")
    return prefix
