"""`report.md`: the verdict for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.core.losses import SILENT_LOSSES
from simulator.durations import format_duration
from simulator.report.findings import describe_span
from simulator.report.story import tell, tell_scrapes

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from simulator.report.verdict import AlertEntry, Verdict


def write_markdown(verdict: Verdict) -> str:
    """Return the report as Markdown."""
    parts = [
        f"# {verdict.scenario}: {verdict.verdict}",
        verdict.summary,
        "\n".join(f"- {_flat(reason)}" for reason in verdict.reasons),
        _section(
            "Timeline",
            table(
                ("time", "event", "what", ""),
                ((_time(h.at), h.event, f"`{h.subject}`", h.detail) for h in tell(verdict)),
            ),
        ),
        _section(
            "Expectations",
            table(
                ("expected", "of", "outcome", "what happened"),
                (
                    (e.kind, f"`{e.alert}`" if e.alert else e.what or "", e.outcome, e.detail)
                    for e in verdict.expectations
                ),
            ),
        ),
        _section(
            "Alerts",
            table(
                ("alert", "expected", "state", "pending", "firing", "resolved", "lateness", "injection"),
                map(_alert_row, verdict.alerts),
            ),
        ),
        _not_covered(verdict.alerts),
        _blind_for_a_while(verdict.alerts),
        _section("Silent losses", _silent_losses(verdict)),
        "\n".join(f"- {tell_scrapes(entry)}" for entry in verdict.failed_scrapes),
        _section("Provenance", _provenance(verdict)),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _section(title: str, body: str) -> str:
    return f"## {title}\n\n{body}" if body else ""


def _alert_row(alert: AlertEntry) -> Sequence[str]:
    return (
        f"`{alert.alert}`",
        alert.expected or "",
        alert.state,
        _time(alert.pending_at_s),
        _time(alert.firing_at_s),
        _time(alert.resolved_at_s),
        "" if alert.lateness_s is None else format_duration(alert.lateness_s),
        f"`{alert.injection}`" if alert.injection else "",
    )


def _not_covered(alerts: Sequence[AlertEntry]) -> str:
    blind = [alert for alert in alerts if alert.state == "no_data"]
    if not blind:
        return ""
    lines = [f"- `{alert.alert}`: {_why_blind(alert)}" for alert in blind]
    return "Not covered, because the run had no data for them:\n\n" + "\n".join(lines)


def _blind_for_a_while(alerts: Sequence[AlertEntry]) -> str:
    """Tell of alerts that were active, and did not see their data all the time."""
    lines = [
        f"- `{alert.alert}`: {_when_blind(alert)}" for alert in alerts if alert.blind_s and alert.state != "no_data"
    ]
    return "Not covered all the time, because their data was gone:\n\n" + "\n".join(lines) if lines else ""


def _when_blind(alert: AlertEntry) -> str:
    return f"no data {', '.join(map(describe_span, alert.blind_s))}"


def _why_blind(alert: AlertEntry) -> str:
    if alert.blind_s:
        return _when_blind(alert)
    missing = ", ".join(f"`{selector}`" for selector in alert.missing)
    return f"nothing matched {missing}" if missing else (alert.note or "no data")


def _silent_losses(verdict: Verdict) -> str:
    if verdict.silent_losses is None:
        return ""
    struck = verdict.silent_losses.struck()
    if not struck:
        return "No client lost events without being told."
    rows = ((f"`{kind}`", f"{count} of {verdict.clients}", SILENT_LOSSES[kind]) for kind, count in struck.items())
    lead = "No metric shows these, so no alert on the sync metrics can; the simulator knows what was published."
    return f"{lead}\n\n{table(('kind', 'clients', 'what happened'), rows)}"


def _provenance(verdict: Verdict) -> str:
    engine = "none" if verdict.engine is None else f"{verdict.engine.name} {verdict.engine.version}"
    rows = [
        ("scenario, seed", f"{verdict.scenario}, {verdict.seed}"),
        (f"{'real' if verdict.mode == 'live' else 'virtual'} time", format_duration(round(verdict.duration_s))),
        ("clients", f"{verdict.clients}, of which {verdict.control_clients} met no injection"),
        ("engine", f"{engine}; {_certified(verdict)}"),
        ("syncstorm", verdict.version),
    ]
    if verdict.digest is not None:
        rows.append(("digest", f"`{verdict.digest}`"))
    return table(("", ""), rows)


def _certified(verdict: Verdict) -> str:
    if verdict.mode == "live" and verdict.engine is None:
        return "nobody evaluated the rules while the run went on"
    if verdict.mode == "live":
        return "it evaluated the rules while the run went on"
    word = "not certified"
    if verdict.certification is not None:
        word = "certified" if verdict.certification.certified else "refuted"
    return f"alert timeline {word} by `promtool test rules`"


def _time(seconds: float | None) -> str:
    return "" if seconds is None else format_duration(seconds)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table, or nothing where there are no rows."""
    lines = [_row(head), _row(["---"] * len(head)), *map(_row, rows)]
    return "\n".join(lines) if len(lines) > 2 else ""


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(_flat(cell).replace("|", "\\|") for cell in cells) + " |"


def _flat(text: str) -> str:
    """Return a text as one line: a line break would end a table's row."""
    return " ".join(text.split())
