"""Run a game day: start everything, follow the timeline, and come to a verdict from what Prometheus saw."""

from __future__ import annotations

import secrets
import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from simulator import __version__
from simulator.alerting.alertmanager import PrivateAlertmanager
from simulator.alerting.borrowed import UserPrometheus
from simulator.alerting.observed import observe
from simulator.alerting.routing import default_routing, rewrite_routing
from simulator.alerting.scraping import LivePrometheus, Target
from simulator.alerting.webhook import Webhook
from simulator.conditions import Conditions
from simulator.control.announcer import announce
from simulator.control.api import make_app
from simulator.control.api_thread import ApiThread
from simulator.control.bus import BusController
from simulator.control.controller import Controller
from simulator.control.desk import Desk
from simulator.control.guard import new_token
from simulator.control.state import HaltFile
from simulator.errors import EngineError, InputError, Place
from simulator.gameday.busing import open_bus
from simulator.gameday.clockwork import Clockwork
from simulator.gameday.ledger import Ledger
from simulator.gameday.processes import NodeProcess
from simulator.gameday.spec import NodeSpec
from simulator.gameday.view import Moment, Rates
from simulator.rehearsal import conclude, make_folder
from simulator.report.decision import Evidence, decide
from simulator.report.journal import Journal

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from pathlib import Path

    from simulator.alerting.routing import Routing
    from simulator.alerting.watching import ActiveAlert, WatchingPrometheus
    from simulator.conditions import Fault
    from simulator.control.announcer import Sink
    from simulator.rehearsal import Rehearsal
    from simulator.report.verdict import Verdict

