"""The MQTT bus: what machines tell each other, and under which topics.

Under a prefix: `conditions` (retained, with their lease), `commands`, `acks/<who>`, `nodes/<node>` (retained, with a
last will), `reports/<node>`, `reached/<node>/<number>` (retained), `journal`, all sealed with the run's bus token; and
`events/<topic>`, which anybody may publish.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from simulator.conditions import Population
from simulator.control.broker import check_name, check_prefix
from simulator.control.keys import Keys

if TYPE_CHECKING:
    from simulator.control.broker import Broker
    from simulator.control.seal import Opened, Seal

CONTROLLER = "controller"
MESSAGE_SECONDS = 30.0
"""How long a command, an acknowledgement, a report or an entry of the journal is worth something."""

FIGURES = ("connected", "sockets", "lag_p99_s")
"""What a node reports of itself in numbers: clients that have a socket, sockets that it holds, its event loop's lag."""


@dataclass(frozen=True, slots=True)
class Bus:
    """A bus: the broker, the first part of all topics, and the seal of the run's bus token."""

    broker: Broker
    seal: Seal
    prefix: str = "syncstorm"

    def __post_init__(self) -> None:
        check_prefix(self.prefix)

    def topic(self, *parts: str) -> str:
        """Return the topic with these parts."""
        return "/".join((self.prefix, *parts))

    def parts(self, topic: str) -> tuple[str, ...]:
        """Return the parts of a topic."""
        return tuple(topic.removeprefix(f"{self.prefix}/").split("/"))

    def close(self, topic: str, data: Any, lasts_seconds: float | None = MESSAGE_SECONDS) -> bytes:
        """Return a sealed message for a topic."""
        return self.seal.close(topic, data, lasts_seconds)

    def open(self, topic: str, payload: bytes, most_seconds: float | None = MESSAGE_SECONDS) -> Opened:
        """Return what a sealed message says; None lets it last for ever.

        Raises:
            InputError: it is not sealed with this run's token, or it came too late.
        """
        return self.seal.open(topic, payload, most_seconds)


@dataclass(frozen=True, slots=True)
class Card:
    """What a node says of itself: its name, what it is, the population it knows, and which of the clients it runs.

    Only a fleet runs clients.
    """

    name: str
    role: str
    population: Population
    members: range = range(0)

    def __post_init__(self) -> None:
        check_name(self.name)


def population_data(population: Population) -> dict[str, int]:
    """Return a population as plain data."""
    return {"clients": population.size, "seed": population.seed}


def read_population(raw: Any) -> Population:
    """Return the population in plain data.

    Raises:
        InputError: it is none.
    """
    data = Keys(raw, "population", ("clients", "seed"))
    return Population(data.integer("clients"), data.integer("seed"))
