"""Cuts through the grid of settings: threshold against `for` at one window, as heat maps show it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from simulator.alerting.outcomes import Setting
    from simulator.tuning.result import SweepReport
    from simulator.tuning.scores import Score


@dataclass(frozen=True, slots=True)
class Slice:
    """The settings of one window and one `keep_firing_for`.

    Attributes:
        window_seconds: The window, None where the rule has none.
        thresholds: The thresholds, in order.
        fors: The holds in seconds, in order.
        numbers: The number of each setting by its threshold and hold; a place may be empty.
    """

    window_seconds: float | None
    thresholds: tuple[float, ...]
    fors: tuple[float, ...]
    numbers: dict[tuple[float, float], int]

    def score(self, report: SweepReport, threshold: float, for_seconds: float) -> Score | None:
        """Return the score of a place, None where it is empty."""
        number = self.numbers.get((threshold, for_seconds))
        return None if number is None else report.settings[number]


def focus(report: SweepReport) -> Setting:
    """Return the setting that views are about: the proposed one, else today's."""
    return report.setting(report.today if report.proposed is None else report.proposed)


def cut(report: SweepReport, window_seconds: float | None) -> Slice:
    """Return the slice at a window, with the `keep_firing_for` of the setting that views are about."""
    keep = focus(report).keep_firing_for_seconds
    numbers = {
        (score.setting.threshold, score.setting.for_seconds): number
        for number, score in enumerate(report.settings)
        if (score.setting.window_seconds, score.setting.keep_firing_for_seconds) == (window_seconds, keep)
    }
    return Slice(
        window_seconds,
        tuple(sorted({threshold for threshold, _ in numbers})),
        tuple(sorted({hold for _, hold in numbers})),
        numbers,
    )
