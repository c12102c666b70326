"""Conditions as each client meets them: resolved once for all, when they begin to hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.conditions import KNOBS

if TYPE_CHECKING:
    from simulator.conditions import Conditions, Population, Settings, Share


class Resolved:
    """The settings of every client of a population; None stands for a client that is not of it."""

    __slots__ = ("_members", "_population", "authors", "conditions", "everyone")

    def __init__(self, population: Population, conditions: Conditions) -> None:
        self.conditions = conditions
        self.everyone = conditions.settings()
        self._population = population
        resolved = conditions.settings_by_client(population)
        self._members = [settings for settings, _ in resolved]
        self.authors = {knob: by for knob, by in resolved[0][1].items() if KNOBS[knob].shared} if resolved else {}
        """The injection behind each altered knob that all share."""

    @property
    def size(self) -> int:
        """How many clients the population has."""
        return self._population.size

    def of(self, member: int | None) -> Settings:
        """Return the settings of a client; a stranger has those that hold for everyone."""
        return self.everyone if member is None else self._members[member]

    def is_in(self, share: Share, member: int | None) -> bool:
        """Tell whether a share takes a client; it takes a stranger only if it takes everyone."""
        return share.fraction == 1 if member is None else self._population.includes(member, share)
