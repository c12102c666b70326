"""One rehearsal in virtual time: scenario, conditions, driver, recording, alert timeline, verdict, report."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simulator import __version__
from simulator.alerting.backfill import write_openmetrics
from simulator.alerting.borrowed import UserPrometheus
from simulator.alerting.contract import load_contract
from simulator.alerting.following import Followed
from simulator.alerting.judge import judge
from simulator.alerting.measuring import Question
from simulator.alerting.querying import QueryRefused
from simulator.alerting.rules import load_rules
from simulator.drivers.virtual import run_virtual
from simulator.durations import format_duration
from simulator.errors import EngineError, InputError, Place, unknown_name
from simulator.interrupts import held_interrupts
from simulator.report.account import describe_cohorts
from simulator.report.criteria import criteria_of
from simulator.report.decision import Evidence, decide
from simulator.report.inputs import EVENT as INPUTS
from simulator.report.inputs import Inputs, Request
from simulator.report.journal import JOURNAL, Journal
from simulator.report.markdown import write_markdown
from simulator.report.retelling import fingerprint, leave_page
from simulator.report.story import tell
from simulator.scenario.loading import load_scenario
from simulator.scenario.schema import ExpectFires, ExpectMeasures, ExpectSilent
from simulator.scenario.timeline import list_injections, make_plan, refuse_live_only
from simulator.scenario.trace import read_traces
from simulator.shipped import find_file

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from simulator.alerting.contract import Contract
    from simulator.alerting.exposition import Exposition
    from simulator.alerting.ruleset import RuleSet
    from simulator.alerting.timeline import AlertTimeline
    from simulator.conditions import Fault
    from simulator.core.plan import Plan
    from simulator.core.recording import Run
    from simulator.documents import KeyPath
    from simulator.report.verdict import Verdict
    from simulator.scenario.loading import LoadedScenario
    from simulator.scenario.schema import Measures
    from simulator.scenario.shapes import Recorded
    from simulator.scenario.timeline import Injection


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """A rehearsal that is ready to run: everything that a user wrote has been read and found to fit."""

    loaded: LoadedScenario
    injections: tuple[Injection, ...]
    plan: Plan
    ruleset: RuleSet
    contract: Contract
    questions: tuple[Question, ...] = ()
    request: Request = field(default_factory=lambda: Request(""))

    def inputs(self, verb: str = "rehearse", options: Sequence[str] = ()) -> Inputs:
        """Return what goes into it, for its journal; the command that asked for it had some options, too."""
        watched = tuple(
            dict.fromkeys(one.query for one in criteria_of(self.ruleset.alert_names()) if one.query is not None)
        )
        scenario = self.loaded.scenario
        return Inputs.of(
            self.request, scenario, self.ruleset, self.contract, watched=watched, verb=verb, options=options
        )


@dataclass(frozen=True, slots=True)
class Progress:
    """Who hears how far a run is: of each scrape's virtual time, and when the judging begins."""

    on_virtual_time: Callable[[float], None] = field(default=lambda _now: None)
    on_judging: Callable[[], None] = field(default=lambda: None)


def prepare(  # noqa: PLR0913  # what a user may choose
    scenario: str,
    faults: Mapping[str, type[Fault]],
    *,
    rules: Sequence[Path] = (),
    overrides: Mapping[str, str] | None = None,
    ruleset: RuleSet | None = None,
    only_measures: bool = False,
) -> Rehearsal:
    """Read a scenario and all that it names; `rules`, or a `ruleset` that was read before, replace the scenario's own.

    With `only_measures` what it expects of alerts is left out: it is about other rules.

    Raises:
        InputError: something does not exist, does not parse or does not fit.
        EngineError: a Prometheus that an envelope is read from does not answer.
    """
    request = Request(scenario, tuple(map(str, rules)), tuple((overrides or {}).items()))
    loaded = read_traces(load_scenario(scenario, overrides), _ask_range)
    injections = list_injections(loaded, faults)
    ruleset = ruleset or load_rules(rules or _rule_files(loaded))
    questions = _questions(loaded)
    if only_measures:
        loaded = loaded.without_alerts()
    _check_expectations(loaded, ruleset, injections)
    monitoring = loaded.scenario.monitoring
    place = loaded.place(("monitoring", "contract"))
    contract = load_contract(monitoring.contract, place, _folder(loaded))
    plan = make_plan(loaded, injections, contract.settings())
    return Rehearsal(loaded, injections, plan, ruleset, contract, questions, request)


