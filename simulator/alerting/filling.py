"""Fill a private Prometheus with what block files cannot say, and make sure that it holds every sample."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.alerting.staleness import stale_markers
from simulator.durations import format_duration
from simulator.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from simulator.alerting.exposition import Exposition
    from simulator.alerting.prometheus import PrivatePrometheus


def fill(prometheus: PrivatePrometheus, expositions: Sequence[Exposition]) -> None:
    """Add the stale markers, and count; each exposition is of targets that were scraped at the same times.

    Raises:
        EngineError: a sample was lost on the way.
    """
    for exposition in expositions:
        markers = stale_markers(exposition)
        if markers is not None:
            prometheus.write(markers)
    expected = sum(exposition.sample_count() for exposition in expositions)
    times = [time for exposition in expositions for time in (*exposition.times[:1], *exposition.times[-1:])]
    first, end = min(times, default=0.0), max(times, default=0.0)
    # From before the first: whether a range includes its left end depends on Prometheus' version.
    # A metric at a time: without their names, series of two metrics could have the same labels.
    window = format_duration(end - min(first, end) + 1)
    names = sorted({series.name for exposition in expositions for series in exposition.series()})
    counts = " + ".join(f"(sum(count_over_time({name}[{window}])) or vector(0))" for name in names)
    counted = prometheus.query(counts or "vector(0)", end)
    stored = sum(int(float(value)) for _, (_, value) in counted)
    if stored != expected:
        raise EngineError(f"Prometheus holds {stored} of the run's {expected} samples")
