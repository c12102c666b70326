"""Evaluate rules that read other rules' results, by promtool's rule manager.

Promtool only says what an expression gave when a test of it fails, so the tests written here ask for the
impossible.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from simulator.alerting.ruleset import AlertRule, RuleSet
from simulator.alerting.ruletest import Expectation, elements, run_test, write_test
from simulator.alerting.states import Episode
from simulator.durations import format_duration

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence
    from pathlib import Path

    from simulator.alerting.exposition import Exposition, Labels

# Two rules may share name and labels: while promtool evaluates them, each has its number on it.
_MARK = "syncstorm_rule"
_IMPOSSIBLE = (("syncstorm_impossible{}", -1.0),)


@dataclass(frozen=True, slots=True)
class Managed:
    """What became of some rules: their episodes, and which of the probed selectors saw data."""

    episodes: dict[AlertRule, tuple[Episode, ...]]
    seen: frozenset[str]


def evaluate(  # noqa: PLR0913  # the rules, the run and the clock
    rules: Collection[AlertRule],
    part: RuleSet,
    exposition: Exposition,
    *,
    names: Collection[str],
    probes: Iterable[str],
    interval_seconds: float,
    last: int,
    folder: Path,
    promtool: Path,
) -> Managed:
    """Evaluate the rules at k * interval for k from 0 to `last`, beside everything else in `part`.

    `probes` are selectors of recorded series, `folder` takes the test file.

    Raises:
        EngineError: promtool could not evaluate the rules.
    """
    interval = round(interval_seconds * 1000)
    marked, numbers = _mark(part)
    asked = tuple(dict.fromkeys(probes))
    whole = format_duration((last + 1) * interval_seconds)
    presence = {f"count_over_time({probe}[{whole}])": probe for probe in asked}
    expectations = [Expectation("ALERTS", k * interval, _IMPOSSIBLE) for k in range(last + 1)]
    expectations += [Expectation(expr, last * interval, _IMPOSSIBLE) for expr in presence]
    file = folder / "manager.yaml"
    write_test(
        file,
        folder / "manager-rules.yaml",
        marked,
        exposition,
        names=names,
        interval_seconds=interval_seconds,
        expectations=expectations,
    )
    failures = run_test(file, promtool)
    vectors = [failure.got for failure in failures if failure.expr == "ALERTS"]
    active = _by_rule(map(elements, vectors))
    seen = {presence[one.expr] for one in failures if one.expr in presence and one.got != "nil"}
    return Managed(
        {rule: _episodes(active[number], interval, last) for rule, number in numbers.items() if rule in rules},
        frozenset(seen),
    )


def _mark(part: RuleSet) -> tuple[RuleSet, dict[AlertRule, str]]:
    numbers = {rule: str(number) for number, rule in enumerate(part.alerts())}
    groups = tuple(
        replace(
            group,
            rules=tuple(
                replace(rule, labels={**rule.labels, _MARK: numbers[rule]}) if isinstance(rule, AlertRule) else rule
                for rule in group.rules
            ),
        )
        for group in part.groups
    )
    return RuleSet(groups), numbers


def _by_rule(vectors: Iterable[Iterable[dict[str, str]]]) -> dict[str, dict[Labels, dict[int, str]]]:
    """Return, per rule number and label set, the state at each evaluation at which it was active."""
    found: dict[str, dict[Labels, dict[int, str]]] = defaultdict(lambda: defaultdict(dict))
    for evaluation, vector in enumerate(vectors):
        for labels in vector:
            number, state = labels.pop(_MARK), labels.pop("alertstate")
            labels.pop("__name__")
            found[number][tuple(sorted(labels.items()))][evaluation] = state
    return found


def _episodes(active: dict[Labels, dict[int, str]], interval: int, last: int) -> tuple[Episode, ...]:
    found = []
    for labels, states in active.items():
        for stretch in _stretches(sorted(states)):
            firing = next((k for k in stretch if states[k] == "firing"), None)
            found.append(
                Episode(
                    labels,
                    pending_at=stretch[0] * interval / 1000,
                    firing_at=None if firing is None else firing * interval / 1000,
                    resolved_at=None if stretch[-1] == last else (stretch[-1] + 1) * interval / 1000,
                )
            )
    return tuple(sorted(found, key=lambda episode: (episode.pending_at, episode.labels)))


def _stretches(evaluations: Sequence[int]) -> Iterator[list[int]]:
    stretch: list[int] = []
    for k in evaluations:
        if stretch and k != stretch[-1] + 1:
            yield stretch
            stretch = []
        stretch.append(k)
    if stretch:
        yield stretch