TURN_SECONDS = 0.1
LOOK_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Options:
    """What a user chose for a game day; port 0 takes any that is free.

    `duration_seconds` None lasts as long as the scenario. Without `until_stopped` an interrupt is an interrupt; with
    it, as where no scenario was given, it ends the game day in order.
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
    state_folder: Path | None = None
    bus_url: str | None = None
    bus_token: str | None = field(default=None, repr=False)


def run_gameday(
    rehearsal: Rehearsal,
    faults: Mapping[str, type[Fault]],
    options: Options,
    *,
    on_ready: Callable[[str, str], None] = lambda _url, _token: None,
    on_moment: Callable[[Moment], None] = lambda _moment: None,
) -> Verdict:
    """Run a game day to its end, leave its files in the folder, and return its verdict.

    `on_ready` hears of the control API's URL and token, `on_moment` about once a second of how things stand.

    Raises:
        InputError: something the user gave does not fit.
        EngineError: a part of it did not start.
    """
    make_folder(options.out)
    with Journal(options.out / "journal.jsonl") as journal, ExitStack() as stack:
        day = _Day(rehearsal, faults, options, journal, stack)
        day.start()
        on_ready(day.control.url, options.token)
        day.follow_timeline(on_moment)
        verdict = day.judge()
        conclude(verdict, journal, options.out)
    return verdict


class _Day:
    """Everything that runs, and the order in which it is started; the stack ends it in reverse."""

    def __init__(
        self,
        rehearsal: Rehearsal,
        faults: Mapping[str, type[Fault]],
        options: Options,
        journal: Journal,
        stack: ExitStack,
    ) -> None:
        self._rehearsal = rehearsal
        self._scenario = rehearsal.loaded.scenario
        self._baseline = rehearsal.plan.steps[0].conditions.baseline
        self._faults = faults
        self._options = options
        self._journal = journal
        self._stack = stack
        self._secret = secrets.token_bytes(32)
        self._ledger = Ledger(journal)
        self._rates = Rates()
        self._nodes: list[NodeProcess] = []
        self._began_wall = 0.0
        self._began = 0.0

    # --- starting

    def start(self) -> None:
        """Start the processes, then who watches them, then the controller; its first word lets the clients begin."""
        options, scenario = self._options, self._scenario
        token = options.bus_token or options.token
        self._bus = None if options.bus_url is None else open_bus(options.bus_url, token)
        events = {} if options.bus_url is None else {"bus_url": options.bus_url, "bus_token": token}
        server = self._start_node(self._spec("server", host=options.host, port=options.port, **events))
        issuer = self._start_node(self._spec("issuer", host=options.host, port=options.token_port))
        host = "127.0.0.1" if options.host == "0.0.0.0" else options.host  # noqa: S104  # where the fleet finds it
        fleet = self._start_node(
            self._spec(
                "fleet", url=f"ws://{host}:{server.port}/socket/websocket", token_url=f"http://{host}:{issuer.port}"
            )
        )
        self._prometheus = self._start_prometheus(server.port, issuer.port, fleet.port)
        halts = None if options.state_folder is None else HaltFile(options.state_folder)
        controller = Controller(self._baseline, name=secrets.token_hex(8), halted=halts is not None and halts.load())
        self._began_wall, self._began = time.time(), time.monotonic()
        self._ledger.began_wall = self._began_wall
        self._journal.write(
            0.0,
            "gameday_started",
            scenario=scenario.scenario,
            seed=scenario.seed,
            version=__version__,
            started_at=self._began_wall,
        )
        self._desk = Desk(controller, self._now, halts)
        self._ledger.follow(self._desk)
        self._nodes = [server, issuer, fleet]
        sinks: list[Sink] = [node.sink for node in self._nodes]
        beside: list[Callable[[], Awaitable[object]]] = [lambda: announce(self._desk, sinks)]
        if self._bus is not None:
            announcer = BusController(self._bus, self._desk, self._faults, self._ledger.note_problem)
            sinks.append(announcer)
            beside.append(announcer.run)
        app = make_app(self._desk, self._faults, options.token)
        self.control = ApiThread(app, port=options.control_port, beside=beside)
        self._stack.enter_context(self.control)
        self._clockwork = Clockwork(self._rehearsal.injections, self._desk, self._ledger)

    def _start_node(self, spec: NodeSpec) -> NodeProcess:
        return self._stack.enter_context(NodeProcess(spec, self._ledger.take_report))

    def _spec(self, role: str, **more: object) -> NodeSpec:
        plan, fleet = self._rehearsal.plan, self._rehearsal.plan.fleet
        epoch = int(time.time())
        return NodeSpec.model_validate(
            {
                "role": role,
                "run_secret": self._secret.hex(),
                "seed": plan.seed,
                "clients": len(fleet.profiles),
                "epoch": epoch,
                "started_at": time.monotonic() - (time.time() - epoch),
                "conditions": Conditions(self._baseline).to_dict(),
                "topics": fleet.habits.topics,
                "contract_names": self._rehearsal.contract.model_dump()["metrics"],
                "initialise_series": plan.initialise_series,
                "publish_rate": fleet.publish_rate,
                "profiles": tuple(profile.name for profile in fleet.profiles) if role == "fleet" else (),
                "session_lifetime_seconds": fleet.habits.session_lifetime_seconds,
                "offline_seconds": fleet.habits.offline_seconds,
                "ramp_seconds": fleet.ramp_seconds,
                **more,
            }
        )

    def _start_prometheus(self, server_port: int, issuer_port: int, fleet_port: int) -> WatchingPrometheus:
        contract, monitoring = self._rehearsal.contract, self._scenario.monitoring
        ports = {"server": server_port, "issuer": issuer_port}
        if contract.reads("fleet"):
            ports["fleet"] = fleet_port
        if self._options.prometheus_url is not None:
            labels = tuple(contract.targets.get(process, {}) for process in ports)
            return self._stack.enter_context(UserPrometheus(self._options.prometheus_url, targets=labels))
        self._webhook = self._stack.enter_context(Webhook(self._ledger.take_notification))
        self._alertmanager = self._stack.enter_context(PrivateAlertmanager(self._routing(self._webhook.url)))
        targets = tuple(
            Target(f"127.0.0.1:{port}", contract.targets.get(process, {"job": "syncstorm", "instance": process}))
            for process, port in ports.items()
        )
        return self._stack.enter_context(
            LivePrometheus(
                targets,
                self._rehearsal.ruleset,
                scrape_interval_seconds=monitoring.scrape_interval,
                evaluation_interval_seconds=monitoring.evaluation_interval,
                alertmanager_address=self._alertmanager.address,
            )
        )

    def _routing(self, url: str) -> Routing:
        file = self._options.alertmanager_file
        if file is None:
            return default_routing(url)
        try:
            text = file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"cannot be read: {error}", Place(file)) from None
        routing = rewrite_routing(text, url, file)
        for note in routing.notes:
            self._journal.write(None, "routing_note", note=note)
        return routing

    # --- running

    def _now(self) -> float:
        return time.monotonic() - self._began

    def follow_timeline(self, on_moment: Callable[[Moment], None]) -> None:
        """Begin what is due, look after the processes, and show how things stand, until the time is over."""
        next_look = 0.0
        try:
            while self._now() < self._options.duration_seconds:
                self._clockwork.turn(self._now())
                self._look_after_processes()
                if self._now() >= next_look:
                    next_look = self._now() + LOOK_SECONDS
                    on_moment(self._moment())
                time.sleep(TURN_SECONDS)
        except KeyboardInterrupt:
            if not self._options.until_stopped:
                raise
        self._journal.write(self._now(), "timeline_ended")

    def _look_after_processes(self) -> None:
        for node in self._nodes:
            if not node.is_running:
                self._ledger.complain(f"the {node.role} ended before its time: {node.last_words()}")
        if self.control.error is not None:
            self._ledger.complain(f"the controller failed: {self.control.error}")

    def _moment(self) -> Moment:
        states = dict(self._ledger.states)
        counts: Counter[str] = Counter()  # each process counts its own; the others' are 0 in it
        for state in states.values():
            counts.update(state.get("counts", {}))
        self._rates.take(self._now(), dict(counts))
        return Moment(
            title=self._scenario.scenario,
            now=self._now(),
            duration=None if self._options.until_stopped else self._options.duration_seconds,
            states=states,
            rates=self._rates,
            injections=self._desk.injections(),
            alerts=self._active_alerts(),
            halted=self._desk.halted,
            control=f"control API {self.control.url}",
            trouble=self._ledger.complaints(),
        )

    def _active_alerts(self) -> tuple[ActiveAlert, ...]:
        try:
            return self._prometheus.alerts_now()
        except EngineError as error:
            self._ledger.complain(str(error))
            return ()

    # --- judging

    def _undelivered(self) -> tuple[str, ...]:
        """Return why somebody may not have been told; a user's own Alertmanager is none of our business."""
        if self._options.prometheus_url is not None:
            return ()
        try:
            return (*self._alertmanager.complaints(), *self._webhook.complaints)
        except EngineError as error:
            return (str(error),)

    def judge(self) -> Verdict:
        """Return the verdict on what Prometheus evaluated and Alertmanager routed."""
        ended, ended_wall = self._now(), time.time()
        monitoring = self._scenario.monitoring
        timeline = None
        try:
            timeline = observe(
                self._prometheus,
                self._rehearsal.ruleset,
                self._began_wall,
                ended_wall,
                scrape_interval_seconds=monitoring.scrape_interval,
                evaluation_interval_seconds=monitoring.evaluation_interval,
                excused=self._ledger.excused(round(ended, 3)),
            )
        except EngineError as error:
            self._ledger.complain(str(error))
        for problem in self._undelivered():
            self._ledger.complain(problem)
        return decide(
            Evidence(
                scenario=self._scenario.model_copy(update={"duration": round(ended, 3)}),
                injections=self._ledger.injections(round(ended, 3)),
                contract=self._rehearsal.contract,
                ruleset=self._rehearsal.ruleset,
                reached=self._ledger.reached(self._scenario.fleet.clients),
                digest=None,
                timeline=timeline,
                trouble=self._ledger.trouble(),
                simulate_seconds=ended,
                evaluate_seconds=time.time() - ended_wall,
                mode="live",
                notifications=None if self._options.prometheus_url is not None else self._ledger.notifications(),
                external_labels=self._prometheus.external_labels,
                losses=self._ledger.losses(),
                started_at_wall=self._began_wall,
            )
        )
