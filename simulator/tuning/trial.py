"""One simulated run of a sweep, and the truth about it."""

from __future__ import annotations

from dataclasses import dataclass

from simulator.alerting.outcomes import Truth


@dataclass(frozen=True, slots=True)
class Trial:
    """One run: what was injected, for whom, with which chance, and when; times are seconds since the run's start.

    Attributes:
        fault: The fault, or whatever else names what was injected; None for a quiet run.
        level: How strong it was, 0 to 1; 0 for a quiet run.
        duration_seconds: How long it was, 0 for a quiet run and for what happens once.
        clients: How many clients there were.
        seed: The run's seed.
        started: When the incident began, None for a quiet run.
        ended: When it was over, None for a quiet run.
        length: How long the run was.
        held_out: Whether no setting was chosen by it, so that it tells what a choice is worth.
    """

    fault: str | None
    level: float
    duration_seconds: float
    clients: int
    seed: int
    started: float | None
    ended: float | None
    length: float
    held_out: bool = False

    @property
    def is_quiet(self) -> bool:
        """Tell whether nothing was injected, so that every page is a false alarm."""
        return self.started is None

    @property
    def truth(self) -> Truth:
        """Return when the incident was, as a sweep takes it."""
        return Truth(self.started, self.ended, self.length)
