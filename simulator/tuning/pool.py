"""Where trials are played: processes of this machine, or the workers of a Dask cluster."""

from __future__ import annotations

import importlib
import logging
import multiprocessing
import os
import re
import signal
from concurrent.futures import CancelledError, Executor, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from simulator.errors import EngineError, InputError, Place
from simulator.tuning.source import source_digest

if TYPE_CHECKING:
    from collections.abc import Iterator

_FLAG = Place("--executor")
_ANSWER_SECONDS = 10.0
_SCHEDULER = re.compile(r"dask://([\w.-]+|\[[0-9a-fA-F:]+\]):[0-9]{1,5}")


@dataclass(frozen=True, slots=True)
class Pool:
    """Something that plays trials, and how many it plays at once."""

    executor: Executor
    workers: int


@contextmanager
def open_pool(where: str = "local", workers: int | None = None) -> Iterator[Pool]:
    """Open what `--executor` names: `local`, or `dask://HOST:PORT`, where a scheduler listens.

    Raises:
        InputError: it names neither, or the extra `dask` is not installed.
        EngineError: the scheduler does not answer, has no workers or others than it needs, or was lost.
    """
    if where == "local":
        with _local(workers or os.cpu_count() or 1) as pool:
            yield pool
    elif _SCHEDULER.fullmatch(where):
        with _cluster(where.removeprefix("dask://")) as pool:
            yield pool
    else:
        raise InputError(f"'{where}' is no executor", _FLAG, "local, or dask://HOST:PORT")


@contextmanager
def _local(workers: int) -> Iterator[Pool]:
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, context, _ignore_interrupts) as executor:
        try:
            yield Pool(executor, workers)
        except BaseException:
            executor.shutdown(wait=False, cancel_futures=True)
            raise


def _ignore_interrupts() -> None:
    """Let a Ctrl-C, which goes to the whole group, end the process that asks and not those that play."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


@contextmanager
def _cluster(address: str) -> Iterator[Pool]:
    try:
        distributed: Any = importlib.import_module("distributed")  # an extra
    except ImportError:
        hint = "pip install 'syncstorm[dask]'"
        raise InputError("a Dask cluster needs the extra 'dask', which is not installed", _FLAG, hint) from None
    _hush()
    try:
        client = distributed.Client(f"tcp://{address}", timeout=_ANSWER_SECONDS, set_as_default=False)
    except (OSError, ValueError, TimeoutError) as error:
        problem = str(error).split("\n", 1)[0] or "no answer"
        raise EngineError(f"no Dask scheduler answers at {address}: {problem}") from None
    try:
        yield Pool(client.get_executor(pure=False), _count_threads(client, address))
    except (CancelledError, distributed.KilledWorker, distributed.comm.CommClosedError) as error:
        raise EngineError(f"the Dask cluster at {address} was lost: {type(error).__name__} {error}") from error
    finally:
        client.close(timeout=_ANSWER_SECONDS)


def _hush() -> None:
    """Let what is said of a lost cluster be our own line, and not the traces that its client logs beside it."""
    for name in list(logging.root.manager.loggerDict):
        if name.partition(".")[0] == "distributed":
            logging.getLogger(name).setLevel(logging.CRITICAL + 1)


def _count_threads(client: Any, address: str) -> int:
    """Return how many trials a cluster plays at once, once each of its workers has said that it plays them as we do."""
    try:
        client.wait_for_workers(1, timeout=_ANSWER_SECONDS)
    except TimeoutError:
        raise EngineError(f"the Dask scheduler at {address} has no workers") from None
    said = client.run(_probe, on_error="return")
    for worker, answer in said.items():
        if isinstance(answer, ImportError):
            raise EngineError(f"the Dask worker {worker} has no syncstorm: {answer}")
        if answer != source_digest():
            raise EngineError(f"the Dask worker {worker} has another version of syncstorm; results would differ")
    return max(sum(int(threads) for threads in client.nthreads().values()), 1)


def _probe() -> str:
    return source_digest()
