"""A node's side: apply what is announced, and go back to the baseline when the lease ends."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from simulator.conditions import Conditions
from simulator.control.lease import LeasedConditions

if TYPE_CHECKING:
    from collections.abc import Callable

    from simulator.conditions import Settings
    from simulator.control.lease import NodeMessage, Offer, Struck


class Follower:
    """Keeps a node at the conditions in force, on the node's own event loop.

    `apply` is called when the conditions change, `strike` once for each impulse, after the conditions it came with, and
    `begin` before anything of a controller that was not obeyed before.
    """

    def __init__(
        self,
        baseline: Settings,
        apply: Callable[[Conditions], object],
        strike: Callable[[Struck], object],
        clock: Callable[[], float],
        begin: Callable[[], object] = lambda: None,
    ) -> None:
        self.leased = LeasedConditions(baseline)
        self._applied = Conditions(baseline)
        self._apply = apply
        self._strike = strike
        self._clock = clock
        self._begin = begin
        self._timer: asyncio.TimerHandle | None = None

    def take(self, message: NodeMessage, lease_seconds: float | None = None) -> Offer:
        """Obey a message, unless a newer one is known."""
        offer = self.leased.offer(self._clock(), message, lease_seconds)
        if offer.is_first:
            self._begin()
        self._follow()
        for struck in offer.impulses:
            self._strike(struck)
        return offer

    def close(self) -> None:
        """Stop following; the conditions stay as they are."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _follow(self) -> None:
        """Apply what holds now, and look again when the lease ends."""
        self.close()
        now = self._clock()
        conditions = self.leased.at(now)
        expires_at = self.leased.expires_at
        if expires_at is not None and now < expires_at:
            self._timer = asyncio.get_running_loop().call_later(expires_at - now, self._follow)
        if conditions != self._applied:
            self._applied = conditions
            self._apply(conditions)
