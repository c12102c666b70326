"""Small broken things with their fixed twins: rules, and what hangs on them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

AUTH = "openagents_runtime_sync_socket_auth_count"
STALE = "openagents_runtime_sync_replay_catchup_duration_ms_count"
TOLD = "openagents_sync_client_telemetry_event_count"
RUNBOOK = "docs/zoo.md#keeping-animals"


@dataclass(frozen=True)
class Side:
    """One twin: its rules, its panels as title and query, and lines of a runbook's front matter."""

    rules: tuple[dict[str, Any], ...] = ()
    panels: tuple[str, ...] = ()
    criteria: tuple[str, ...] = ()


@dataclass(frozen=True)
class Specimen:
    """What is wrong with the broken twin, and how often it is said."""

    name: str
    kind: str
    broken: Side
    fixed: Side
    severity: str = "error"


def alert(expr: str, **changes: Any) -> dict[str, Any]:
    """Return a rule that nothing else is wrong with; `None` takes a key out."""
    labels = {"severity": "warning"} | changes.pop("labels", {})
    annotations = {"summary": "An animal is loose", "runbook": RUNBOOK} | changes.pop("annotations", {})
    rule = {"expr": expr, "for": "1m", "labels": _without_none(labels), "annotations": _without_none(annotations)}
    return rule | changes


def _without_none(entries: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in entries.items() if value is not None}


def rule(expr: str, **changes: Any) -> Side:
    """Return a side of one rule."""
    return Side((alert(expr, **changes),))


def pair(name: str, kind: str, broken: Side, fixed: Side, severity: str = "error") -> Specimen:
    """Return a specimen."""
    return Specimen(name, kind, broken, fixed, severity)