@dataclass(frozen=True, slots=True)
class Performance:
    """A rehearsal that was run: its verdict, what that rests on, and the samples that were judged."""

    verdict: Verdict
    evidence: Evidence
    exposition: Exposition


FOLDER = "rehearsals"
"""Where rehearsals leave their files, a folder for each, if nobody says otherwise."""


def folders(prepared: Sequence[Rehearsal], out: Path) -> list[Path]:
    """Return the folder of each of several rehearsals, in `out`, by scenario and seed.

    Raises:
        InputError: two of them would be left in the same.
    """
    names = [f"{entry.loaded.scenario.scenario}-{entry.loaded.scenario.seed}" for entry in prepared]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise InputError(f"two scenarios would both be left in {twice}", hint="run them one by one, with --out")
    return [out / name for name in names]


def run(rehearsal: Rehearsal, out: Path, progress: Progress | None = None, *, with_page: bool = True) -> Verdict:
    """Run a rehearsal, leave its files in the folder `out`, and return its verdict.

    Without its page, which is large, `syncstorm report` can still make it.

    Raises:
        InputError: the folder cannot be written, or a fault or a knob needs a live system.
    """
    done = perform(rehearsal, out, progress)
    if with_page:
        leave_page(out, Followed.of(done.evidence.timeline), done.evidence.scenario, rehearsal.ruleset)
    return done.verdict


def perform(rehearsal: Rehearsal, out: Path, progress: Progress | None = None) -> Performance:
    """Run a rehearsal as `run` does, without its page, for those who judge its samples again.

    Raises:
        InputError: as `run`.
    """
    refuse_live_only(rehearsal.loaded, rehearsal.injections)
    progress = progress or Progress()
    scenario = rehearsal.loaded.scenario
    make_folder(out)
    with Journal(out / JOURNAL) as journal:
        journal.write(0.0, "rehearsal_started", scenario=scenario.scenario, seed=scenario.seed, version=__version__)
        inputs = rehearsal.inputs()
        with held_interrupts():
            journal.write(None, INPUTS, **inputs.model_dump(mode="json"))
        started = time.perf_counter()
        simulated = _simulate(rehearsal, journal, progress)
        exposition = rehearsal.contract.expose(simulated.recording)
        write_openmetrics(exposition, out / "metrics.om")
        simulate_seconds = time.perf_counter() - started
        digest = simulated.recording.digest()
        journal.write(scenario.duration, "simulated", digest=digest, metrics=fingerprint(out / "metrics.om"))
        journal.write(None, "suffered", **_describe_suffered(simulated, scenario.fleet.clients))
        progress.on_judging()
        started = time.perf_counter()
        timeline, trouble = _evaluate(rehearsal, exposition, out, inputs.watched)
        evidence = Evidence(
            scenario=scenario,
            injections=rehearsal.injections,
            contract=rehearsal.contract,
            ruleset=rehearsal.ruleset,
            reached=simulated.reached,
            digest=digest,
            timeline=timeline,
            trouble=trouble,
            simulate_seconds=simulate_seconds,
            evaluate_seconds=time.perf_counter() - started,
            losses=simulated.losses,
        )
        verdict = decide(evidence)
        conclude(verdict, journal, out)
    return Performance(verdict, evidence, exposition)


def _simulate(rehearsal: Rehearsal, journal: Journal, progress: Progress) -> Run:
    injections = {injection.id: injection for injection in rehearsal.injections}

    def note(at: float, kind: str, injection: str) -> None:
        entry = injections[injection]
        journal.write(at, kind, injection=injection, fault=entry.fault_name, level=entry.level * entry.share)

    return run_virtual(rehearsal.plan, on_note=note, on_progress=progress.on_virtual_time)


def _describe_suffered(simulated: Run, clients: int) -> dict[str, Any]:
    suffered = simulated.suffered
    looping = None if suffered.looping is None else len(suffered.looping)
    affected = set().union(*simulated.reached.touched.values())
    return describe_cohorts(affected, clients, suffered.harmed_at, looping)


def _evaluate(
    rehearsal: Rehearsal, exposition: Exposition, out: Path, watched: Sequence[str]
) -> tuple[AlertTimeline | None, tuple[str, ...]]:
    """Return the alert timeline, or why there is none."""
    scenario = rehearsal.loaded.scenario
    try:
        timeline = judge(
            exposition,
            rehearsal.ruleset,
            evaluation_interval_seconds=scenario.monitoring.evaluation_interval,
            duration_seconds=scenario.duration,
            out_dir=out,
            questions=rehearsal.questions,
            watched=watched,
        )
    except EngineError as error:
        return None, (str(error),)
    return timeline, ()


