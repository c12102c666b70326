"""`report.html`: one rehearsal for people, in the form of the tabletop report that this project began with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.durations import format_duration
from simulator.report.charts import draw_alert, draw_cohorts, draw_detection, draw_matrix, draw_timeline
from simulator.report.delays import delays_of
from simulator.report.evidence import exit_criteria, follow_up, inputs_of, people, reproduce, verification
from simulator.report.findings import describe_span
from simulator.report.page import Html, breakable, bullets, chart, code, element, join, section, table, write_page
from simulator.report.views import (
    alert_view,
    closeness_at,
    cohort_curves,
    has_chart,
    injected,
    matrix_cells,
    timeline_lanes,
    timeline_marks,
)

if TYPE_CHECKING:
    from simulator.report.account import Account
    from simulator.report.verdict import AlertEntry, ExpectationEntry, InjectionEntry, Verdict


def write_html(account: Account) -> str:
    """Return the report as one HTML page that needs nothing but itself."""
    verdict = account.verdict
    return write_page(
        f"{verdict.scenario}: {verdict.verdict}",
        _head(account),
        section("Timeline", _timeline(account)),
        section("Rehearsal inputs", inputs_of(account)),
        section("Scenarios and outcomes", *_outcomes(account), _expectations(verdict)),
        section("Alerts", *_alerts(account)),
        section("Where detection time went", _detection(account)),
        section("Alerts against injections", _matrix(verdict)),
        section("Exit criteria", exit_criteria(account)),
        section("Affected cohort and control cohort", _cohorts(account)),
        section("What people did", people(account)),
        section("Rules not covered", _not_covered(verdict)),
        section("Verification evidence", verification(account)),
        section("Follow-up", follow_up(account)),
        section("How to reproduce it", reproduce(account)),
    )


def _head(account: Account) -> Html:
    verdict = account.verdict
    title = element("h1", f"{verdict.scenario}: ", element("span", verdict.verdict, class_=f"badge {verdict.verdict}"))
    summary = element("p", verdict.summary) if verdict.summary else ""
    return join(
        (
            title,
            summary,
            element("div", element("p", _why(account)), bullets(verdict.reasons), class_=f"verdict {verdict.verdict}"),
        )
    )


def _why(account: Account) -> str:
    if not account.ended:
        return "The run did not come to a verdict. This is what is known of it:"
    return {
        "PASS": "Everything that was expected was shown:",
        "FAIL": "An expectation was not met:",
        "INVALID": "The rehearsal itself was broken, so its alerts say nothing:",
        "INCONCLUSIVE": "There was no data for something that was expected, so nothing was shown:",
    }[account.verdict.verdict]


def _timeline(account: Account) -> Html:
    verdict = account.verdict
    lanes, marks = timeline_lanes(verdict), timeline_marks(account)
    if not lanes and not marks:
        return element("p", "Nothing was injected, and no alert was active.")
    return chart(draw_timeline(lanes, verdict.duration_s, marks), "timeline of injections and alerts")


def _outcomes(account: Account) -> list[Html]:
    verdict = account.verdict
    if not verdict.injections:
        return [element("p", "Nothing was injected.")]
    return [element("ol", *(element("li", _outcome(entry, account)) for entry in verdict.injections))]


def _outcome(entry: InjectionEntry, account: Account) -> Html:
    verdict = account.verdict
    when = f"at {format_duration(entry.at_s)}"
    if entry.until_s > entry.at_s:
        when = f"from {format_duration(entry.at_s)} to {format_duration(round(entry.until_s, 3))}"
    parameters = ", ".join(f"{name} {value}" for name, value in entry.parameters.items())
    seen = [alert for alert in verdict.alerts if any(e.injection == entry.id for e in alert.episodes)]
    whom = f"reached {entry.touched} of {verdict.clients} clients"
    if not account.ended and not entry.touched:
        whom = "whom it reached is not known"
    reached = f"Level {entry.level:g}, {when}: {whom}."
    lines = [f"{reached} Parameters: {parameters}." if parameters else reached]
    lines += [_saw(alert, entry) for alert in seen] or [
        "No alert saw it." if account.ended else "As far as is known, no alert saw it."
    ]
    return join((element("strong", breakable(entry.id)), bullets(lines)))


def _saw(alert: AlertEntry, entry: InjectionEntry) -> str:
    episodes = [episode for episode in alert.episodes if episode.injection == entry.id]
    fired = [episode for episode in episodes if episode.firing_at_s is not None]
    if not fired:
        return f"{alert.alert} became pending, but did not fire."
    first, last = fired[0].firing_at_s, fired[-1].resolved_at_s
    assert first is not None
    after = format_duration(round(first - entry.at_s, 3))
    end = "was still firing at the end" if last is None else f"was resolved at {format_duration(last)}"
    return f"{alert.alert} fired at {format_duration(first)}, after {after}, and {end}."


def _expectations(verdict: Verdict) -> Html:
    return table(
        ("expected", "of", "outcome", "what happened"),
        ((entry.kind, _about(entry), _outcome_word(entry), entry.detail) for entry in verdict.expectations),
    )


def _about(entry: ExpectationEntry) -> object:
    return code(entry.alert) if entry.alert else entry.what or ""


def _outcome_word(entry: ExpectationEntry) -> Html:
    return element("span", entry.outcome, class_=f"badge {entry.outcome}")


def _alerts(account: Account) -> list[Html]:
    parts: list[Html] = []
    for number, alert in enumerate(account.verdict.alerts):
        closeness = closeness_at(account, number)
        if not has_chart(alert, closeness):
            continue
        rule = account.rules[number] if number < len(account.rules) else None
        parts.append(element("h3", breakable(alert.alert)))
        if rule is not None:
            held = f", for {format_duration(rule.for_seconds)}" if rule.for_seconds else ""
            parts.append(element("p", code(" ".join(rule.expr.split())), held, class_="dim"))
        parts.append(element("p", _say(alert)))
        if closeness is None or not closeness.courses:
            parts.append(element("p", "Its series is not known: it is no comparison, or a rule manager evaluated it."))
        parts.append(chart(draw_alert(alert_view(account, number)), f"chart of {alert.alert}: {_say(alert)}"))
    return parts


def _say(alert: AlertEntry) -> str:
    over = "resolved" if alert.state == "fired" else "dropped"
    times = (("pending", alert.pending_at_s), ("firing", alert.firing_at_s), (over, alert.resolved_at_s))
    known = [f"{word} at {format_duration(at)}" for word, at in times if at is not None]
    nearest = "" if alert.nearest is None or alert.threshold is None else f" It came to {alert.nearest:.4g}"
    nearest += f", and the threshold is {alert.threshold:g}." if nearest else ""
    late = "".join(f" It saw nothing {describe_span(span)}." for span in alert.blind_s)
    if alert.lateness_s is not None:
        word = "after the incident was over" if alert.lateness_s > 0 else "before the incident was over"
        late += f" It fired {format_duration(abs(alert.lateness_s))} {word}."
    return f"{alert.state.replace('_', ' ').capitalize()}{': ' if known else ''}{', '.join(known)}.{nearest}{late}"


def _detection(account: Account) -> Html:
    delays = delays_of(account)
    if not delays:
        return element("p", "No alert fired that an injection explains.")
    names = list(dict.fromkeys(part.name for delay in delays for part in delay.parts))
    rows = [
        (
            code(delay.name),
            *(_duration(next((p.seconds for p in delay.parts if p.name == name), None)) for name in names),
            format_duration(round(delay.seconds, 3)),
        )
        for delay in delays
    ]
    return join((chart(draw_detection(delays), "where detection time went"), table(("alert", *names, "in all"), rows)))


def _duration(seconds: float | None) -> str:
    return "" if seconds is None else format_duration(seconds)


def _matrix(verdict: Verdict) -> Html:
    cells = matrix_cells(verdict)
    return chart(draw_matrix(cells), "alerts against injections") if cells else Html()


def _cohorts(account: Account) -> Html:
    verdict, cohorts = account.verdict, account.cohorts
    if cohorts is None:
        return element("p", "The journal does not say what clients went through.")
    rows = [
        (name, side.size, len(side.harmed_at), f"{len(side.harmed_at) / side.size:.1%}" if side.size else "")
        for name, side in (("affected", cohorts.affected), ("control", cohorts.control))
    ]
    lead = (
        "Clients that had been refused or had timed out, of those that an injection reached and of those that none did."
    )
    drawn = draw_cohorts(cohort_curves(account), verdict.duration_s, injected(verdict))
    head = ("cohort", "clients", "refused or timed out", "share")
    return join((element("p", lead), chart(drawn, "affected cohort and control cohort"), table(head, rows)))


def _not_covered(verdict: Verdict) -> Html:
    blind = [alert for alert in verdict.alerts if alert.state == "no_data"]
    if not blind:
        return element("p", "There was data for every rule.") if verdict.alerts else Html()
    rows = [(code(alert.alert), _why_blind(alert)) for alert in blind]
    lead = f"{len(blind)} of {len(verdict.alerts)} rules had no data in this run. Their silence says nothing."
    return join((element("p", lead), table(("alert", "why"), rows)))


def _why_blind(alert: AlertEntry) -> Html:
    if alert.missing:
        return join(("nothing matched ", join(map(code, alert.missing), ", ")))
    gone = ", ".join(map(describe_span, alert.blind_s))
    return join((f"no data {gone}" if gone else alert.note or "no data",))