SPECIMENS = (
    pair(
        "MetricMissing",
        "metric-missing",
        rule('sum(rate(openagents_runtime_sync_socket_auth_total{status="error"}[5m])) > 1'),
        rule(f'sum(rate({AUTH}{{status="error"}}[5m])) > 1'),
    ),
    pair(
        "MetricMissingInOneBranch",
        "metric-missing",
        rule(f'sum(rate({AUTH}{{status="error"}}[6m])) > 1 unless sum(rate(maintenance_windows[6m])) > 0'),
        rule(f'sum(rate({AUTH}{{status="error"}}[6m])) > 1 unless sum(rate({STALE}[6m])) > 0'),
        "warning",
    ),
    pair(
        "AbsenceOfWhatNeverWas",
        "metric-missing",
        rule("absent(openagents_runtime_sync_socket_auths_count)"),
        rule(f"absent({AUTH})"),
    ),
    pair(
        "RecordingMissing",
        "recording-missing",
        rule("sync:auth_errors:rate5m > 2"),
        Side(
            (
                {"record": "sync:auth_errors:rate7m", "expr": f'sum(rate({AUTH}{{status="error"}}[7m]))'},
                alert("sync:auth_errors:rate7m > 2"),
            )
        ),
    ),
    pair(
        "LabelMissing",
        "label-missing",
        rule(f'sum(rate({AUTH}{{reason_code="unknown_kid"}}[5m])) > 3'),
        rule(f'sum(rate({AUTH}{{reason_class="unknown_kid"}}[5m])) > 3'),
    ),
    pair(
        "LabelMissingSoEverythingCounts",
        "label-missing",
        rule(f'sum(rate({AUTH}{{outcome!="ok"}}[5m])) > 4'),
        rule(f'sum(rate({AUTH}{{status!="ok"}}[5m])) > 4'),
        "warning",
    ),
    pair(
        "ValueMissing",
        "label-value-missing",
        rule(f'sum(rate({AUTH}{{status="failed"}}[5m])) / sum(rate({AUTH}[5m])) > 0.05'),
        rule(f'sum(rate({AUTH}{{status="error"}}[5m])) / sum(rate({AUTH}[5m])) > 0.05'),
    ),
    pair(
        "ValueMissingInAnAlternative",
        "label-value-missing",
        rule(f'sum(increase({AUTH}{{reason_class=~"unknown_kid|hash_and_lag_drift"}}[10m])) > 5'),
        rule(f'sum(increase({AUTH}{{reason_class=~"unknown_kid|claim_mismatch"}}[10m])) > 5'),
        "warning",
    ),
    pair(
        "ValuesThatNeverMeet",
        "label-value-missing",
        rule(f'sum(increase({AUTH}{{status="ok",reason_class="token_expired"}}[10m])) > 5'),
        rule(f'sum(increase({AUTH}{{status="error",reason_class="token_expired"}}[10m])) > 5'),
    ),
    pair(
        "GroupedByNothing",
        "grouping-label-missing",
        rule(f'sum by (reason_code) (rate({AUTH}{{status="error"}}[5m])) > 6'),
        rule(f'sum by (reason_class) (rate({AUTH}{{status="error"}}[5m])) > 6'),
        "warning",
    ),
    pair(
        "RatioWithoutGroupLeft",
        "vector-match-empty",
        rule(f'sum by (reason_class) (rate({AUTH}{{status="error"}}[5m])) / sum(rate({AUTH}[5m])) > 0.07'),
        rule(
            f'sum by (reason_class) (rate({AUTH}{{status="error"}}[5m])) / on () group_left () sum(rate({AUTH}[5m]))'
            " > 0.07"
        ),
    ),
    pair(
        "SidesThatNeverMeet",
        "vector-match-empty",
        rule(
            f'sum by (status) (rate({AUTH}{{status="error"}}[5m])) / sum by (status) (rate({AUTH}{{status="ok"}}[5m]))'
            " > 0.08"
        ),
        rule(
            f'sum by (status) (rate({AUTH}{{status="error"}}[5m])) / ignoring (status)'
            f' sum by (status) (rate({AUTH}{{status="ok"}}[5m])) > 0.08'
        ),
    ),
    pair(
        "AndWithOtherLabels",
        "vector-match-empty",
        rule(f"sum by (event_type) (rate({TOLD}[5m])) > 9 and sum(rate({AUTH}[5m])) > 1"),
        rule(f"sum by (event_type) (rate({TOLD}[5m])) > 9 and on () sum(rate({AUTH}[5m])) > 1"),
    ),
    pair(
        "ManyToOne",
        "vector-match-ambiguous",
        rule(
            f"sum by (event_type, surface) (rate({TOLD}[5m])) / on (event_type) sum by (event_type) (rate({TOLD}[5m]))"
            " > 0.9"
        ),
        rule(
            f"sum by (event_type, surface) (rate({TOLD}[5m])) / on (event_type) group_left ()"
            f" sum by (event_type) (rate({TOLD}[5m])) > 0.9"
        ),
    ),
    pair(
        "TemplateBroken",
        "template-broken",
        rule(f"sum(rate({AUTH}[5m])) > 11", annotations={"description": "{{ $value | humanise }}"}),
        rule(f"sum(rate({AUTH}[5m])) > 11", annotations={"description": "{{ $value | humanize }}"}),
    ),
    pair(
        "TemplateWithoutItsLabel",
        "template-label-missing",
        rule(f"sum(rate({STALE}[5m])) > 12", annotations={"description": "Stale: {{ $labels.status }}"}),
        rule(f"sum by (status) (rate({STALE}[5m])) > 12", annotations={"description": "Stale: {{ $labels.status }}"}),
        "warning",
    ),
    pair(
        "TemplateWithARulesOwnLabel",
        "template-label-missing",
        rule(f"sum(rate({STALE}[7m])) > 13", annotations={"description": "It is {{ $labels.severity }}"}),
        rule(f"sum(rate({STALE}[7m])) > 13", annotations={"description": "It is a warning"}),
        "warning",
    ),
    pair(
        "TemplateFails",
        "template-fails",
        rule(f"sum(rate({STALE}[8m])) > 14", annotations={"description": '{{ $value | printf "%d" }} a second'}),
        rule(f"sum(rate({STALE}[8m])) > 14", annotations={"description": '{{ $value | printf "%.0f" }} a second'}),
        "warning",
    ),
    pair(
        "LabelsCollide",
        "labels-collide",
        rule(f"sum by (surface) (rate({TOLD}[5m])) > 15", labels={"surface": "all"}),
        rule(f"sum by (surface) (rate({TOLD}[5m])) > 15", labels={"scope": "all"}),
    ),
    pair(
        "Twice",
        "duplicate-rule",
        Side(
            (
                alert(f"sum(rate({TOLD}[6m])) > 16", alert="Twice"),
                alert(f"sum(rate({STALE}[6m])) > 16", alert="Twice"),
            )
        ),
        Side(
            (
                alert(f"sum(rate({TOLD}[6m])) > 16", alert="Twice", labels={"of": "clients"}),
                alert(f"sum(rate({STALE}[6m])) > 16", alert="Twice", labels={"of": "cursors"}),
            )
        ),
        "warning",
    ),
    pair(
        "SeverityMissing",
        "severity-missing",
        rule(f"sum(rate({TOLD}[7m])) > 17", labels={"severity": None}),
        rule(f"sum(rate({TOLD}[7m])) > 17"),
        "warning",
    ),
    pair(
        "SummaryMissing",
        "summary-missing",
        rule(f"sum(rate({TOLD}[8m])) > 18", annotations={"summary": None}),
        rule(f"sum(rate({TOLD}[8m])) > 18"),
        "info",
    ),
    pair(
        "RunbookMissing",
        "runbook-missing",
        rule(f"sum(rate({TOLD}[9m])) > 19", annotations={"runbook": None}),
        rule(f"sum(rate({TOLD}[9m])) > 19", annotations={"runbook": None, "runbook_url": RUNBOOK}),
        "info",
    ),
    pair(
        "RunbookGone",
        "runbook-file-missing",
        rule(f"sum(rate({TOLD}[11m])) > 20", annotations={"runbook": "docs/archived/zoo-of-old.md#feeding"}),
        rule(f"sum(rate({TOLD}[11m])) > 20"),
        "warning",
    ),
    pair(
        "AnchorGone",
        "runbook-anchor-missing",
        rule(f"sum(rate({TOLD}[12m])) > 21", annotations={"runbook": "docs/zoo.md#keeping-animal"}),
        rule(
            f"sum(rate({TOLD}[12m])) > 21",
            annotations={"runbook": "https://github.com/zoo/keepers/blob/main/docs/zoo.md#keeping-animals"},
        ),
        "warning",
    ),
    pair(
        "Contradiction",
        "contradicting-thresholds",
        Side((alert(f"sum(rate({AUTH}[13m])) > 0.05"), alert(f"sum( rate({AUTH}[13m]) ) > 0.03"))),
        Side(
            (
                alert(f"sum(rate({AUTH}[13m])) > 0.05", labels={"severity": "critical"}),
                alert(f"sum( rate({AUTH}[13m]) ) > 0.03"),
            )
        ),
        "warning",
    ),
    pair(
        "Inverted",
        "severity-inverted",
        Side(
            (
                alert(f"sum(rate({AUTH}[14m])) > 0.03", labels={"severity": "critical"}),
                alert(f"0.05 < sum(rate({AUTH}[14m]))"),
            )
        ),
        Side(
            (
                alert(f"sum(rate({AUTH}[14m])) > 0.05", labels={"severity": "critical"}),
                alert(f"0.03 < sum(rate({AUTH}[14m]))"),
            )
        ),
        "warning",
    ),
    pair(
        "ClosedTooEarly",
        "contradicting-exit",
        Side((alert(f"sum(rate({AUTH}[15m])) > 0.05"),), (), ("alert: NAME, kind: exit, below: 0.1, for: 5m",)),
        Side((alert(f"sum(rate({AUTH}[15m])) > 0.05"),), (), ("alert: NAME, kind: exit, below: 0.05, for: 5m",)),
        "warning",
    ),
    pair(
        "EscalatedUnseen",
        "escalation-unobservable",
        Side(
            (alert(f"sum(rate({AUTH}[16m])) > 0.05", **{"for": "10m"}),),
            (),
            (f"metric: 'sum(rate({AUTH}[16m]))', kind: escalate, above: 0.25, for: 5m",),
        ),
        Side(
            (alert(f"sum(rate({AUTH}[16m])) > 0.05", **{"for": "2m"}),),
            (),
            (f"metric: 'sum(rate({AUTH}[16m]))', kind: escalate, above: 0.25, for: 5m",),
        ),
        "warning",
    ),
    pair(
        "CriterionOfNobody",
        "criterion-unknown",
        Side((), (), ("alert: CriterionOfNobody, kind: exit, below: 1",)),
        Side((alert(f"sum(rate({AUTH}[17m])) > 1"),), (), ("alert: CriterionOfNobody, kind: exit, below: 1",)),
        "info",
    ),
    pair(
        "PanelMissing",
        "panel-missing",
        rule("sum(rate(openagents_runtime_sync_socket_heartbeat_count[5m])) < 22"),
        rule("sum(rate(openagents_runtime_sync_socket_timeout_count[5m])) > 22"),
        "info",
    ),
    pair(
        "PanelBroken",
        "panel-broken",
        Side((), (f"sum(rate({AUTH}[5m])",)),
        Side((), (f"sum(rate({AUTH}[5m]))",)),
        "warning",
    ),
    pair("PanelEmpty", "panel-empty", Side((), (f"{AUTH} > 1e12",)), Side((), (f"{AUTH} > 0",)), "warning"),
    pair(
        "PanelWithoutGroupLeft",
        "vector-match-empty",
        Side((), (f"sum by (status) (rate({AUTH}[5m])) / sum(rate({AUTH}[5m]))",)),
        Side(
            (),
            (f"sum by (reason_class) (rate({AUTH}[5m])) / on () group_left () sum(rate({AUTH}[5m]))",),
        ),
        "warning",
    ),
)


