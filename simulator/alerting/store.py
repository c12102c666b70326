"""A Prometheus of our own into which samples are written, of any time that it can have, in whatever stretches."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.alerting.prometheus import OwnPrometheus
from simulator.alerting.remotewrite import snappy
from simulator.durations import format_duration

if TYPE_CHECKING:
    from pathlib import Path

# One head for all: with the usual two hours it would be cut into blocks while it is asked.
_BLOCK = "876000h"


class SampleStore(OwnPrometheus):
    """A running Prometheus that holds what is pushed; a context manager.

    Subqueries without a step of their own follow its evaluation interval.
    """

    def __init__(self, *, lookback_seconds: float, evaluation_interval_seconds: float) -> None:
        super().__init__(lookback_seconds=lookback_seconds)
        self._interval = evaluation_interval_seconds

    def _prepare(self, folder: Path) -> list[str]:
        config = f"global: {{evaluation_interval: {format_duration(self._interval)}}}\n"
        (folder / "prometheus.yml").write_text(config, encoding="utf-8")
        return self._command(
            folder,
            # What is old is not to expire, and what is far apart not to be cut.
            "--storage.tsdb.retention.time=100y",
            f"--storage.tsdb.min-block-duration={_BLOCK}",
            f"--storage.tsdb.max-block-duration={_BLOCK}",
            "--web.enable-remote-write-receiver",
        )

    def _push(self, request: bytes) -> None:
        """Store a remote-write request that is not compressed yet; an empty one is none."""
        if request:
            self.write(snappy(request))
