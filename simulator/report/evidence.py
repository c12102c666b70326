"""The parts of `report.html` that say what went in, what vouches for it, what follows, and how to do it again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.core.losses import SILENT_LOSSES
from simulator.durations import format_duration
from simulator.report.page import Html, bullets, code, element, join, table
from simulator.report.response import Deed, Firing, respond
from simulator.report.story import tell_scrapes
from simulator.report.views import pages_late

if TYPE_CHECKING:
    from collections.abc import Iterator

    from simulator.report.account import Account
    from simulator.report.verdict import Verdict


def inputs_of(account: Account) -> Html:
    """Return what the rehearsal was made of."""
    verdict, inputs = account.verdict, account.inputs
    clients = str(verdict.clients)
    if account.ended:
        clients += f", of which {verdict.control_clients} met no injection"
    rows: list[tuple[object, object]] = [
        ("scenario", verdict.scenario),
        ("seed", verdict.seed),
        (f"{'real' if verdict.mode == 'live' else 'virtual'} time", format_duration(round(verdict.duration_s))),
        ("clients", clients),
    ]
    if inputs is not None:
        rows.append(("alert rules", join(map(code, inputs.rule_files), ", ") or "of a Prometheus"))
        rows.append(("contract", inputs.contract))
    if runbooks := _runbooks(account):
        rows.append(("runbooks", join(map(code, runbooks), ", ")))
    return table(("", ""), rows)


def _runbooks(account: Account) -> list[str]:
    """Return the runbooks of the alerts that fired, as the annotations name them."""
    fired = {alert.alert for alert in account.verdict.alerts if alert.state == "fired"}
    found = [
        rule.annotations[key]
        for rule in account.rules
        for key in ("runbook_url", "runbook")
        if rule.alert in fired and key in rule.annotations
    ]
    return list(dict.fromkeys(found))


def exit_criteria(account: Account) -> Html:
    """Return whether it was over, by the criteria of the runbooks."""
    if not account.criteria:
        return element("p", "No alert fired that a runbook has exit criteria for that a run can be held against.")
    classes = {"met": "met", "not met": "not-met", "cannot be told": "open"}
    rows = [
        (
            code(judged.criterion.alert),
            judged.criterion.says,
            element("span", judged.outcome, class_=f"badge {classes[judged.outcome]}"),
            judged.detail,
        )
        for judged in account.criteria
    ]
    return table(("alert", "criterion", "", "what the run showed"), rows)


def people(account: Account) -> Html:
    """Return what people did, and how soon; nothing where nobody did anything."""
    if not account.actions:
        return Html()
    rows = [
        (format_duration(round(action.at, 3)), action.who, action.what, action.about, action.text)
        for action in account.actions
    ]
    log = table(("time", "who", "what", "about", "in their words"), rows)
    lead = (
        "Detection counts from the injection that began last before the alert was pending, the others from detection."
    )
    return join((log, element("p", lead), _responses(account)))


def _responses(account: Account) -> Html:
    firings = [
        Firing(alert.alert, episode.pending_at_s, episode.firing_at_s, episode.resolved_at_s)
        for alert in account.verdict.alerts
        for episode in alert.episodes
        if episode.firing_at_s is not None
    ]
    deeds = [Deed(action.at, action.what, action.about) for action in account.actions]
    found = respond(firings, deeds, [entry.at_s for entry in account.verdict.injections])
    rows = [
        (
            code(response.firing.alert),
            format_duration(response.firing.firing_at),
            _soon(response.detect_seconds, "no injection"),
            _soon(response.acknowledge_seconds, "never"),
            _soon(response.mitigate_seconds, "never"),
        )
        for response in found
    ]
    return table(("alert", "fired", "to detect", "to acknowledge", "to mitigate"), rows)


def _soon(seconds: float | None, otherwise: str) -> str:
    return otherwise if seconds is None else format_duration(round(seconds, 3))


def verification(account: Account) -> Html:
    """Return what vouches for the result."""
    verdict = account.verdict
    lines: list[object] = [_engine(account), _certified(verdict), *map(tell_scrapes, verdict.failed_scrapes)]
    if verdict.notifications:
        lines.append(f"{len(verdict.notifications)} notifications came to the receivers that stand in place of yours.")
    lines.append(_losses(verdict))
    return bullets(line for line in lines if line)


def _engine(account: Account) -> str:
    verdict = account.verdict
    if not account.ended:
        return "Nobody judged this run. What is said of its alerts was evaluated afterwards, over what it had recorded."
    if verdict.engine is None:
        return "The rules were not evaluated."
    how = "while the run went on" if verdict.mode == "live" else "over every sample of the run"
    return f"{verdict.engine.name} {verdict.engine.version} evaluated the rules {how}."


def _certified(verdict: Verdict) -> Html | str:
    done = verdict.certification
    if done is None:
        return "" if verdict.mode == "live" else "No alert timeline was certified."
    files = join(map(code, done.files), ", ")
    if done.certified:
        return join(("promtool test rules comes to the same alert timeline: ", files, "."))
    return join(("promtool test rules does not come to the same alert timeline: ", "; ".join(done.mismatches)))


def _losses(verdict: Verdict) -> str:
    if verdict.silent_losses is None:
        return "Whether clients lost events silently is not known."
    struck = verdict.silent_losses.struck()
    if not struck:
        return "No client lost events without being told."
    told = (f"{count} of {verdict.clients} clients: {SILENT_LOSSES[kind]} ({kind})" for kind, count in struck.items())
    return f"Silent losses, which no metric shows: {'; '.join(told)}."


def follow_up(account: Account) -> Html:
    """Return what is to be done about what the rehearsal found."""
    steps = list(_steps(account))
    return element("ol", *(element("li", step) for step in steps)) if steps else element("p", "Nothing came up.")


def _steps(account: Account) -> Iterator[object]:
    verdict = account.verdict
    if not account.ended or verdict.verdict == "INVALID":
        yield "Find out what broke the rehearsal, and run it again: as it is, it shows nothing."
    for entry in verdict.expectations:
        if entry.outcome == "unmet":
            about = entry.alert or entry.what or "Other alerts"
            yield f"{about}: {entry.detail}. Change the rule, or what is expected."
    for alert in pages_late(verdict):
        assert alert.lateness_s is not None
        late = format_duration(alert.lateness_s)
        yield f"{alert.alert} fired {late} after its incident was over: nobody could have acted on it in time."
    for judged in account.criteria:
        if judged.outcome == "not met":
            said = judged.criterion
            yield f"{said.says}: not so ({judged.detail}). The incident was not over; see {said.runbook}."
    if verdict.silent_losses is not None and verdict.silent_losses.struck():
        yield "Clients lost events and were told nothing. No alert on the sync metrics can see that; it needs a metric."
    if verdict.not_covered:
        blind = len(verdict.not_covered)
        yield f"{blind} rules read metrics that the run did not have: rehearse them elsewhere, or drop them."
    yield "Run this again after any change of the sync protocol, of its tokens, or of the rules."


def reproduce(account: Account) -> Html:
    """Return how to do it again."""
    verdict, inputs = account.verdict, account.inputs
    engine = "none" if verdict.engine is None else f"{verdict.engine.name} {verdict.engine.version}"
    rows: list[tuple[object, object]] = [("syncstorm", verdict.version), ("judged by", engine)]
    if inputs is not None:
        rows.append(("Python", inputs.python))
    rows.append(("seed", verdict.seed))
    if verdict.digest is not None:
        rows.append(("digest", code(verdict.digest)))
    elif verdict.mode == "live":
        rows.append(("digest", "none: a run in real time is never the same twice"))
    command = Html() if inputs is None else element("pre", code(inputs.command))
    again = ""
    if verdict.mode == "virtual" and inputs is not None and verdict.digest is not None:
        again = element("p", "The same scenario, seed and version have the same digest, on every machine.")
    return join((command, table(("", ""), rows), again))
