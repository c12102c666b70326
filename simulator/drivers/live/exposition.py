"""The counters as a scrape shows them: a `prometheus_client` collector over the core's metrics.

The stock `Counter` appends `_total` to every name, and a rule that reads the original's names would then match
nothing. So a counter whose name does not end so goes out without a type, and Prometheus takes it as it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NotRequired, TypedDict

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from simulator.core.exporter import look_of
from simulator.core.metrics import INSTRUMENTS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from simulator.conditions.knobs import Exporter as Knobs
    from simulator.core.exporter import Exporter, Look
    from simulator.core.metrics import Instrument, Key, Process

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Exposed(TypedDict):
    """The name that an instrument is exposed under, the name of each of its labels, and values with another name."""

    name: str
    labels: Mapping[str, str]
    values: NotRequired[Mapping[str, Mapping[str, str]]]


Names = dict[str, Exposed]
"""Names by instrument, such as `Contract.model_dump()["metrics"]`; an instrument that is left out is not exposed."""

OWN_NAMES: Names = {
    name: Exposed(name=f"syncstorm_{name}", labels={label: label for label in instrument.labels})
    for name, instrument in INSTRUMENTS.items()
}
"""The project's own words, for want of a contract."""


class MetricsCollector(Collector):
    """Yields the present values of the instruments of one process under the names of a contract."""

    def __init__(
        self, exporter: Exporter, names: Mapping[str, Exposed], process: Process, knobs: Callable[[], Knobs]
    ) -> None:
        self._exporter = exporter
        self._knobs = knobs
        self._names = {name: names[name] for name in names if INSTRUMENTS[name].process == process}

    def collect(self) -> Iterator[Metric]:
        """Yield one family for each instrument that has a value."""
        series: dict[str, list[tuple[Key, int]]] = {}
        knobs = self._knobs()
        look = look_of(knobs)
        for key, value in self._exporter.show(knobs).items():
            series.setdefault(key[0], []).append((key, value))
        for name, exposed in self._names.items():
            if name in series:
                yield _make_family(INSTRUMENTS[name], exposed, series[name], look)


def make_registry(
    exporter: Exporter, names: Mapping[str, Exposed] | None, process: Process, knobs: Callable[[], Knobs]
) -> CollectorRegistry:
    """Return a registry of its own with the collector of one process."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(MetricsCollector(exporter, OWN_NAMES if names is None else names, process, knobs))
    return registry


def write_metrics(registry: CollectorRegistry) -> bytes:
    """Return what a scrape gets, in Prometheus' text format."""
    return generate_latest(registry)


def _make_family(instrument: Instrument, exposed: Exposed, series: Iterable[tuple[Key, int]], look: Look) -> Metric:
    name, kind = look.metric(instrument.name, exposed["name"]), str(instrument.kind)
    if kind == "counter" and not name.endswith("_total"):
        kind = "unknown"
    family = Metric(name.removesuffix("_total") if kind == "counter" else name, instrument.help, kind)
    for key, value in series:
        sample = f"{name}_{key[-1]}" if kind == "summary" else name
        family.add_sample(sample, look.labels(instrument, exposed["labels"], key, exposed.get("values")), value)
    return family
