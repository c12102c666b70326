"""Series for counter-examples: everything that a system exposes of some metrics, all of it moving."""

from __future__ import annotations

import re
from itertools import islice
from typing import TYPE_CHECKING

import promql_parser as promql

from simulator.alerting.coverage import selectors
from simulator.alerting.dependence import name_of
from simulator.alerting.ruletest import metric_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from simulator.audit.dictionary import Dictionary
    from simulator.audit.vocabulary import Meaning

_MOST = 60
_OF_EACH = 3
SAMPLES = 160
AT_SECONDS = 1800.0
"""When to look: long after every usual window and hold is full, at 15 s a sample."""

_ALTERNATIVES = re.compile(r"[\w\-.]+(?:\|[\w\-.]+)*")


def everything(dictionary: Dictionary) -> tuple[tuple[str, str], ...]:
    """Return a few series of every metric that there is, as far as they go into a small file."""
    found: list[str] = []
    for name in dictionary.vocabulary.names:
        meaning = dictionary.meaning(name)
        if meaning is not None:
            found += islice(_all(name, meaning, {}), _OF_EACH)
    return _moving(found)


def series_for(tree: promql.Expr, dictionary: Dictionary) -> tuple[tuple[str, str], ...]:
    """Return series of every metric that an expression reads, in every combination of their labels.

    Labels that may have any value have the one that a selector asks for, where it asks for one.
    """
    found: list[str] = []
    for selector in selectors(tree):
        name = name_of(selector)
        meaning = dictionary.meaning(name)
        if name is not None and meaning is not None:
            found += _all(name, meaning, _asked(selector))
    return _moving(found)


def _moving(series: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """Let each grow at a pace of its own."""
    return tuple((one, f"0+{1 + pace}x{SAMPLES}") for pace, one in enumerate(dict.fromkeys(series)))[:_MOST]


def _asked(selector: promql.VectorSelector) -> dict[str, str]:
    asked = {}
    for matcher in selector.matchers.matchers:
        if matcher.op == promql.MatchOp.Equal:
            asked[matcher.name] = matcher.value
        elif matcher.op == promql.MatchOp.Re and _ALTERNATIVES.fullmatch(matcher.value):
            asked[matcher.name] = matcher.value.partition("|")[0]
    return asked


def _all(name: str, meaning: Meaning, asked: Mapping[str, str]) -> Iterator[str]:
    labels = sorted(meaning.own)
    for one in meaning.combinations:
        yield metric_text(name, {label: one.get(label, asked.get(label, "a")) for label in labels})
    if not meaning.combinations:
        for value in ("a", "b"):
            yield metric_text(name, {label: asked.get(label, value) for label in labels})
