"""An Alertmanager of our own, which routes a run's alerts as the user's would, and reaches nobody but us."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar, Self

from prometheus_client.parser import text_string_to_metric_families

from simulator.alerting.process import PrivateProgram
from simulator.alerting.relocation import relocated
from simulator.alerting.toolchain import find_tool
from simulator.errors import EngineError, InputError, Place

if TYPE_CHECKING:
    from pathlib import Path

    from simulator.alerting.routing import Routing

_REFUSED_CONFIG = re.compile(r'msg="Loading configuration file failed".* err="(?P<problem>(?:[^"\\]|\\.)*)"')
_COMPLAINTS = {
    "alertmanager_notifications_failed_total": "notifications did not reach the webhook",
    "alertmanager_alerts_invalid_total": "alerts were invalid",
}


class PrivateAlertmanager(PrivateProgram):
    """A running Alertmanager; a context manager.

    It takes nothing but a `Routing`, which has no receiver other than ours.

    Raises:
        InputError: on entry, where it does not accept the user's routing.
        EngineError: on entry where it cannot be started, on questions where it is gone.
    """

    program: ClassVar[str] = "Alertmanager"

    def __init__(self, routing: Routing) -> None:
        super().__init__()
        self._routing = routing
        self._tool = find_tool("alertmanager")

    @property
    def version(self) -> str:
        """Return its version."""
        return self._tool.version

    def __enter__(self) -> Self:
        try:
            return super().__enter__()
        except EngineError as error:
            self._blame_config(error)
            raise

    def complaints(self) -> tuple[str, ...]:
        """Return what went wrong inside it since it was started."""
        text = self._running().request("GET", "/metrics").text
        counts = dict.fromkeys(_COMPLAINTS, 0.0)
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                if sample.name in counts:
                    counts[sample.name] += sample.value
        return tuple(
            f"Alertmanager says that {counts[name]:g} {what}" for name, what in _COMPLAINTS.items() if counts[name]
        )

    def _prepare(self, folder: Path) -> list[str]:
        config = folder / "alertmanager.yml"
        config.write_text(self._routing.text, encoding="utf-8")
        return [
            str(relocated(self._tool, folder)),
            f"--config.file={config}",
            f"--storage.path={folder / 'data'}",
            # It is alone, and looks for no others.
            "--cluster.listen-address=",
            "--log.level=warn",
        ]

    def _blame_config(self, error: EngineError) -> None:
        found = _REFUSED_CONFIG.search(str(error))
        if found is not None:
            problem = found["problem"].replace('\\"', '"')
            raise InputError(f"Alertmanager does not accept it: {problem}", Place(self._routing.file)) from error
