"""Panels whose queries Prometheus refuses, or that show nothing in a run in which things go wrong."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from simulator.alerting.dependence import ALERTS, names_read
from simulator.alerting.querying import QueryRefused
from simulator.alerting.rules import find_complaints
from simulator.alerting.ruleset import Group, RecordingRule, RuleSet
from simulator.alerting.sight import parse
from simulator.audit.finding import Finding, Kind, Unchecked
from simulator.audit.static import matching

if TYPE_CHECKING:
    from collections.abc import Iterator

    from simulator.audit.dashboards import PanelQuery
    from simulator.audit.dictionary import Expression
    from simulator.audit.subject import Subject

BROKEN = Kind(
    "panel-broken",
    "warning",
    "Prometheus refuses the query of a panel.",
    "The panel shows an error, to people who look at it because something is wrong.",
)
EMPTY = Kind(
    "panel-empty",
    "warning",
    "The query of a panel gives nothing, also in a run in which things go wrong.",
    "An empty panel and a quiet one look alike.",
)
KINDS = (BROKEN, EMPTY)

_POINTS = 400


def find(subject: Subject) -> Iterator[Finding | Unchecked]:
    """Parse every query, and let Prometheus evaluate those that nothing else is said against."""
    if subject.panels is None:
        return
    yield from _broken(subject.panels)
    for panel in subject.panels:
        if panel.open_variable:
            yield Unchecked(f"the panel {panel.where}", f"nobody knows what {panel.open_variable} is")
    accused = {(found.where, found.kind) for found in matching.find(subject)}
    for expression in subject.panel_expressions:
        if (expression.where, matching.NO_MATCH) in accused or (expression.where, matching.AMBIGUOUS) in accused:
            continue
        if not subject.dictionary.needed(expression.tree):
            yield from _empty(expression, subject)


def _broken(panels: tuple[PanelQuery, ...]) -> Iterator[Finding]:
    """Ask promtool about what our parser does not know: it knows newer syntax."""
    doubtful = [panel for panel in panels if not panel.open_variable and parse(panel.expr) is None]
    if not doubtful:
        return
    rules = {RecordingRule(f"panel:{n}", panel.expr): panel for n, panel in enumerate(doubtful)}
    for rule, problem in find_complaints(RuleSet((Group("panels", tuple(rules)),))):
        assert isinstance(rule, RecordingRule)  # there are no others in there
        yield BROKEN.at(rules[rule].where, f"its query cannot be parsed: {problem}", evidence=(rule.expr,))


def _empty(expression: Expression, subject: Subject) -> Iterator[Finding | Unchecked]:
    names = names_read(expression.text)
    exposed = {series.name for series in subject.lab.exposition.series()}
    foreign = sorted(str(name) for name in names if name is not None and name not in exposed)
    if foreign or None in names:
        what = " and ".join(foreign) or "a metric without a name"
        why = "rules write it" if names & (ALERTS | subject.dictionary.recorded) else "the simulator does not expose it"
        yield Unchecked(f"what {expression.where} shows", f"it reads {what}: {why}")
        return
    end = subject.lab.duration_seconds
    try:
        found = subject.lab.prometheus.query_range(expression.text, 0, end, max(15.0, round(end / _POINTS)))
    except QueryRefused as error:
        yield BROKEN.at(expression.where, f"Prometheus refuses its query: {error}", evidence=(expression.text,))
        return
    if any(not math.isnan(float(value)) for _, samples in found for _, value in samples):
        return
    scenario = subject.rehearsal.loaded.scenario.scenario
    yield EMPTY.at(
        expression.where,
        f"its query gives {'nothing but NaN' if found else 'nothing'} in the whole run of {scenario}",
        evidence=(expression.text,),
    )
