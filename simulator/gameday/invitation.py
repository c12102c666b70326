"""How somebody starts the clients of a game day that are to come over the bus."""

from __future__ import annotations

import shlex
import socket
from typing import TYPE_CHECKING

from simulator.control.members import spans_of
from simulator.durations import format_duration
from simulator.scenario.schema import TOPICS

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from simulator.scenario.schema import Scenario


def invite(scenario: Scenario, host: str, ports: tuple[int, int], members: Collection[int]) -> Iterator[str]:
    """Yield a command for each span of clients; `ports` are those of the sync server and of the token endpoint."""
    fleet = scenario.fleet
    reached_at = socket.gethostname() if host == "0.0.0.0" else host  # noqa: S104  # nobody binds to it here
    for first, last in spans_of(members):
        words = {
            "--url": f"ws://{reached_at}:{ports[0]}/socket/websocket",
            "--tokens": f"http://{reached_at}:{ports[1]}",
            "--clients": str(fleet.clients),
            "--seed": str(scenario.seed),
            "--members": f"{first}-{last}",
            "--session-lifetime": format_duration(fleet.session_lifetime),
            "--offline": format_duration(fleet.offline),
            "--ramp": format_duration(fleet.ramp),
        }
        topics = [] if fleet.topics == TOPICS else [word for topic in fleet.topics for word in ("--topic", topic)]
        profiles = [f"{name}={share}" for name, share in fleet.profiles.items()]
        pairs = (word for pair in words.items() for word in pair)
        yield shlex.join(["syncstorm", "fleet", *pairs, *topics, "--profile", *profiles])
