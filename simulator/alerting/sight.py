"""What rules do not see of a run, through recording rules where they read those; and what follows for their state."""

from __future__ import annotations

from typing import TYPE_CHECKING

import promql_parser as promql

from simulator.alerting.coverage import missing_selectors, selector_text
from simulator.alerting.dependence import ALERTS, alert_names_of, name_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from simulator.alerting.coverage import HasSeries
    from simulator.alerting.dependence import Dependence
    from simulator.alerting.states import Episode
    from simulator.alerting.timeline import State

NOT_INSPECTED = "its expression could not be inspected, so nobody knows whether it saw any data"


class Sight:
    """What rules that are evaluated together see.

    `has_series` knows the series of the run, `seen` are selectors of recorded series that found something.
    """

    def __init__(self, has_series: HasSeries, dependence: Dependence, seen: frozenset[str] = frozenset()) -> None:
        self._has_series = has_series
        self._dependence = dependence
        self._seen = seen

    def missing(self, expr: str, above: frozenset[str] = frozenset()) -> tuple[str, ...] | None:
        """Return the selectors that found nothing; None where the expression cannot be inspected."""
        parsed = parse(expr)
        if parsed is None:
            return None
        lacking: dict[str, None] = {}

        def has_series(selector: promql.VectorSelector) -> bool:
            return not self._behind(selector, above)

        for selector in missing_selectors(parsed, has_series):
            lacking |= dict.fromkeys(self._behind(selector, above))
        return tuple(lacking)

    def _behind(self, selector: promql.VectorSelector, above: frozenset[str]) -> tuple[str, ...]:
        """Return what is missing behind a selector: itself, or what the rules that record it do not see."""
        name, text = name_of(selector), selector_text(selector)
        if name in ALERTS:
            asked = alert_names_of(selector)
            known = set(self._dependence.ruleset.alert_names())
            return () if not asked or asked & known else (text,)
        if self._has_series(selector):
            return ()
        if name is None or name not in self._dependence.recorded or name in above:
            return (text,)
        behind = [
            (text,) if found is None else found
            for rule in self._dependence.recorded[name]
            for found in [self.missing(rule.expr, above | {name})]
        ]
        if all(behind):
            return tuple(dict.fromkeys(lacking for found in behind for lacking in found))
        return () if text in self._seen else (text,)


def state_of(found: tuple[Episode, ...], missing: tuple[str, ...] | None, blind: Sequence[object] = ()) -> State:
    """Return what a rule came to: its episodes decide, and without any, whether it could see its data all the time."""
    if any(episode.firing_at is not None for episode in found):
        return "fired"
    if found:
        return "pending"
    return "silent" if missing == () and not blind else "no_data"


def parse(expr: str) -> promql.Expr | None:
    """Return an expression's tree, None for syntax that only Prometheus knows."""
    try:
        return promql.parse(expr)
    except ValueError:
        return None
