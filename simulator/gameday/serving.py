"""The sync server and its token endpoint alone, until somebody stops them: steered from here, or from the bus."""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from simulator.conditions import Conditions, Population
from simulator.control.guard import new_token
from simulator.control.lease import LEASE_SECONDS
from simulator.control.muffler import Muffler
from simulator.control.roster import Roster
from simulator.errors import EngineError
from simulator.gameday.busing import open_bus
from simulator.gameday.processes import NodeProcess
from simulator.gameday.spec import NodeSpec, new_name, time_now
from simulator.gameday.steering import Steering, find_failures, make_desk, start_control
from simulator.scenario.schema import TOPICS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from simulator.alerting.contract import Contract
    from simulator.conditions import Fault

LOOK_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Service:
    """What a user chose; `clients` and `seed` say whom a share means, port 0 takes any that is free.

    One that `follows` has no controller of its own: it holds the conditions that a controller elsewhere announces on
    the bus.
    """

    contract: Contract
    clients: int = 500
    seed: int = 1
    publish_rate: float = 0.25
    host: str = "127.0.0.1"
    port: int = 4000
    token_port: int = 4001
    control_host: str = "127.0.0.1"
    control_port: int = 4002
    token: str = field(default_factory=new_token, repr=False)
    state_folder: Path | None = None
    lease_seconds: float = LEASE_SECONDS
    bus_url: str | None = None
    bus_token: str = field(default="", repr=False)
    follows: bool = False


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where everything is, once it runs; `control` is None where another controller is followed, under `names`."""

    server: str
    tokens: str
    control: str | None
    names: tuple[str, ...]


def serve(
    service: Service,
    run_secret: bytes,
    faults: Mapping[str, type[Fault]],
    *,
    on_ready: Callable[[Addresses], object],
    on_problem: Callable[[str], object],
) -> None:
    """Serve until interrupted; `on_problem` hears of what goes wrong and does not end it.

    Raises:
        EngineError: a part did not start, or ended.
    """
    complain = Muffler(on_problem)
    steering = None if service.follows else _steering(service, faults, complain)

    def on_report(node: str, report: dict[str, Any]) -> None:
        if report["event"] == "problem":
            complain(f"{node}: {report['problem']}")

    with ExitStack() as stack:
        specs = (_server(service, run_secret), _issuer(service, run_secret))
        nodes = [stack.enter_context(NodeProcess(spec, on_report)) for spec in specs]
        control = None if steering is None else start_control(stack, steering, nodes)
        server, issuer = nodes
        on_ready(
            Addresses(
                f"ws://{service.host}:{server.port}/socket/websocket",
                f"http://{service.host}:{issuer.port}",
                None if control is None else control.url,
                tuple(spec.name for spec in specs),
            )
        )
        while True:
            for failure in find_failures(nodes, control):
                raise EngineError(failure)
            for problem in () if control is None else control.trouble():
                complain(problem)
            time.sleep(LOOK_SECONDS)


def _steering(service: Service, faults: Mapping[str, type[Fault]], complain: Callable[[str], object]) -> Steering:
    began = time.monotonic()
    desk = make_desk(
        service.contract.settings(),
        lambda: time.monotonic() - began,
        state_folder=service.state_folder,
        lease_seconds=service.lease_seconds,
    )

    def on_problem(problem: str) -> None:
        desk.note("problem", problem=problem)
        complain(problem)

    return Steering(
        desk=desk,
        faults=faults,
        token=service.token,
        host=service.control_host,
        port=service.control_port,
        bus=None if service.bus_url is None else open_bus(service.bus_url, service.bus_token),
        roster=Roster(Population(service.clients, service.seed), lease_seconds=service.lease_seconds),
        on_problem=on_problem,
        on_report=lambda _node, _report: None,
    )


def _server(service: Service, run_secret: bytes) -> NodeSpec:
    # A server takes events from the bus, whoever steers it.
    bus = {} if service.bus_url is None else {"bus_url": service.bus_url, "bus_token": service.bus_token}
    return _spec(service, run_secret, role="server", port=service.port, publish_rate=service.publish_rate, **bus)


def _issuer(service: Service, run_secret: bytes) -> NodeSpec:
    bus = {"bus_url": service.bus_url, "bus_token": service.bus_token} if service.follows else {}
    return _spec(service, run_secret, role="issuer", port=service.token_port, **bus)


def _spec(service: Service, run_secret: bytes, role: str, **own: object) -> NodeSpec:
    return NodeSpec.model_validate(
        {
            "role": role,
            "name": new_name(role),
            "steered_by": "bus" if service.follows else "pipe",
            "run_secret": run_secret.hex(),
            "seed": service.seed,
            "clients": service.clients,
            "conditions": Conditions(service.contract.settings()).to_dict(),
            "topics": TOPICS,
            "contract_names": service.contract.model_dump()["metrics"],
            "host": service.host,
            **time_now(),
            **own,
        }
    )
