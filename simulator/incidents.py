"""Many incidents at once: each rehearsed in a process of its own, as many at a time as there are cores."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from simulator import rehearsal as rehearsals
from simulator.crew import work_through
from simulator.report.matrix import Matrix, Row, make_row
from simulator.scenario.timeline import refuse_live_only

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
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
    rows = work_through(
        batch.names,
        partial(_rehearse, batch, load_faults=load_faults),
        on_done=lambda _index, row: on_row(row),
        workers=workers,
    )
    return Matrix(rows=tuple(rows))


def _prepare(batch: Batch, name: str, load_faults: Callable[[], Mapping[str, type[Fault]]]) -> rehearsals.Rehearsal:
    prepared = rehearsals.prepare(
        name, load_faults(), rules=batch.rules, overrides=batch.overrides, only_measures=bool(batch.rules)
    )
    refuse_live_only(prepared.loaded, prepared.injections)
    return prepared


def _rehearse(batch: Batch, name: str, load_faults: Callable[[], Mapping[str, type[Fault]]]) -> Row:
    prepared = _prepare(batch, name, load_faults)
    scenario = prepared.loaded.scenario
    verdict = rehearsals.run(prepared, batch.out / scenario.scenario, with_page=False)
    return make_row(verdict, scenario.source, scenario.published)
