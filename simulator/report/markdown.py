"""`report.md`: the verdict for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.durations import format_duration
from simulator.report.story import tell

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


def _why_blind(alert: AlertEntry) -> str:
    missing = ", ".join(f"`{selector}`" for selector in alert.missing)
    return f"nothing matched {missing}" if missing else (alert.note or "no data")


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
