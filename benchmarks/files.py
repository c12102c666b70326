"""How many files a process may have open: a socket is one."""

from __future__ import annotations

import resource

from benchmarks.figures import MeasurementFailed

_SPARE = 200
"""Files that a process has open beside its sockets."""


def allow_open_files(sockets: int) -> None:
    """Raise this process' own limit, and that of processes to come, so far that so many sockets can be open.

    Raises:
        MeasurementFailed: the hard limit is too low.
    """
    needed = sockets + _SPARE
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < needed:
        raise MeasurementFailed(
            f"{sockets} sockets need {needed} open files and the hard limit is {hard}; raise it (`ulimit -Hn {needed}`)"
        )
    if soft != resource.RLIM_INFINITY and soft < needed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))
