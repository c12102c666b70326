"""Play the trials of a sweep that are not known yet, as many at once as there is room for, while time is left."""

from __future__ import annotations

import time
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Future, wait
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from simulator.errors import EngineError
from simulator.tuning.stage import trial_key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from simulator.alerting.exposition import Exposition
    from simulator.tuning.pool import Pool
    from simulator.tuning.stage import Stage
    from simulator.tuning.store import Store
    from simulator.tuning.trial import Trial


@dataclass(frozen=True, slots=True)
class Played:
    """What came of the trials, in their order.

    Attributes:
        expositions: The metrics of each trial that was played.
        left_out: The trials for which the time did not suffice.
        reused: How many were known from an earlier run.
    """

    expositions: dict[Trial, Exposition]
    left_out: tuple[Trial, ...] = ()
    reused: int = 0


def cost_of(trial: Trial) -> float:
    """Return how much work a trial is, in client-seconds."""
    return trial.clients * trial.length


@dataclass(slots=True)
class Budget:
    """How much time there is, and by what was done so far, whether another trial fits into it.

    `seconds` is None without a limit. The time of a trial is taken to be in proportion to its cost.
    """

    seconds: float | None = None
    clock: Callable[[], float] = time.monotonic
    _started: float = field(init=False)
    _done: float = 0.0
    _running: float = 0.0

    def __post_init__(self) -> None:
        self._started = self.clock()

    def fits(self, cost: float) -> bool:
        """Tell whether a trial of this cost would be done in time, after those that are being played."""
        if self.seconds is None:
            return True
        elapsed = self.clock() - self._started
        if self._done == 0:
            return elapsed < self.seconds
        return elapsed + elapsed * (self._running + cost) / self._done <= self.seconds

    def start(self, cost: float) -> None:
        """Take note of a trial that is being played."""
        self._running += cost

    def finish(self, cost: float) -> None:
        """Take note of a trial that is done."""
        self._running -= cost
        self._done += cost


def play_trials(  # noqa: PLR0913  # what, where, how long, and who is told
    stage: Stage,
    trials: Sequence[Trial],
    store: Store,
    pool: Pool,
    *,
    budget: Budget,
    on_done: Callable[[Trial], None] = lambda _trial: None,
) -> Played:
    """Return what came of the trials; each is kept in the store as soon as it is done.

    Trials that are known cost no time, whatever the budget. The others are begun in their order while they fit into it.

    Raises:
        EngineError: a process that played trials died.
    """
    digest = stage.digest()
    keys = {trial: trial_key(digest, trial) for trial in trials}
    found: dict[Trial, Exposition] = {}
    for trial in trials:
        known = store.load(keys[trial])
        if known is not None:
            found[trial] = known
            on_done(trial)
    reused = len(found)

    def keep(trial: Trial, exposition: Exposition) -> None:
        store.save(keys[trial], exposition)
        found[trial] = exposition
        on_done(trial)

    try:
        _play((trial for trial in trials if trial not in found), stage, pool, budget, keep)
    except BrokenExecutor as error:
        raise EngineError(f"a process that played trials died: {error}") from error
    ordered = {trial: found[trial] for trial in trials if trial in found}
    return Played(ordered, tuple(trial for trial in trials if trial not in found), reused)


def _play(
    trials: Iterable[Trial], stage: Stage, pool: Pool, budget: Budget, keep: Callable[[Trial, Exposition], None]
) -> None:
    """Play trials, with a few more handed out than are played at once, so that nobody waits for work."""
    running: dict[Future[Exposition], Trial] = {}

    def take(least: int) -> None:
        while len(running) > least:
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in [one for one in running if one in done]:
                trial = running.pop(future)
                exposition = future.result()
                budget.finish(cost_of(trial))
                keep(trial, exposition)

    for trial in list(trials):
        take(2 * pool.workers - 1)
        if not budget.fits(cost_of(trial)):
            break
        budget.start(cost_of(trial))
        running[pool.executor.submit(stage.play, trial)] = trial
    take(0)
