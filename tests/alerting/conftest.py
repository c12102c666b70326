"""Small runs and rule files to judge."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING

import pytest

from simulator.alerting.exposition import Exposition, Family, Series
from simulator.alerting.judge import judge
from simulator.alerting.rules import load_rules

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from simulator.alerting.ruleset import RuleSet
    from simulator.alerting.timeline import AlertTimeline, RuleTimeline

    Value = float | int | None
    Curve = Callable[[float], Value]


@dataclass(frozen=True)
class Workshop:
    """Makes expositions from curves and rule sets from text, and judges one by the other."""

    folder: Path
    numbers: Iterator[int]

    def exposition(
        self, curves: dict[str, Curve], duration: float = 1800, interval: float = 15, offset: float = 0
    ) -> Exposition:
        """Scrape curves; a key is a name with labels, such as `x{a=b,c=d}`."""
        times = tuple(offset + k * interval for k in range(int((duration - offset) // interval) + 1))
        families: dict[str, list[Series]] = {}
        for key, curve in curves.items():
            name, _, inner = key.rstrip("}").partition("{")
            pairs = [pair.split("=", 1) for pair in inner.split(",") if pair]
            labels = tuple(sorted((label, value) for label, value in pairs))
            families.setdefault(name, []).append(Series(name, labels, [curve(time) for time in times]))
        return Exposition(
            interval,
            offset,
            times,
            tuple(Family(name, "unknown", name, tuple(series)) for name, series in families.items()),
        )

    def file(self, text: str, name: str = "rules.yaml") -> Path:
        """Write an indented text to a file of its own."""
        folder = self.folder / f"input{next(self.numbers)}"
        folder.mkdir()
        file = folder / name
        file.write_text(textwrap.dedent(text), encoding="utf-8")
        return file

    def rules(self, text: str) -> RuleSet:
        """Load rules from the text of one group's `rules:`."""
        body = textwrap.indent(textwrap.dedent(text), "      ")
        return load_rules([self.file(f"groups:\n  - name: g\n    rules:\n{body}")])

    def judge(
        self,
        exposition: Exposition,
        ruleset: RuleSet,
        duration: float = 1800,
        interval: float = 15,
        lookback: float = 300,
    ) -> AlertTimeline:
        """Judge a run through the real engine, and insist on promtool's agreement."""
        timeline = judge(
            exposition,
            ruleset,
            evaluation_interval_seconds=interval,
            duration_seconds=duration,
            out_dir=self.folder / f"out{next(self.numbers)}",
            lookback_seconds=lookback,
        )
        assert timeline.certification.ok, timeline.certification.mismatches
        return timeline

    def verdict(
        self, curves: dict[str, Curve], rule: str, duration: float = 1800, lookback: float = 300
    ) -> RuleTimeline:
        """Judge curves by one rule."""
        exposition = self.exposition(curves, duration)
        (line,) = self.judge(exposition, self.rules(rule), duration, lookback=lookback).rules
        return line


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    """Return a workshop with a folder of its own."""
    return Workshop(tmp_path, count())


@pytest.fixture(scope="module")
def shared_workshop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    """Return a workshop for what several tests of a module look at."""
    return Workshop(tmp_path_factory.mktemp("workshop"), count())
