"""Prometheus' query API: expressions and selectors in, labels and samples out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from simulator.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx

# The server refuses more than 11,000 points per query.
_POINTS = 10_000
# Raw samples have no such limit, but an answer has to fit into memory.
_RAW_MS = 3_600_000

Sample = tuple[float, str]
"""A time in seconds, and the value as Prometheus writes it."""

Vector = list[tuple[dict[str, str], Sample]]
"""The labels and the sample of each element."""

Matrix = list[tuple[dict[str, str], list[Sample]]]
"""The labels and the samples of each series."""


class QueryRefused(EngineError):
    """Prometheus does not accept or cannot evaluate an expression; `kind` is its own word for why."""

    def __init__(self, problem: str, kind: str) -> None:
        super().__init__(problem)
        self.kind = kind


class PrometheusApi(ABC):
    """Asks one Prometheus; times are seconds since its second zero.

    Raises:
        EngineError: on every question, where the server is gone or refuses.
    """

    @abstractmethod
    def _send(self, method: str, path: str, **body: Any) -> httpx.Response:
        """Return the server's answer, whatever it is."""

    def query(self, expr: str, at: float | None = None) -> Vector:
        """Return the instant vector of an expression at a time, now where none is given."""
        form = {"query": expr} if at is None else {"query": expr, "time": _seconds(at)}
        data = self._ask("query", form)
        with understood("an expression"):
            if data["resultType"] == "scalar":
                return [({}, _sample(data["result"]))]
            return [(element["metric"], _sample(element["value"])) for element in data["result"]]

    def query_range(self, expr: str, start: float, end: float, step: float) -> Matrix:
        """Return an expression's samples from start to end."""
        found: dict[tuple[tuple[str, str], ...], list[Sample]] = {}
        for first, last in _chunks(start, end, step, _POINTS):
            form = {"query": expr, "start": _seconds(first), "end": _seconds(last), "step": _seconds(step)}
            _join(found, self._ask("query_range", form))
        return [(dict(labels), samples) for labels, samples in found.items()]

    def samples(self, selector: str, start: float, end: float) -> Matrix:
        """Return what is stored of every series that a selector matches from start to end, at the times it has."""
        found: dict[tuple[tuple[str, str], ...], list[Sample]] = {}
        for first, last in _chunks(start, end, 0.001, _RAW_MS):
            # One more: whether a range includes its left end depends on Prometheus' version.
            width = round((last - first) * 1000) + 1
            answer = self._ask("query", {"query": f"{selector}[{width}ms]", "time": _seconds(last)})
            _join(found, answer, not_before=first)
        return [(dict(labels), samples) for labels, samples in found.items() if samples]

    def series(self, selector: str, start: float | None = None, end: float | None = None) -> list[dict[str, str]]:
        """Return the labels (with `__name__`) of every series that a selector matches, by default at any time."""
        form = {"match[]": selector}
        if start is not None:
            form["start"] = _seconds(start)
        if end is not None:
            form["end"] = _seconds(end)
        found: list[dict[str, str]] = self._ask("series", form)
        return found

    def _ask(self, path: str, form: dict[str, str] | None = None) -> Any:
        """Return the data of an answer; without a form it is one of those that can only be read."""
        answer = self._send("GET", path) if form is None else self._send("POST", path, data=form)
        try:
            body = answer.json()
            if body["status"] == "success":
                return body["data"]
            raise QueryRefused(str(body["error"]), str(body["errorType"]))
        except (ValueError, KeyError, TypeError) as error:
            problem = f"Prometheus answered {answer.status_code}: {answer.text.strip()[:200]}"
            raise EngineError(problem) from error


@contextmanager
def understood(what: str) -> Iterator[None]:
    """Read an answer of Prometheus about something.

    Raises:
        EngineError: the answer is not as it should be.
    """
    try:
        yield
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise EngineError(f"Prometheus' answer about {what} cannot be read: {error!r}") from error


def _join(
    found: dict[tuple[tuple[str, str], ...], list[Sample]], answer: dict[str, Any], not_before: float = 0.0
) -> None:
    with understood("a range"):
        for series in answer["result"]:
            samples = found.setdefault(tuple(sorted(series["metric"].items())), [])
            samples.extend(sample for sample in map(_sample, series["values"]) if sample[0] >= not_before)


def _chunks(start: float, end: float, step: float, points: int) -> Iterator[tuple[float, float]]:
    """Split a range into parts that one query may ask for, in whole milliseconds."""
    first, last, width = (round(value * 1000) for value in (start, end, step))
    span = width * (points - 1)
    for begin in range(first, last + 1, span + width):
        yield begin / 1000, min(begin + span, last) / 1000


def _sample(pair: list[Any]) -> Sample:
    return float(pair[0]), str(pair[1])


def _seconds(value: float) -> str:
    return f"{value:.3f}"
