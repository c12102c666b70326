"""The sync server and its token endpoint alone, with the control API beside them, until somebody stops them."""

from __future__ import annotations

import hashlib
import secrets
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from simulator.conditions import Conditions
from simulator.control.announcer import announce
from simulator.control.api import make_app
from simulator.control.api_thread import ApiThread
from simulator.control.bus import BusController
from simulator.control.controller import Controller
from simulator.control.desk import Desk
from simulator.control.guard import new_token
from simulator.control.state import HaltFile
from simulator.errors import EngineError
from simulator.gameday.busing import open_bus
from simulator.gameday.processes import NodeProcess
from simulator.gameday.spec import NodeSpec
from simulator.scenario.schema import TOPICS

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from pathlib import Path
    from typing import Any

    from simulator.alerting.contract import Contract
    from simulator.conditions import Fault
    from simulator.control.announcer import Sink

LOOK_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Service:
    """What a user chose; `clients` and `seed` say whom a share means, port 0 takes any that is free."""

    contract: Contract
    clients: int = 500
    seed: int = 1
    publish_rate: float = 0.25
    host: str = "127.0.0.1"
    port: int = 4000
    token_port: int = 4001
    control_host: str = "127.0.0.1"
    control_port: int = 4002
    access_secret: str | None = field(default=None, repr=False)
    token: str = field(default_factory=new_token, repr=False)
    state_folder: Path | None = None
    bus_url: str | None = None
    bus_token: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where everything is, once it runs."""

    server: str
    tokens: str
    control: str


def run_secret_of(access_secret: str | None) -> bytes:
    """Return a run's secret: new, or what the secret that it shares with its fleets stands for."""
    if access_secret is None:
        return secrets.token_bytes(32)
    return hashlib.sha256(access_secret.encode()).digest()


def serve(
    service: Service, run_secret: bytes, faults: Mapping[str, type[Fault]], on_ready: Callable[[Addresses], None]
) -> None:
    """Serve until interrupted.

    Raises:
        EngineError: a part did not start, or ended.
    """
    baseline, began = service.contract.settings(), time.monotonic()
    epoch = int(time.time())
    halts = None if service.state_folder is None else HaltFile(service.state_folder)
    desk = Desk(
        Controller(baseline, name=secrets.token_hex(8), halted=halts is not None and halts.load()),
        lambda: time.monotonic() - began,
        halts,
    )
    token = service.bus_token or service.token
    bus = None if service.bus_url is None else open_bus(service.bus_url, token)
    common = {
        "run_secret": run_secret.hex(),
        "seed": service.seed,
        "clients": service.clients,
        "epoch": epoch,
        "started_at": began - (time.time() - epoch),
        "conditions": Conditions(baseline).to_dict(),
        "topics": TOPICS,
        "contract_names": service.contract.model_dump()["metrics"],
        "host": service.host,
    }
    with ExitStack() as stack:
        nodes = [
            stack.enter_context(NodeProcess(NodeSpec.model_validate({**common, **own}), _ignore))
            for own in (
                {
                    "role": "server",
                    "port": service.port,
                    "publish_rate": service.publish_rate,
                    "bus_url": service.bus_url or "",
                    "bus_token": token,
                },
                {"role": "issuer", "port": service.token_port},
            )
        ]
        sinks: list[Sink] = [node.sink for node in nodes]
        beside: list[Callable[[], Awaitable[object]]] = [lambda: announce(desk, sinks)]
        if bus is not None:
            announcer = BusController(bus, desk, faults, lambda problem: desk.note("problem", problem=problem))
            sinks.append(announcer)
            beside.append(announcer.run)
        control = ApiThread(
            make_app(desk, faults, service.token),
            host=service.control_host,
            port=service.control_port,
            beside=beside,
        )
        stack.enter_context(control)
        server, issuer = nodes
        on_ready(
            Addresses(
                f"ws://{service.host}:{server.port}/socket/websocket",
                f"http://{service.host}:{issuer.port}",
                control.url,
            )
        )
        while True:
            for node in nodes:
                if not node.is_running:
                    raise EngineError(f"the {node.role} ended: {node.last_words()}")
            if control.error is not None:
                raise EngineError(f"the controller failed: {control.error}")
            time.sleep(LOOK_SECONDS)


def _ignore(_role: str, _report: dict[str, Any]) -> None:
    """Nobody asks what the processes of a service report."""
