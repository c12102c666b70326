"""What befalls live updates between the log and a client: hints that wake nobody, frames lost, swapped or doubled."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from simulator.conditions.knobs import Delivery
    from simulator.core.messages import ServerMessage


def is_woken(delivery: Delivery, hints: Sequence[int]) -> bool:
    """Tell whether a session hears of at least one of the events that it was to be told of."""
    if delivery.paused:
        return False
    return not delivery.lost_hints or any(hint % delivery.lost_hints for hint in hints)


class Disorder:
    """One session's frames that were lost or are overdue, by topic."""

    __slots__ = ("_delayed", "_lost")

    def __init__(self) -> None:
        self._delayed: dict[str, list[ServerMessage]] = {}
        self._lost: set[str] = set()

    def __bool__(self) -> bool:
        """Tell whether anything is missing that the next frames will pass over."""
        return bool(self._delayed or self._lost)

    def clear(self) -> None:
        """Forget it: the client begins anew."""
        self._delayed.clear()
        self._lost.clear()

    def send(
        self, topic: str, newest: int, pushes: list[ServerMessage], delivery: Delivery
    ) -> tuple[list[ServerMessage], bool]:
        """Return what becomes of pushes up to a watermark, and whether they pass over what the client does not have.

        A client has no use for what comes after something newer, so what is overtaken is lost to it.
        """
        if delivery.dropped and newest % delivery.dropped == 0:
            self._lost.add(topic)
            return [], False
        if delivery.swapped and newest % delivery.swapped == 0 and topic not in self._delayed:
            self._delayed[topic] = pushes
            return [], False
        passes_over = topic in self._lost or topic in self._delayed
        self._lost.discard(topic)
        if delivery.duplicated and newest % delivery.duplicated == 0:
            pushes = pushes * 2
        return pushes + self._delayed.pop(topic, []), passes_over
