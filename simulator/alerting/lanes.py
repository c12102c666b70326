"""Many runs in one private Prometheus: each in a stretch of time of its own, so that rules are asked unmodified.

Run k's second zero is at `start + k * spacing`; between two runs there is more time than any expression reads.
The samples go in by remote write, run after run, forward in time, with the markers of series that go away in
between, so that nothing but the run that is being written is in our memory. Prometheus drops samples that are not
in order and answers as if it had taken them; so every run's are counted afterwards.
"""

from __future__ import annotations

import math
import os
from collections import Counter, deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson

from simulator.alerting.coverage import missing_selectors, selector_text
from simulator.alerting.dependence import names_read
from simulator.alerting.laneclock import LaneClock
from simulator.alerting.querying import QueryRefused, understood
from simulator.alerting.reach import reach_of, why_not_elsewhen
from simulator.alerting.remotewrite import EARLIEST_MS, LATEST_MS, SampleWriter, time_series
from simulator.alerting.sight import parse
from simulator.alerting.store import SampleStore
from simulator.durations import format_duration
from simulator.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator
    from concurrent.futures import Future
    from pathlib import Path

    from numpy.typing import NDArray

    from simulator.alerting.exposition import Exposition, Labels
    from simulator.alerting.laneclock import Places

ALIGNMENT_SECONDS = 3600
"""Every run starts at a multiple of this, so that evaluations and subqueries fall as they would from zero on."""

