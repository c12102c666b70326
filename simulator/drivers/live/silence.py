"""When the server looks for silence."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from simulator.core.session import ROUNDING_SECONDS

if TYPE_CHECKING:
    from simulator.conditions.knobs import Liveness
    from simulator.core.session import ChannelSession

LATER_SECONDS = 1e-6
"""Who looks for silence does so this much later, so that what arrives at that very instant counts."""

DUE_SECONDS = 1e-7
"""A look that comes early by no more than this, as timers do, is not too early."""


def next_tick(session: ChannelSession, liveness: Liveness, now: float) -> float:
    """Return the next time after `now` at which a tick could find the channel silent; those before are passed over.

    Ticks are whole numbers of intervals after the join, as in virtual time.
    """
    earliest = max(now, session.last_seen_at + liveness.timeout + ROUNDING_SECONDS)
    number = max(1, math.floor((earliest - session.joined_at) / liveness.tick))
    while session.joined_at + number * liveness.tick <= earliest:
        number += 1
    return session.joined_at + number * liveness.tick
