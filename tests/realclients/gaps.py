"""How far apart real clients do things, by a clock that other processes share."""

from __future__ import annotations

from itertools import pairwise

JITTER_SECONDS = 0.02
"""How much too early a timer of Node may seem, as it is told of when its client is done with it."""
SLACK_SECONDS = 1.5
"""How much too late anything may come on a busy machine."""


def assert_gaps(times: list[float], *expected: float) -> None:
    """Assert that things came as far apart as expected: never earlier, and not much later."""
    gaps = [later - earlier for earlier, later in pairwise(times)]
    assert len(gaps) >= len(expected), gaps
    for gap, least in zip(gaps, expected, strict=False):
        assert least - JITTER_SECONDS <= gap <= least + SLACK_SECONDS, gaps
