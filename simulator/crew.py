"""Several pieces of work at once, each in a process of its own, as many at a time as there are cores."""

from __future__ import annotations

import multiprocessing
import os
import signal
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, NoReturn, Self, TypeVar

from simulator.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from multiprocessing.synchronize import Event
    from types import TracebackType

Item = TypeVar("Item")
Found = TypeVar("Found")

_STOPPED: list[Event] = []
"""In a process of a crew: what says that nothing more is to be begun."""


class Crew:
    """Processes that stay for one list of work after another; a context manager.

    They start with the first list that is longer than one. After an error or a Ctrl-C they take no more.
    """

    def __init__(self, workers: int | None = None) -> None:
        self._workers = workers or os.cpu_count() or 1
        self._at_work: tuple[ProcessPoolExecutor, Event] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._at_work is not None:
            self._at_work[0].shutdown(wait=True, cancel_futures=True)

    def work_through(
        self,
        items: Sequence[Item],
        work: Callable[[Item], Found],
        *,
        on_done: Callable[[int, Found], None] = lambda _index, _found: None,
    ) -> list[Found]:
        """Return what `work` makes of each item, in their order; one at a time is worked on in this process.

        Items, results and `work` itself have to be picklable. `on_done` hears of each that is done, in whatever order.
        After an error or a Ctrl-C nothing more is begun, and what had begun has cleaned up.

        Raises:
            EngineError: a process died. Whatever else `work` raises is raised here.
        """
        found: dict[int, Found] = {}
        if min(len(items), self._workers) <= 1:
            for index, item in enumerate(items):
                found[index] = work(item)
                on_done(index, found[index])
            return list(found.values())
        pool, stopped = self._at_work = self._at_work or self._assembled()
        try:
            with _interrupts_later():
                waiting = {pool.submit(_work, work, item): index for index, item in enumerate(items)}
            for done in as_completed(waiting):
                found[waiting[done]] = done.result()
                on_done(waiting[done], found[waiting[done]])
        except BaseException as error:
            stopped.set()
            _interrupt_crew()
            pool.shutdown(wait=False, cancel_futures=True)
            if isinstance(error, BrokenProcessPool):
                raise EngineError("a process died in the middle of its work; is there enough memory?") from None
            raise
        return [found[index] for index in range(len(items))]

    def _assembled(self) -> tuple[ProcessPoolExecutor, Event]:
        context = multiprocessing.get_context("spawn")
        stopped = context.Event()
        return ProcessPoolExecutor(self._workers, context, _join_crew, (stopped,)), stopped


def work_through(
    items: Sequence[Item],
    work: Callable[[Item], Found],
    *,
    on_done: Callable[[int, Found], None] = lambda _index, _found: None,
    workers: int | None = None,
) -> list[Found]:
    """Return what `work` makes of each item, by a crew that is there for this list alone.

    Raises:
        EngineError: a process died. Whatever else `work` raises is raised here.
    """
    count = min(len(items), workers or os.cpu_count() or 1)
    with Crew(count) as crew:
        return crew.work_through(items, work, on_done=on_done)


@contextmanager
def _interrupts_later() -> Iterator[None]:
    """Keep a Ctrl-C back meanwhile, here and in every process that starts meanwhile, until it is ready for it."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _join_crew(stopped: Event) -> None:
    """Be ready for work, and pass over every Ctrl-C until there is something to clean up."""
    _STOPPED[:] = [stopped]
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})


def _interrupt_crew() -> None:
    """Tell every process of the crew to clean up, for a signal may have been for this process alone."""
    for process in multiprocessing.active_children():
        if process.pid is not None:
            with suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGINT)


def _work(work: Callable[[Item], Found], item: Item) -> Found:
    signal.signal(signal.SIGINT, _interrupt_once)
    try:
        if _STOPPED[0].is_set():
            raise KeyboardInterrupt
        return work(item)
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)


def _interrupt_once(_signal: int, _frame: Any) -> NoReturn:
    """Interrupt the work, and let nothing interrupt the cleaning up: a Ctrl-C goes to the whole group, and to each."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    raise KeyboardInterrupt
