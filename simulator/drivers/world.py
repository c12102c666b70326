"""What the parts of a virtual run share: its time, its server, what lies between, and who keeps count."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.core.log import EventLog
from simulator.core.metrics import Metrics
from simulator.core.server import SyncServer
from simulator.core.tokens import Issuer, Verifier
from simulator.drivers.agenda import Agenda
from simulator.drivers.link import Carrier
from simulator.drivers.listener import Listener
from simulator.drivers.quiet import Quiet
from simulator.drivers.reach import Reach

if TYPE_CHECKING:
    from simulator.conditions import Settings
    from simulator.core.plan import Plan

EPOCH = 0
"""The Unix time of a virtual run's start: second t of the run is timestamp t in everything it writes."""


class World:
    """All of a run but its clients, its course and its scrapes.

    Attributes:
        settings: The conditions as they are now for whatever is nobody's own; the run changes them.
        listener: The server's end of every link.
        carrier: What takes messages from one end to the other; the run says who is at the ends.
    """

    def __init__(self, plan: Plan, *, eager: bool) -> None:
        secret = f"syncstorm/{plan.seed}".encode()
        self.settings: Settings = plan.steps[0].conditions.settings()
        self.metrics = Metrics(initialise=plan.initialise_series)
        self.agenda = Agenda()
        self.issuer = Issuer(secret, EPOCH)
        self.server = SyncServer(EventLog(plan.fleet.habits.topics), Verifier(secret, EPOCH), self.metrics)
        self.reach = Reach(len(plan.fleet.profiles))
        self.quiet = Quiet(self.server, eager=eager)
        self.carrier = Carrier(self.agenda)
        self.listener = Listener(self.server, self.agenda, self.carrier, self.reach, self.quiet)