def conclude(verdict: Verdict, journal: Journal, out: Path) -> None:
    """Write the verdict, the report, and the journal's last lines."""
    for happening in tell(verdict):
        if happening.event in ("pending", "FIRING", "resolved", "dropped", "data gone", "data back"):
            event = happening.event.lower().replace(" ", "_")
            journal.write(happening.at, f"alert_{event}", alert=happening.subject)
    with held_interrupts():
        entry = verdict.model_dump(mode="json")
    journal.write(None, "verdict", verdict=verdict.verdict, reasons=verdict.reasons, entry=entry)
    (out / "verdict.json").write_text(verdict.to_json(), encoding="utf-8")
    (out / "report.md").write_text(write_markdown(verdict), encoding="utf-8")


_OUTPUTS = ("verdict.json", "report.md", "report.html", "metrics.om", "promtool*.yaml", "rules*.yaml", JOURNAL)


def make_folder(out: Path) -> None:
    """Make the folder, and empty it of an earlier rehearsal: its files must not pass for this one's."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        if (out / JOURNAL).exists():
            for old in (old for pattern in _OUTPUTS for old in out.glob(pattern)):
                old.unlink()
        elif any(out.iterdir()):
            hint = "choose a folder that is new, empty, or an earlier rehearsal's"
            raise InputError("is not empty and holds no earlier rehearsal", Place(out), hint)
        (out / JOURNAL).touch()
    except OSError as error:
        raise InputError(f"cannot write there: {error.strerror}", Place(out)) from None


def _ask_range(recorded: Recorded, url_place: Place, query_place: Place) -> list[list[tuple[float, float]]]:
    """Ask the Prometheus of a recorded envelope."""
    url, query, begin, end = recorded.prometheus, recorded.query, recorded.from_, recorded.to
    assert url is not None
    assert query is not None
    assert begin is not None
    assert end is not None
    with UserPrometheus(url, flag=str(url_place)) as prometheus:
        try:
            answer = prometheus.query_range(query, begin, end, recorded.step)
        except QueryRefused as error:
            raise InputError(str(error), query_place) from error
    return [[(at, float(value)) for at, value in samples] for _, samples in answer]


def _folder(loaded: LoadedScenario) -> Path:
    return Path(loaded.document.file).parent


def _rule_files(loaded: LoadedScenario) -> list[Path]:
    return [
        find_file("rules", name, loaded.place(("monitoring", "rules", index)), _folder(loaded))
        for index, name in enumerate(loaded.scenario.monitoring.rules)
    ]


def _check_expectations(loaded: LoadedScenario, ruleset: RuleSet, injections: Sequence[Injection]) -> None:
    """Refuse an expectation about an alert or injection that does not exist: it could never be anything but unmet."""
    known, ids = ruleset.alert_names(), [injection.id for injection in injections]
    for index, entry in enumerate(loaded.scenario.expect):
        match entry:
            case ExpectFires(fires=fires) if fires.alert not in known:
                raise unknown_name("alert", fires.alert, known, loaded.place(("expect", index, "fires", "alert")))
            case ExpectFires(fires=fires) if fires.injection is not None and fires.injection not in ids:
                place = loaded.place(("expect", index, "fires", "injection"))
                raise unknown_name("injection", fires.injection, ids, place)
            case ExpectSilent(silent=silent) if silent.alert not in known:
                raise unknown_name("alert", silent.alert, known, loaded.place(("expect", index, "silent", "alert")))


def _questions(loaded: LoadedScenario) -> tuple[Question, ...]:
    """Return what a scenario's measures ask of the run, in their order.

    Raises:
        InputError: a measure is about a time after the end.
    """
    questions = []
    for index, entry in enumerate(loaded.scenario.expect):
        if isinstance(entry, ExpectMeasures) and entry.measures.query is not None:
            measures, path = entry.measures, ("expect", index, "measures")
            _check_times(measures, loaded, path)
            questions.append(
                Question(entry.measures.query, loaded.place((*path, "query")), at=measures.at, after=measures.after)
            )
    return tuple(questions)


def _check_times(measures: Measures, loaded: LoadedScenario, path: KeyPath) -> None:
    end = loaded.scenario.duration
    for key, moment in (("at", measures.at), ("after", measures.after)):
        if moment is not None and moment > end:
            problem = f"is at {format_duration(moment)}, but the scenario ends at {format_duration(end)}"
            raise InputError(problem, loaded.place((*path, key)))
