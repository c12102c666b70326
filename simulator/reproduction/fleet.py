"""How many clients a recording is of."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from simulator.errors import InputError

if TYPE_CHECKING:
    from simulator.core.metrics import Key
    from simulator.reproduction.recorded import Recorded
    from simulator.reproduction.stage import Stage

_TELLING: tuple[Key, ...] = (("socket_heartbeat", "client"), ("socket_auth", "ok", "authorized"))
"""Counters that grow with the number of clients in calm, the steadiest first."""


def estimate_clients(recorded: Recorded, stage: Stage) -> int:
    """Return how many clients bring about what the recording shows most of the time.

    Raises:
        InputError: none of the counters that tell it was recorded.
    """
    played = stage.play(())
    for key in _TELLING:
        seen, simulated = (float(np.median(each.of([key])[0])) for each in (recorded, played))
        if seen > 0 and simulated > 0:
            return max(1, round(stage.clients * seen / simulated))
    raise InputError("the recording does not tell how many clients there are", hint="say it with --set fleet.clients=N")
