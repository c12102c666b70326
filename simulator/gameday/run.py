"""Run a game day: start everything, follow the timeline, and come to a verdict from what Prometheus saw."""

from __future__ import annotations

import time
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from simulator import __version__
from simulator.conditions import Population
from simulator.control.day_models import DayInfo
from simulator.control.day_routes import Stage
from simulator.control.members import show_members
from simulator.control.people import People
from simulator.control.roster import Roster
from simulator.errors import EngineError, SyncstormError
from simulator.gameday.busing import open_bus
from simulator.gameday.cast import Cast
from simulator.gameday.clockwork import Clockwork
from simulator.gameday.invitation import invite
from simulator.gameday.judging import Span, check_questions, judge_live
from simulator.gameday.ledger import Ledger
from simulator.gameday.observatory import Observatory
from simulator.gameday.processes import NodeProcess
from simulator.gameday.recorder import RECORD_SECONDS, Recorder
from simulator.gameday.secret import run_secret_of
from simulator.gameday.steering import Steering, find_failures, make_desk, start_control
from simulator.gameday.view import Moment, Rates
from simulator.gameday.watchers import addresses_to_watch, start_watching
from simulator.rehearsal import conclude, make_folder
from simulator.report.account import describe_cohorts
from simulator.report.inputs import EVENT as INPUTS
from simulator.report.journal import Journal
from simulator.report.page import element, write_page
from simulator.report.retelling import METRICS, fingerprint, rebuild

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from simulator.alerting.watching import ActiveAlert
    from simulator.conditions import Fault
    from simulator.gameday.options import Options
    from simulator.gameday.spec import NodeSpec
    from simulator.rehearsal import Rehearsal
    from simulator.report.verdict import Verdict

TURN_SECONDS = 0.1
LOOK_SECONDS = 1.0
GATHER_SECONDS = 300.0
"""So long a game day waits for the fleets that are to come over the bus."""

LAST_REPORT_SECONDS = 10.0
"""So long it waits at its end for what they reached."""


@dataclass(frozen=True, slots=True)
class Audience:
    """Who hears of what while a game day runs.

    `on_ready` hears of the control API's URL and token, `on_missing` of the clients that are still to come over the bus
    and of the commands that start them, `on_moment` about once a second of how things stand.
    """

    on_ready: Callable[[str, str], None]
    on_missing: Callable[[str, Sequence[str]], None]
    on_moment: Callable[[Moment], None]


def run_gameday(
    rehearsal: Rehearsal,
    faults: Mapping[str, type[Fault]],
    options: Options,
    audience: Audience,
) -> Verdict:
    """Run a game day to its end, leave its files in the folder, and return its verdict.

    Raises:
        InputError: something the user gave does not fit.
        EngineError: a part of it did not start.
    """
    make_folder(options.out)
    with Journal(options.out / "journal.jsonl") as journal, ExitStack() as stack:
        day = _Day(rehearsal, faults, options, journal, stack)
        day.start()
        audience.on_ready(day.control.url, options.token)
        day.gather_fleets(audience.on_missing)
        day.begin()
        day.follow_timeline(audience.on_moment)
        verdict = day.judge()
        conclude(verdict, journal, options.out)
        day.say_goodbye(verdict)
    _leave_page(options.out, faults)
    return verdict


