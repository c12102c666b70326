"""What a process of a game day is told when it starts, as one line of JSON on its standard input."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict

from simulator.core.client import Habits
from simulator.core.profiles import PROFILES

if TYPE_CHECKING:
    from simulator.core.profile import Profile

Role = Literal["server", "issuer", "fleet"]


class NodeSpec(BaseModel):
    """One process: its role, and the run that it is a part of.

    `started_at` is the reading of the system's monotonic clock, which all processes share, when its time was 0, and
    `epoch` the Unix time then. The run's secret comes this way so that no argument or environment shows it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    role: Role
    run_secret: str
    seed: int
    clients: int
    epoch: int
    started_at: float
    conditions: dict[str, Any]
    topics: tuple[str, ...]
    contract_names: dict[str, Any]
    initialise_series: bool = True
    host: str = "127.0.0.1"
    port: int = 0
    publish_rate: float = 0.0
    url: str = ""
    token_url: str = ""
    profiles: tuple[str, ...] = ()
    session_lifetime_seconds: float = 600.0
    offline_seconds: float = 60.0
    ramp_seconds: float = 10.0
    bus_url: str = ""
    bus_token: str = ""

    @property
    def habits(self) -> Habits:
        """How people use the clients."""
        return Habits(self.session_lifetime_seconds, self.offline_seconds, self.topics)

    @property
    def fleet_profiles(self) -> tuple[Profile, ...]:
        """The profile of each client."""
        return tuple(PROFILES[name] for name in self.profiles)
