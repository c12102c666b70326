"""What a process of a live system is told when it starts, as one line of JSON on its standard input."""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict

from simulator.conditions import Conditions, Population, Settings
from simulator.core.client import Habits
from simulator.scenario.timeline import assign_profiles

if TYPE_CHECKING:
    from simulator.core.profile import Profile

RoleName = Literal["server", "issuer", "fleet"]

Steerer = Literal["pipe", "bus", "nobody"]
"""Where a process hears of conditions: from the process that started it, from the bus, or nowhere."""


class NodeSpec(BaseModel):
    """One process: its role, and the run that it is a part of.

    `started_at` is the reading of the system's monotonic clock, which all processes share, when its time was 0, and
    `epoch` the Unix time then. The run's secret comes this way so that no argument or environment shows it; a fleet
    has none, but the access to the token endpoint. `profiles` are the shares of client profiles; `members` the first
    client that a fleet runs, and the first after the last; one that does not `tell` has no /metrics.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    role: RoleName
    name: str = ""
    steered_by: Steerer = "pipe"
    run_secret: str = ""
    access: str = ""
    seed: int
    clients: int
    epoch: int
    started_at: float
    conditions: dict[str, Any] = Conditions(Settings()).to_dict()
    topics: tuple[str, ...]
    contract_names: dict[str, Any] | None = None
    initialise_series: bool = True
    host: str = "127.0.0.1"
    port: int = 0
    publish_rate: float = 0.0
    url: str = ""
    token_url: str = ""
    profiles: dict[str, float] = {}
    members: tuple[int, int] = (0, 0)
    tells: bool = True
    session_lifetime_seconds: float = 600.0
    offline_seconds: float = 60.0
    ramp_seconds: float = 10.0
    bus_url: str = ""
    bus_token: str = ""

    @property
    def population(self) -> Population:
        """The clients that shares are drawn from."""
        return Population(self.clients, self.seed)

    @property
    def habits(self) -> Habits:
        """How people use the clients."""
        return Habits(self.session_lifetime_seconds, self.offline_seconds, self.topics)

    @property
    def fleet_profiles(self) -> tuple[Profile, ...]:
        """The profile of each client."""
        return assign_profiles(self.profiles, self.clients)


def time_now() -> dict[str, Any]:
    """Return `epoch` and `started_at` of a process whose time begins now."""
    epoch = int(time.time())
    return {"epoch": epoch, "started_at": time.monotonic() - (time.time() - epoch)}


def new_name(role: str) -> str:
    """Return a name for a node on the bus, which no other has."""
    return f"{role}-{secrets.token_hex(4)}"
