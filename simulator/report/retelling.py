"""Tell of a rehearsal from the folder that it left, whether it came to its end or not."""

from __future__ import annotations

import hashlib
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from simulator.alerting.certify import Clock
from simulator.alerting.filling import fill
from simulator.alerting.following import Followed, follow
from simulator.alerting.openmetrics import read_openmetrics
from simulator.alerting.prometheus import PrivatePrometheus
from simulator.errors import InputError, Place
from simulator.report.account import Journalled
from simulator.report.html import write_html
from simulator.report.journal import JOURNAL, read_journal
from simulator.report.markdown import write_markdown
from simulator.report.unfinished import Remains, conclude_unfinished

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from simulator.alerting.openmetrics import RecordedMetrics
    from simulator.alerting.ruleset import RuleSet
    from simulator.conditions import Fault
    from simulator.report.account import Account
    from simulator.scenario.schema import Scenario

METRICS = "metrics.om"


def leave_page(folder: Path, followed: Followed, scenario: Scenario, ruleset: RuleSet) -> None:
    """Write `report.html` of a rehearsal that has just come to its verdict."""
    journalled = Journalled.of(read_journal(folder / JOURNAL))
    assert journalled.verdict is not None
    account = journalled.account(journalled.verdict, followed, scenario, ruleset)
    (folder / "report.html").write_text(write_html(account), encoding="utf-8")


def rebuild(folder: Path, faults: Mapping[str, type[Fault]]) -> Account:
    """Write `report.md` and `report.html` anew, and return what they tell.

    Raises:
        InputError: the folder holds no rehearsal, or what it holds does not go together.
        EngineError: Prometheus or promtool is missing or failed.
    """
    account = retell(folder, faults)
    try:
        (folder / "report.md").write_text(write_markdown(account.verdict), encoding="utf-8")
        (folder / "report.html").write_text(write_html(account), encoding="utf-8")
    except OSError as error:
        raise InputError(f"cannot write there: {error.strerror}", Place(folder)) from None
    return account


def retell(folder: Path, faults: Mapping[str, type[Fault]]) -> Account:
    """Return what there is to tell of a rehearsal, from its journal and its metrics.

    One that did not come to its end is INVALID, whatever its alerts did until then.

    Raises:
        InputError: the folder holds no rehearsal, or what it holds does not go together.
        EngineError: Prometheus or promtool is missing or failed.
    """
    file = folder / JOURNAL
    if not file.is_file():
        hint = "give a folder that `syncstorm rehearse` or `syncstorm gameday` left"
        raise InputError("holds no rehearsal: there is no journal.jsonl", Place(folder), hint)
    journalled = Journalled.of(read_journal(file))
    inputs = journalled.inputs
    if inputs is None:
        hint = "rehearse it again"
        raise InputError("does not say what went into the rehearsal: another version wrote it", Place(file), hint)
    try:
        scenario, ruleset = inputs.read_scenario(), inputs.read_rules()
    except ValueError as error:
        raise InputError(f"has a scenario that this version cannot read: {error}", Place(file)) from None
    metrics = _read_metrics(folder, journalled)
    verdict, followed = journalled.verdict, Followed()
    if metrics is None:
        if verdict is None:
            remains = Remains(journalled, scenario, ruleset, None, None)
            verdict = conclude_unfinished(remains, faults, end=journalled.last)
        return journalled.account(verdict, followed, scenario, ruleset)
    began = round(journalled.began, 3)
    end = verdict.duration_s if verdict is not None else max(journalled.last, (metrics.last or began) - began)
    clock = Clock(round(end, 3), scenario.monitoring.evaluation_interval)
    interval = clock.evaluation_interval_seconds
    with _prometheus(folder / METRICS, metrics, interval) as prometheus:
        if verdict is None:
            recorded = _recorded_until(metrics, began, end, scenario)
            clock = Clock(recorded, interval)
            remains = Remains(journalled, scenario, ruleset, prometheus, clock)
            verdict = conclude_unfinished(remains, faults, end=round(end, 3))
        followed = follow(prometheus, ruleset, inputs.watched, clock, began=began)
    return journalled.account(verdict, followed, scenario, ruleset)


def fingerprint(file: Path) -> str:
    """Return the SHA-256 of a file, as hexadecimal."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _read_metrics(folder: Path, journalled: Journalled) -> RecordedMetrics | None:
    """Return what was recorded; None if nothing was.

    Raises:
        InputError: the file is not the one that the rehearsal left.
    """
    file = folder / METRICS
    if not file.is_file() or not file.stat().st_size:
        return None
    noted = next((entry["metrics"] for entry in journalled.entries if "metrics" in entry), None)
    if noted is not None and fingerprint(file) != noted:
        hint = "bring the file back, or remove it to have the report without its series"
        raise InputError("is not what this rehearsal left: its SHA-256 is another one", Place(file), hint)
    metrics = read_openmetrics(file)
    if not metrics.is_whole and not journalled.is_live:
        return None  # virtual time is written series by series: of one that was cut off nobody knows what it lacks
    return metrics if metrics.samples else None


def _recorded_until(metrics: RecordedMetrics, began: float, end: float, scenario: Scenario) -> float:
    """Return until when rules can be evaluated: to the end, or as long as the last scrape counts as new."""
    last = (metrics.last or began) - began
    return round(max(min(end, last + scenario.monitoring.scrape_interval), 0.0), 3)


@contextmanager
def _prometheus(
    file: Path, metrics: RecordedMetrics, evaluation_interval_seconds: float
) -> Iterator[PrivatePrometheus]:
    """Run a Prometheus that holds the samples; of a file that was cut off, those that are whole."""
    with tempfile.TemporaryDirectory(prefix="syncstorm-") as temporary:
        if not metrics.is_whole:
            file = Path(temporary) / METRICS
            metrics.write(file)
        with PrivatePrometheus(file, evaluation_interval_seconds=evaluation_interval_seconds) as prometheus:
            fill(prometheus, metrics.by_target())
            yield prometheus
