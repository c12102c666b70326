"""Series for counter-examples: everything that a system exposes of some metrics, all of it moving."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.alerting.ruletest import metric_text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from simulator.audit.dictionary import Dictionary
    from simulator.audit.vocabulary import Meaning

_MOST = 60
SAMPLES = 160
AT_SECONDS = 1800.0
"""When to look: long after every usual window and hold is full, at 15 s a sample."""


def moving_series(names: Iterable[str], dictionary: Dictionary, most: int = _MOST) -> tuple[tuple[str, str], ...]:
    """Return series of metrics in every combination of their labels; each grows at a pace of its own."""
    found: list[tuple[str, str]] = []
    for name in names:
        meaning = dictionary.meaning(name)
        if meaning is not None:
            found += [(series, f"0+{1 + step}x{SAMPLES}") for step, series in enumerate(_combined(name, meaning))]
    return tuple(found[:most])


def _combined(name: str, meaning: Meaning) -> list[str]:
    labels = sorted(meaning.own)
    if meaning.combinations:
        return [
            metric_text(name, {label: one.get(label, "a") for label in labels})
            for one in meaning.combinations
        ]
    return [metric_text(name, dict.fromkeys(labels, value)) for value in ("a", "b")]
