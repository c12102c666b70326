"""Keeps what is said again and again, or by a stranger who floods us, from drowning the rest."""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

QUIET_SECONDS = 60.0
MOST_IN_THAT_TIME = 20


class Muffler:
    """Hands on a text at most once in a while, and not too many texts in that time."""

    def __init__(self, say: Callable[[str], object], clock: Callable[[], float] = time.monotonic) -> None:
        self._say = say
        self._clock = clock
        self._said: deque[tuple[float, str]] = deque()

    def __call__(self, text: str) -> None:
        """Say a text, unless it was said a short while ago, or too much was."""
        now = self._clock()
        while self._said and self._said[0][0] <= now - QUIET_SECONDS:
            self._said.popleft()
        if len(self._said) < MOST_IN_THAT_TIME and all(text != said for _, said in self._said):
            self._said.append((now, text))
            self._say(text)
