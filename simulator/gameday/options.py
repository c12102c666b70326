"""What a user chose for a game day."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from simulator.control.guard import new_token
from simulator.control.lease import LEASE_SECONDS
from simulator.durations import format_duration

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Options:
    """Port 0 takes any that is free.

    Without `until_stopped` an interrupt is an interrupt; with it, as where no scenario was given, it ends the game day
    in order. `own_clients` are those of the scenario's clients that run here, the first so many; None for all of them.
    The others come over the bus. When all is over, the control API stays for `linger_seconds`, so that a console can
    say so.
    """

    out: Path
    duration_seconds: float
    until_stopped: bool = False
    alertmanager_file: Path | None = None
    prometheus_url: str | None = None
    host: str = "127.0.0.1"
    port: int = 0
    token_port: int = 0
    control_port: int = 0
    token: str = field(default_factory=new_token, repr=False)
    access_secret: str | None = field(default=None, repr=False)
    participant_token: str = field(default_factory=new_token, repr=False)
    linger_seconds: float = 0.0
    state_folder: Path | None = None
    lease_seconds: float = LEASE_SECONDS
    bus_url: str | None = None
    bus_token: str | None = field(default=None, repr=False)
    own_clients: int | None = None

    def words(self) -> tuple[str, ...]:
        """Return the options of the command line that say what is judged, by whom and for how long; no secrets."""
        given = {
            "--alertmanager": self.alertmanager_file,
            "--prometheus": self.prometheus_url,
            "--duration": None if self.until_stopped else format_duration(self.duration_seconds),
            "--own-clients": self.own_clients,
        }
        return tuple(word for flag, value in given.items() if value is not None for word in (flag, str(value)))

    @property
    def near_host(self) -> str:
        """Where the processes beside each other find what listens on `host`."""
        return "127.0.0.1" if self.host == "0.0.0.0" else self.host  # noqa: S104  # all addresses have that one