def write(folder: Path, side: str) -> None:
    """Write the rules, the dashboard and the runbook of all broken twins, or of all fixed ones."""
    groups: list[dict[str, Any]] = []
    criteria: list[str] = []
    shown = [AUTH, STALE, TOLD, "openagents_runtime_sync_socket_timeout_count"]
    panels = [_panel("Everything", *(f"sum(rate({name}[$__rate_interval]))" for name in shown))]
    for specimen in SPECIMENS:
        twin: Side = getattr(specimen, side)
        rules = [_named(specimen.name, number, rule) for number, rule in enumerate(twin.rules)]
        if rules:
            groups.append({"name": specimen.name, "rules": rules})
        panels += [_panel(specimen.name, expr) for expr in twin.panels]
        criteria += [line.replace("NAME", specimen.name) for line in twin.criteria]
    # JSON is YAML, and every key stands in a line of its own.
    (folder / "rules.yaml").write_text(json.dumps({"groups": groups}, indent=1))
    (folder / "zoo.json").write_text(json.dumps({"title": "Zoo", "panels": panels}, indent=1))
    book = folder / "runbooks" / "docs" / "zoo.md"
    book.parent.mkdir(parents=True)
    listed = "".join(f"  - {{{line}}}\n" for line in criteria)
    book.write_text(f"---\ncriteria:\n{listed}---\n# Zoo\n\n## Keeping animals\n")


def _named(name: str, number: int, rule: dict[str, Any]) -> dict[str, Any]:
    if "record" in rule:
        return rule
    return {"alert": rule.get("alert", name if number == 0 else f"{name}{number}")} | rule


def _panel(title: str, *exprs: str) -> dict[str, Any]:
    return {"title": title, "targets": [{"expr": expr, "legendFormat": ""} for expr in exprs]}
