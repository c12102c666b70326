"""What a Prometheus scraped of a game day, kept in `metrics.om` while it goes on: a crash takes little of it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from simulator.alerting.dependence import names_read
from simulator.alerting.openmetrics import read_openmetrics, sample_lines

if TYPE_CHECKING:
    from pathlib import Path

    from simulator.alerting.contract import Contract
    from simulator.alerting.exposition import Labels
    from simulator.alerting.ruleset import RuleSet
    from simulator.alerting.watching import WatchingPrometheus

RECORD_SECONDS = 5.0
"""Between two looks at what is new."""

BEFORE_SECONDS = 900.0
"""So much from before the run is kept as well: the first windows of the rules reach into it."""

_LATE_SECONDS = 2.0
"""A scrape is stored a moment after its time."""


class Recorder:
    """Writes what is scraped of the watched targets, with Unix times; what they do not expose is none of the run's."""

    def __init__(self, prometheus: WatchingPrometheus, contract: Contract, ruleset: RuleSet, file: Path) -> None:
        self._prometheus = prometheus
        self._file = file
        self._selectors = tuple(_selector(labels, _names(contract, ruleset)) for labels in prometheus.targets)
        self._until: float | None = None
        file.touch()

    def take(self, now: float) -> None:
        """Write what is new until a Unix time.

        Raises:
            EngineError: Prometheus is gone; what it has may be taken later.
        """
        start = now - BEFORE_SECONDS if self._until is None else self._until + 0.001
        end = round(now - _LATE_SECONDS, 3)
        if end <= start:
            return
        lines: list[str] = []
        for selector in self._selectors:
            for labels, samples in self._prometheus.samples(selector, start, end):
                name = labels.pop("__name__", "")
                found = [(round(at * 1000), value) for at, value in samples]
                lines += sample_lines(name, tuple(sorted(labels.items())), found)
        with self._file.open("a", encoding="utf-8", newline="\n") as out:
            out.writelines(lines)
        self._until = end

    def finish(self, end: float) -> None:
        """Write what is left until the run's end, and say that it is all: sorted, as promtool likes it best.

        Raises:
            EngineError: Prometheus is gone.
        """
        self.take(end + _LATE_SECONDS)
        whole = self._file.with_suffix(".tmp")
        read_openmetrics(self._file).write(whole)
        whole.replace(self._file)


def _names(contract: Contract, ruleset: RuleSet) -> frozenset[str] | None:
    """Return the metrics that are worth keeping: those of the contract, and all that rules read; None for all."""
    read = frozenset().union(*(names_read(rule.expr) for rule in ruleset.rules()))
    if None in read:
        return None
    exposed = {name for instrument in contract.metrics for name in contract.metric_names(instrument)}
    return frozenset({"up", *exposed, *(name for name in read if name)})


def _selector(labels: Labels, names: frozenset[str] | None) -> str:
    matchers = [f"{name}={json.dumps(value, ensure_ascii=False)}" for name, value in labels]
    if names is not None:
        matchers.append(f"__name__=~{json.dumps('|'.join(sorted(names)))}")
    return f"{{{','.join(matchers)}}}"