def _leave_page(folder: Path, faults: Mapping[str, type[Fault]]) -> None:
    """Write `report.html` as `syncstorm report` writes it; the verdict stands without it, too."""
    try:
        rebuild(folder, faults)
    except SyncstormError as error:
        (folder / "report.html").write_text(write_page("no report", element("p", str(error))), encoding="utf-8")


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
        self._faults = faults
        self._options = options
        self._journal = journal
        self._stack = stack
        self._ledger = Ledger(journal)
        self._rates = Rates()
        self._observatory = self._open_observatory()
        self._nodes: list[NodeProcess] = []
        plan = rehearsal.plan
        clients = len(plan.fleet.profiles)
        self._own = range(clients if options.own_clients is None else options.own_clients)
        self._roster = Roster(Population(clients, plan.seed), self._own, lease_seconds=options.lease_seconds)
        self._began_wall = 0.0
        self._began: float | None = None

    # --- starting

    def _open_observatory(self) -> Observatory:
        day = DayInfo(
            title=self._scenario.scenario,
            summary=self._scenario.summary,
            phase="gathering",
            duration_s=None if self._options.until_stopped else self._options.duration_seconds,
            trouble=(),
        )
        return Observatory(self._rehearsal.ruleset, self._ledger, day, self._scenario.monitoring.evaluation_interval)

    def start(self) -> None:
        """Start the processes, then who watches them, then the controller; its first word lets the clients begin."""
        options = self._options
        token = options.bus_token or options.token
        bus = None if options.bus_url is None else open_bus(options.bus_url, token)
        cast = Cast(self._rehearsal, options, run_secret_of(options.access_secret), token)
        server, issuer = self._start_node(cast.server()), self._start_node(cast.issuer())
        if self._own:
            near = options.near_host
            url, token_url = f"ws://{near}:{server.port}/socket/websocket", f"http://{near}:{issuer.port}"
            self._start_node(cast.fleet(self._own, url, token_url))
        addresses = addresses_to_watch(self._rehearsal.contract, options, self._nodes)
        self._watch = start_watching(self._stack, self._rehearsal, options, self._ledger, addresses)
        check_questions(self._rehearsal, self._watch)
        self._observatory.watch(self._watch.prometheus)
        self._recorder = Recorder(
            self._watch.prometheus, self._rehearsal.contract, self._rehearsal.ruleset, options.out / METRICS
        )
        self._desk = make_desk(
            cast.baseline, self._now, state_folder=options.state_folder, lease_seconds=options.lease_seconds
        )
        self._ledger.follow(self._desk)
        steering = Steering(
            desk=self._desk,
            faults=self._faults,
            token=options.token,
            port=options.control_port,
            bus=bus,
            roster=self._roster,
            on_problem=self._ledger.note_problem,
            on_report=self._ledger.take_report,
            stage=Stage(People(self._desk), self._observatory, options.participant_token),
        )
        self._stack.enter_context(self._observatory)
        self.control = start_control(self._stack, steering, self._nodes)
        self._clockwork = Clockwork(self._rehearsal.injections, self._desk, self._ledger)

    def _start_node(self, spec: NodeSpec) -> NodeProcess:
        self._nodes.append(self._stack.enter_context(NodeProcess(spec, self._ledger.take_report)))
        return self._nodes[-1]

    def gather_fleets(self, on_missing: Callable[[str, Sequence[str]], None]) -> None:
        """Wait for the clients that are to come over the bus; the run's time begins when all of them have a fleet.

        Raises:
            EngineError: some have none after a while, or something is wrong already.
        """
        if missing := self._roster.missing():
            server, issuer = self._nodes[:2]
            commands = invite(self._scenario, self._options.host, (server.port, issuer.port), missing)
            on_missing(show_members(missing), tuple(commands))
        deadline = time.monotonic() + GATHER_SECONDS
        while True:
            missing = self._roster.missing()
            for problem in (*find_failures(self._nodes, self.control), *self.control.trouble()):
                raise EngineError(problem)
            if not missing:
                return
            if time.monotonic() > deadline:
                raise EngineError(f"no fleet on the bus runs {show_members(missing)}, after {GATHER_SECONDS:g}s")
            time.sleep(TURN_SECONDS)

    def begin(self) -> None:
        """Let the run's time begin."""
        self._began_wall, self._began = time.time(), time.monotonic()
        self._ledger.began_wall = self._began_wall
        self._observatory.turn("running")
        self._journal.write(
            0.0,
            "gameday_started",
            scenario=self._scenario.scenario,
            seed=self._scenario.seed,
            version=__version__,
            started_at=self._began_wall,
        )
        inputs = self._rehearsal.inputs("gameday", self._options.words())
        self._journal.write(None, INPUTS, **inputs.model_dump(mode="json"))

    # --- running

    def _now(self) -> float:
        return 0.0 if self._began is None else time.monotonic() - self._began

    def follow_timeline(self, on_moment: Callable[[Moment], None]) -> None:
        """Begin what is due, look after the processes, and show how things stand, until the time is over."""
        next_look, next_record = 0.0, RECORD_SECONDS
        try:
            while self._now() < self._options.duration_seconds:
                self._clockwork.turn(self._now())
                self._look_after_nodes()
                if self._now() >= next_look:
                    next_look = self._now() + LOOK_SECONDS
                    on_moment(self._moment())
                if self._now() >= next_record:
                    next_record = self._now() + RECORD_SECONDS
                    self._record()
                time.sleep(TURN_SECONDS)
        except KeyboardInterrupt:
            if not self._options.until_stopped:
                raise
        self._journal.write(self._now(), "timeline_ended")

    def _look_after_nodes(self) -> None:
        for problem in (*find_failures(self._nodes, self.control), *self.control.trouble()):
            self._ledger.complain(problem)
        if missing := self._roster.missing():
            self._ledger.complain(f"no fleet runs {show_members(missing)} any more")

    def _record(self) -> None:
        self._ledger.note_reached(self._now())
        with suppress(EngineError):  # who looks at the alerts complains; what is missing is taken the next time
            self._recorder.take(time.time())

    def _moment(self) -> Moment:
        states = self._ledger.states()
        self._rates.take(self._now(), self._ledger.counts())
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
            return self._watch.prometheus.alerts_now()
        except EngineError as error:
            self._ledger.complain(str(error))
            return ()

    # --- judging

    def judge(self) -> Verdict:
        """Return the verdict on what Prometheus evaluated and Alertmanager routed."""
        span = Span(self._began_wall, time.time(), round(self._now(), 3))
        self._observatory.turn("judging")
        self._hear_last_reports()
        verdict = judge_live(self._rehearsal, self._ledger, self._watch, span)
        self._leave_record(span)
        return verdict

    def _leave_record(self, span: Span) -> None:
        """Leave in the folder what the report is made of, beside the verdict."""
        try:
            self._recorder.finish(span.ended)
        except EngineError as error:
            self._ledger.note_problem(f"metrics.om is not whole: {error}")
        self._journal.write(None, "recorded", metrics=fingerprint(self._options.out / METRICS))
        suffered, clients = self._ledger.suffered(), self._scenario.fleet.clients
        # Fleets elsewhere do not say which of their clients go round in circles.
        looping = None if suffered.looping is None or len(self._own) < clients else len(suffered.looping)
        told = describe_cohorts(self._ledger.affected(), clients, suffered.harmed_at, looping)
        self._journal.write(None, "suffered", **told)

    def _hear_last_reports(self) -> None:
        """Wait until every node on the bus has said whom the injections reached; whoever does not is trouble."""
        before, deadline = self._roster.reports(), time.monotonic() + LAST_REPORT_SECONDS
        while (silent := self._roster.silent_since(before)) and time.monotonic() < deadline:
            time.sleep(TURN_SECONDS)
        for node in silent:
            self._ledger.complain(f"{node} did not say at the end whom the injections reached")
        for problem in self.control.trouble(at_the_end=True):
            self._ledger.complain(problem)

    def say_goodbye(self, verdict: Verdict) -> None:
        """Let the control API tell what it came to, for as long as was chosen."""
        self._observatory.turn("over", verdict.verdict)
        time.sleep(self._options.linger_seconds)
