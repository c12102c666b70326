"""An Alertmanager of our own, which routes a run's alerts as the user's would, and reaches nobody but us."""

from __future__ import annotations

import re
from contextlib import ExitStack
from typing import TYPE_CHECKING, Self

from prometheus_client.parser import text_string_to_metric_families

from simulator.alerting.folder import guarded_folder
from simulator.alerting.process import private_server
from simulator.alerting.prometheus import listen_flag
from simulator.alerting.relocation import relocated
from simulator.alerting.toolchain import find_tool
from simulator.errors import EngineError, InputError, Place

if TYPE_CHECKING:
    from types import TracebackType

    from simulator.alerting.process import PrivateServer
    from simulator.alerting.routing import Routing

_REFUSED_CONFIG = re.compile(r'msg="Loading configuration file failed".* err="(?P<problem>(?:[^"\\]|\\.)*)"')
_COMPLAINTS = {
    "alertmanager_notifications_failed_total": "notifications did not reach the webhook",
    "alertmanager_alerts_invalid_total": "alerts were invalid",
}


class PrivateAlertmanager:
    """A running Alertmanager; a context manager.

    It takes nothing but a `Routing`, which has no receiver other than ours.

    Raises:
        InputError: on entry, where it does not accept the user's routing.
        EngineError: on entry where it cannot be started, on questions where it is gone.
    """

    def __init__(self, routing: Routing) -> None:
        self._routing = routing
        self._tool = find_tool("alertmanager")
        self._stack = ExitStack()
        self._server: PrivateServer | None = None

    @property
    def version(self) -> str:
        """Return its version."""
        return self._tool.version

    @property
    def pid(self) -> int:
        """Return its process id."""
        return self._running().pid

    @property
    def address(self) -> str:
        """Return the host and port at which it takes alerts."""
        return self._running().address

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            folder = stack.enter_context(guarded_folder())
            config = folder.path / "alertmanager.yml"
            config.write_text(self._routing.text, encoding="utf-8")
            command = [
                str(relocated(self._tool, folder.path)),
                f"--config.file={config}",
                f"--storage.path={folder.path / 'data'}",
                # It is alone, and looks for no others.
                "--cluster.listen-address=",
                "--log.level=warn",
            ]
            try:
                self._server = stack.enter_context(
                    private_server("Alertmanager", folder, lambda port: [*command, listen_flag(port)])
                )
            except EngineError as error:
                self._blame_config(error)
                raise
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server = None
        self._stack.close()

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

    def _blame_config(self, error: EngineError) -> None:
        found = _REFUSED_CONFIG.search(str(error))
        if found is not None:
            problem = found["problem"].replace('\\"', '"')
            raise InputError(f"Alertmanager does not accept it: {problem}", Place(self._routing.file)) from error

    def _running(self) -> PrivateServer:
        if self._server is None:
            raise EngineError("Alertmanager is not running")
        return self._server
