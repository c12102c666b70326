"""Which links each client has in virtual time: its present one, and those before it that are not quite over."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from simulator.drivers.link import Link


class Sockets:
    """The links by client; `present` has those that the clients use.

    `is_over` tells of a link whether nothing can come of it any more at the server's end.
    """

    def __init__(self, clients: int, is_over: Callable[[Link], bool]) -> None:
        self.present: list[Link | None] = [None] * clients
        self._is_over = is_over
        self._orphans: dict[int, list[Link]] = {}
        self._left_open: dict[int, list[Link]] = {}

    def of(self, index: int) -> list[Link]:
        """Return every link of a client that may stand at the server's end."""
        link = self.present[index]
        present = () if link is None else (link,)
        return list(dict.fromkeys((*present, *self.left_open(index), *self._orphans.get(index, ()))))

    def leave_open(self, link: Link) -> None:
        """Keep a link that is gone at its client's end, or left alone there, and stands at the server's."""
        self._left_open.setdefault(link.index, []).append(link)

    def left_open(self, index: int) -> list[Link]:
        """Return the links of a client that were left open and still are."""
        left = [link for link in self._left_open.pop(index, ()) if not self._is_over(link)]
        if left:
            self._left_open[index] = left
        return left

    def orphan(self, link: Link) -> None:
        """Keep a link that its client is done with as long as something may be under way on it."""
        if not link.is_clear:
            self._orphans.setdefault(link.index, []).append(link)

    def take_orphans(self, index: int) -> Iterable[Link]:
        """Let go of a client's orphans, and return them."""
        return self._orphans.pop(index, ())
