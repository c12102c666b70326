"""The compatibility gate: which builds of a client may join.

Builds are texts such as `20260221T073500Z` that sort by time. The reasons and their order are the original's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from simulator.core.messages import Problem
from simulator.core.refusals import SupportWindow

if TYPE_CHECKING:
    from simulator.conditions import Settings


@dataclass(frozen=True, slots=True)
class ClientVersion:
    """What a client says about itself; one that says nothing has no build, no protocol, and schema 0."""

    build: str = ""
    protocol: str = ""
    schema: int = 0


UNNAMED = ClientVersion()


def version_of(settings: Settings) -> ClientVersion:
    """Return what a client says about itself when it asks for a socket."""
    clients = settings.clients
    return ClientVersion(clients.build, clients.protocol, clients.schema)


def refuse_version(version: ClientVersion, settings: Settings) -> Problem | None:
    """Return why a client may not join; None if it may, or if the gate is open to all."""
    gate = settings.compatibility
    if not gate.enforced:
        return None
    reason = _reason(version, settings)
    if reason is None:
        return None
    code, message = reason
    window = SupportWindow(gate.protocol, gate.min_build, gate.max_build, gate.min_schema, gate.max_schema)
    return Problem(code, message, detail=window)


def _reason(version: ClientVersion, settings: Settings) -> tuple[str, str] | None:
    gate = settings.compatibility
    if not version.build:
        return "invalid_client_build", "the client names no build"
    if version.protocol != gate.protocol:
        return "unsupported_protocol_version", f"the protocol is {gate.protocol}"
    if not gate.min_schema <= version.schema <= gate.max_schema:
        return "unsupported_schema_version", f"schemas {gate.min_schema} to {gate.max_schema} are supported"
    if version.build < gate.min_build:
        return "upgrade_required", f"builds before {gate.min_build} are no longer supported"
    if gate.max_build and version.build > gate.max_build:
        return "unsupported_client_build", f"builds after {gate.max_build} are not supported yet"
    return None