_START_MS = -(-EARLIEST_MS // (ALIGNMENT_SECONDS * 1000)) * ALIGNMENT_SECONDS * 1000
# The server refuses more than 11,000 points per query.
_POINTS = 10_000
_MARGIN_SECONDS = 2.0
_REQUEST_BYTES = 2_000_000


@dataclass(frozen=True, slots=True)
class Reading:
    """What an expression gave in some runs that follow one another.

    `values` has the shape (runs, label sets, evaluations), NaN where there is no element; `present` tells that from
    a value that is NaN. The label sets have no `__name__`, and may therefore be there twice.
    """

    runs: range
    labels: tuple[Labels, ...]
    values: NDArray[np.float64]
    present: NDArray[np.bool_]


class Lanes(SampleStore):
    """A running Prometheus with many runs, of which each has a number, from 0; a context manager.

    Args:
        runs: What each run exposed; read once, one at a time, on entry.
        exprs: All that will be asked: what they read is stored, and how far they reach keeps the runs apart.
        length_seconds: How long the longest of the runs is.
        lookback_seconds: How long a sample counts when none follows, as the user's Prometheus has it.
        evaluation_interval_seconds: The global interval, which subqueries without a step of their own follow.

    Raises:
        EngineError: on entry where it cannot be started or lost samples, on questions where it is gone or refuses.
    """

    def __init__(
        self,
        runs: Iterable[Exposition],
        *,
        exprs: Collection[str],
        length_seconds: float,
        lookback_seconds: float = 300.0,
        evaluation_interval_seconds: float = 15.0,
    ) -> None:
        super().__init__(lookback_seconds=lookback_seconds, evaluation_interval_seconds=evaluation_interval_seconds)
        self.length_seconds = length_seconds
        self._runs = runs
        self._names = _names(exprs)
        quiet = reach_of(exprs, lookback_seconds).farthest + _MARGIN_SECONDS
        self._spacing_ms = (math.floor((length_seconds + quiet) / ALIGNMENT_SECONDS) + 1) * ALIGNMENT_SECONDS * 1000
        self._count = 0
        self._expected: dict[str, list[int]] = {}

    def __len__(self) -> int:
        return self._count

    def evaluations(self, interval_seconds: float, phase_seconds: float = 0.0) -> int:
        """Return how many evaluations a run of full length has, at phase + k * interval."""
        return round((self.length_seconds - phase_seconds) * 1000) // round(interval_seconds * 1000) + 1

    def why_not(self, expr: str) -> str | None:
        """Return why an expression cannot be asked here, None where it can."""
        obstacle = why_not_elsewhen(expr, ALIGNMENT_SECONDS, self._interval)
        if obstacle is not None:
            return obstacle
        quiet = self._spacing_ms / 1000 - self.length_seconds
        if reach_of([expr], self._lookback_seconds).farthest + _MARGIN_SECONDS > quiet:
            return "it reads further than the runs are apart"
        if self._names is not None and not names_read(expr) <= self._names:
            return "it reads metrics that were not stored"
        return None

    def missing(self, expr: str) -> tuple[str, ...]:
        """Return the selectors that an expression needs and that match no series of any run."""
        tree = parse(expr)
        if tree is None:
            return ()
        lacking = missing_selectors(tree, lambda selector: bool(self.series(selector_text(selector))))
        return tuple(map(selector_text, lacking))

    def read(self, expr: str, *, interval_seconds: float, phase_seconds: float = 0.0) -> Iterator[Reading]:
        """Evaluate an expression at phase + k * interval in every run, and yield its values, in order of the runs.

        Raises:
            QueryRefused: Prometheus does not accept or cannot evaluate the expression.
            EngineError: it cannot be asked here.
        """
        obstacle = self.why_not(expr)
        if obstacle is not None:
            raise EngineError(f"many runs at once cannot answer an expression: {obstacle}")
        clock = LaneClock(_START_MS, self._spacing_ms, round(interval_seconds * 1000), round(phase_seconds * 1000))
        last = self.evaluations(interval_seconds, phase_seconds) - 1
        parts = list(clock.parts(self._count, last, _POINTS))
        threads = (os.cpu_count() or 1) + 1
        with ThreadPoolExecutor(threads) as pool:
            waiting: deque[Future[Reading]] = deque()
            for part in parts:
                waiting.append(pool.submit(self._read, expr, clock, part, last))
                if len(waiting) > threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()

    def _read(self, expr: str, clock: LaneClock, part: range, last: int) -> Reading:
        found: dict[Labels, int] = {}
        pieces: list[tuple[int, Places]] = []
        for start, end in clock.queries(part, last, _POINTS):
            result = self._ask_range(expr, start, end, clock.step)
            with understood("a range"):
                for element in result:
                    whole = tuple(sorted(element["metric"].items()))
                    pieces.append((found.setdefault(whole, len(found)), clock.places(element["values"], part)))
        shape = (len(part), len(found), last + 1)
        values, present = np.full(shape, np.nan), np.zeros(shape, np.bool_)
        for row, (run, evaluation, numbers) in pieces:
            # What was asked for between the runs.
            inside = evaluation <= last
            values[run[inside], row, evaluation[inside]] = numbers[inside]
            present[run[inside], row, evaluation[inside]] = True
        labels = tuple(tuple(pair for pair in whole if pair[0] != "__name__") for whole in found)
        return Reading(part, labels, values, present)

    def _ask_range(self, expr: str, start: int, end: int, step: int) -> list[dict[str, Any]]:
        times = {"start": f"{start / 1000:.3f}", "end": f"{end / 1000:.3f}", "step": f"{step / 1000:.3f}"}
        # Packing an answer takes the server longer than to make it.
        answer = self._send(
            "POST", "query_range", data={"query": expr, **times}, headers={"Accept-Encoding": "identity"}
        )
        try:
            body = orjson.loads(answer.content)
            if body["status"] != "success":
                raise QueryRefused(str(body["error"]), str(body["errorType"]))
            result: list[dict[str, Any]] = body["data"]["result"]
        except (ValueError, KeyError, TypeError) as error:
            problem = f"Prometheus answered {answer.status_code}: {answer.text.strip()[:200]}"
            raise EngineError(problem) from error
        return result

    def _settle(self, folder: Path) -> None:  # noqa: ARG002  # nothing of it is read here
        self._count = 0
        self._expected = {}
        request = bytearray()
        # One request is taken in while the next is made.
        with ThreadPoolExecutor(1) as pool:
            pushed = pool.submit(self._push, b"")
            for exposition in self._runs:
                request += self._written(exposition)
                self._count += 1
                if len(request) > _REQUEST_BYTES:
                    pushed.result()
                    pushed = pool.submit(self._push, bytes(request))
                    request.clear()
            pushed.result()
            self._push(bytes(request))
        self._verify()

    def _written(self, exposition: Exposition) -> bytes:
        """Return the next run's series as a part of a request."""
        start = _START_MS + self._count * self._spacing_ms
        end = exposition.times[-1] if exposition.times else 0.0
        if any(later <= time for time, later in pairwise(exposition.times)):
            raise EngineError(f"run {self._count} has scrapes that are not in order")
        if end > self.length_seconds:
            raise EngineError(f"run {self._count} has a scrape at {end:g} s; runs end at {self.length_seconds:g} s")
        if start + self._spacing_ms > LATEST_MS:
            raise EngineError(f"there is no room for more than {self._count} runs of this length")
        writer = SampleWriter(np.array([round(time * 1000) for time in exposition.times], np.int64) + start)
        counts: Counter[str] = Counter()
        parts = []
        for series in exposition.series():
            if self._names is None or series.name in self._names:
                samples, count = writer.written(series.values)
                counts[series.name] += count
                parts.append(time_series(series.name, series.labels, samples))
        for name, count in counts.items():
            self._expected.setdefault(name, []).extend([0] * (self._count - len(self._expected[name])) + [count])
        return b"".join(parts)

    def _verify(self) -> None:
        """Count every metric's samples in every run.

        Raises:
            EngineError: some were lost.
        """
        window = format_duration(self.length_seconds + 1)
        for name, expected in self._expected.items():
            expr = f"sum(count_over_time({{__name__={orjson.dumps(name).decode()}}}[{window}]))"
            held = self._counted(expr)
            wanted = np.array(expected + [0] * (self._count - len(expected)))
            for run in np.flatnonzero(held != wanted):
                raise EngineError(f"Prometheus holds {held[run]} of the {wanted[run]} samples of {name} in run {run}")

    def _counted(self, expr: str) -> NDArray[np.int64]:
        """Return an expression's value at the end of every run."""
        end = _START_MS + round(self.length_seconds * 1000)
        found = np.zeros(self._count, np.int64)
        for first in range(0, self._count, _POINTS):
            after = min(first + _POINTS, self._count)
            begin, until = (end + run * self._spacing_ms for run in (first, after - 1))
            with understood("a count"):
                for element in self._ask_range(expr, begin, until, self._spacing_ms):
                    for time, count in element["values"]:
                        found[(round(time * 1000) - end) // self._spacing_ms] = int(count)
        return found


def _names(exprs: Iterable[str]) -> frozenset[str] | None:
    """Return the metrics that expressions read, None where it may be any."""
    found: set[str] = set()
    for expr in exprs:
        for name in names_read(expr):
            if name is None:
                return None
            found.add(name)
    return frozenset(found)
