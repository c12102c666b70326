"""What a process of a live system is: it holds conditions, lets things happen, and says how it stands."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from collections.abc import Set as AbstractSet

    from simulator.conditions import Conditions
    from simulator.control.lease import Struck
    from simulator.core.metrics import Metrics
    from simulator.gameday.spec import NodeSpec


class Role(ABC):
    """What `node.py` runs. `port` is where it listens, if it does; `now` says the seconds since its time began."""

    def __init__(self, spec: NodeSpec, clock: Callable[[], float]) -> None:
        self.now = clock
        self.port = 0
        self._spec = spec
        self._told: dict[tuple[str, str], set[int]] = {}

    @abstractmethod
    async def start(self) -> None:
        """Be ready."""

    @abstractmethod
    async def run(self) -> None:
        """Run until cancelled."""

    @abstractmethod
    async def stop(self) -> None:
        """End in order."""

    @abstractmethod
    def apply(self, conditions: Conditions) -> None:
        """Let other conditions hold."""

    @abstractmethod
    def strike(self, struck: Struck) -> None:
        """Let something happen once."""

    def begin(self) -> None:  # noqa: B027  # only clients wait for that
        """Go on: the controller has spoken for the first time, or nobody waits for one."""

    # --- what it says

    @abstractmethod
    def figures(self) -> dict[str, float]:
        """Return `connected`, `sockets` and `lag_p99_s`."""

    def touched(self) -> Mapping[str, AbstractSet[int]]:
        """Return, per injection, the clients that met it here."""
        return {}

    def harmed(self) -> AbstractSet[int]:
        """Return the clients that were refused or timed out here."""
        return frozenset()

    def looping(self) -> AbstractSet[int] | None:
        """Return the clients that were told `stale_cursor` again at once; None from whoever cannot know of any."""
        return None

    def losses(self) -> Mapping[str, AbstractSet[int]] | None:
        """Return the clients of each kind of silent loss; None from whoever cannot know of any."""
        return None

    def details(self) -> dict[str, Any]:
        """Return more, for people."""
        return {}

    def forget(self) -> None:
        """Begin anew with what was touched and harmed: another controller may call its injections the same."""
        self._told.clear()

    def state(self) -> dict[str, Any]:
        """Return all of it, but of the clients only those that it has not returned before."""
        losses, looping = self.losses(), self.looping()
        return {
            **self.figures(),
            **self.details(),
            "touched": self._news("touched", self.touched()),
            "harmed": self._news("harmed", {"": self.harmed()}).get("", []),
            **({} if losses is None else {"losses": self._news("losses", losses)}),
            **({} if looping is None else {"looping": self._news("looping", {"": looping}).get("", [])}),
        }

    def _news(self, what: str, clients: Mapping[str, AbstractSet[int]]) -> dict[str, list[int]]:
        """Return the clients under each name that were not returned yet; `what` says of what."""
        news = {}
        for name, members in clients.items():
            told = self._told.setdefault((what, name), set())
            if found := members - told:
                told |= found
                news[name] = sorted(found)
        return news


_SHOWN = frozenset({"socket_auth", "socket_timeout", "socket_reconnect", "token_mint"})


def count_outcomes(metrics: Metrics) -> dict[str, int]:
    """Return sums for people: outcomes by instrument and first label that tells good from bad."""
    sums: dict[str, int] = {}
    for key, value in metrics.values.items():
        if key[0] in ("socket_auth", "socket_timeout", "socket_reconnect", "token_mint") or key[1:] == (
            "stale_cursor",
            "count",
        ):
            name = f"{key[0]}.{key[1]}"
            sums[name] = sums.get(name, 0) + value
    return sums
