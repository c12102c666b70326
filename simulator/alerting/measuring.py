"""Measure a run: one number for each question, answered by the Prometheus that holds the run's samples."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from simulator.alerting.querying import QueryRefused
from simulator.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from simulator.alerting.querying import Matrix, PrometheusApi, Vector
    from simulator.errors import Place


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of a run, in seconds since its start: a query's value `at` a time.

    With `after` it is how long after that time the query first has a result. `place` is where a user wrote it.
    """

    query: str
    place: Place
    at: float | None = None
    after: float | None = None


def measure(
    prometheus: PrometheusApi, questions: Sequence[Question], *, end: float, step: float, began: float = 0.0
) -> tuple[float | None, ...]:
    """Return the number that answers each question, None where there is no result, or where it is about a later time.

    `end` is the run's last second and `step` how finely a question about time is answered; `began` is the
    Prometheus' own time of the run's start.

    Raises:
        InputError: Prometheus does not take a query, or its result is more than one number.
        EngineError: Prometheus is gone.
    """
    return tuple(_answer(prometheus, question, end, step, began) for question in questions)


def _answer(prometheus: PrometheusApi, question: Question, end: float, step: float, began: float) -> float | None:
    moment = question.after if question.at is None else question.at
    assert moment is not None
    if moment > end:
        return None
    try:
        if question.at is not None:
            return _one_value(prometheus.query(question.query, began + moment), question)
        found = prometheus.query_range(question.query, began + moment, began + end, step)
        return _first_time(found, question, began + moment)
    except QueryRefused as refused:
        if refused.kind != "bad_data":
            raise
        raise InputError(str(refused), question.place) from None


def _one_value(vector: Vector, question: Question) -> float | None:
    if len(vector) > 1:
        raise _too_many(len(vector), question)
    value = float(vector[0][1][1]) if vector else math.nan
    return None if math.isnan(value) else value


def _first_time(matrix: Matrix, question: Question, after: float) -> float | None:
    if len(matrix) > 1:
        raise _too_many(len(matrix), question)
    return round(matrix[0][1][0][0] - after, 3) if matrix else None


def _too_many(results: int, question: Question) -> InputError:
    problem = f"the query has {results} results; a measure is one number"
    return InputError(problem, question.place, "wrap it in sum(...) or max(...)")
