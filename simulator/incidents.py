"""Many incidents at once: each rehearsed in a process of its own, as many at a time as there are cores."""

from __future__ import annotations

import multiprocessing
import os
import signal
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from simulator import rehearsal as rehearsals
from simulator.report.matrix import Matrix, Row, make_row
from simulator.scenario.timeline import refuse_live_only

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from simulator.conditions import Fault


@dataclass(frozen=True, slots=True)
class Batch:
    """What is to be rehearsed: scenarios by name or path, against which rules, and where each leaves its files.

    With `rules`, what the incidents expect of alerts is left out, for it is about other rules.
    """

    names: tuple[str, ...]
    rules: tuple[Path, ...]
    overrides: Mapping[str, str]
    out: Path


def run_matrix(
    batch: Batch,
    load_faults: Callable[[], Mapping[str, type[Fault]]],
    *,
    on_row: Callable[[Row], None] = lambda _row: None,
    workers: int | None = None,
) -> Matrix:
    """Rehearse every incident of a batch, and return what every alert made of each, in the order of the batch.

    `load_faults` is called in each process; `on_row` hears of each incident that is done.

    Raises:
        InputError: something does not exist, does not parse or does not fit; nothing was run then.
        EngineError: Prometheus or promtool is missing or failed.
    """
    for name in batch.names:
        _prepare(batch, name, load_faults)
    found: dict[str, Row] = {}
    count = min(len(batch.names), workers or os.cpu_count() or 1)
    with ProcessPoolExecutor(count, multiprocessing.get_context("spawn"), _ignore_interrupts) as pool:
        waiting = {pool.submit(_rehearse, batch, name, load_faults): name for name in batch.names}
        try:
            for done in as_completed(waiting):
                row = done.result()
                found[waiting[done]] = row
                on_row(row)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return Matrix(rows=tuple(found[name] for name in batch.names))


def _ignore_interrupts() -> None:
    """Let a process that has nothing to do pass over a Ctrl-C, which goes to the whole group."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


@contextmanager
def _interruptible() -> Iterator[None]:
    """Take a Ctrl-C while there is something to clean up."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        _ignore_interrupts()


def _prepare(batch: Batch, name: str, load_faults: Callable[[], Mapping[str, type[Fault]]]) -> rehearsals.Rehearsal:
    prepared = rehearsals.prepare(
        name, load_faults(), rules=batch.rules, overrides=batch.overrides, only_measures=bool(batch.rules)
    )
    refuse_live_only(prepared.loaded, prepared.injections)
    return prepared


def _rehearse(batch: Batch, name: str, load_faults: Callable[[], Mapping[str, type[Fault]]]) -> Row:
    prepared = _prepare(batch, name, load_faults)
    scenario = prepared.loaded.scenario
    with _interruptible():
        verdict = rehearsals.run(prepared, batch.out / scenario.scenario, with_page=False)
    return make_row(verdict, scenario.source, scenario.published)
