"""A server program of our own: a free loopback port, a log of its own, and an end together with its folder."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from abc import ABC, abstractmethod
from contextlib import ExitStack, contextmanager
from typing import IO, TYPE_CHECKING, Any, ClassVar, Self

import httpx

from simulator.alerting.folder import guarded_folder
from simulator.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path
    from types import TracebackType

    from simulator.alerting.folder import GuardedFolder

_START_SECONDS = 20.0
_POLL_SECONDS = 0.01
# Whoever took the port before us may not answer at all.
_READY_SECONDS = 1.0
_ANSWER_SECONDS = 120.0
_ATTEMPTS = 5


class PrivateProgram(ABC):
    """A program that runs in a folder of its own as long as a `with` block; whoever derives from it says which.

    Raises:
        EngineError: on entry where it cannot be started, on questions where it is gone.
    """

    program: ClassVar[str]
    """What messages call it."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._server: PrivateServer | None = None

    @property
    def pid(self) -> int:
        """Return its process id."""
        return self._running().pid

    @property
    def address(self) -> str:
        """Return the host and port at which it answers."""
        return self._running().address

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            folder = stack.enter_context(guarded_folder())
            command = self._prepare(folder.path)
            self._server = stack.enter_context(_private_server(self.program, folder, command))
            stack.callback(self._forget)
            self._settle(folder.path)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    @abstractmethod
    def _prepare(self, folder: Path) -> Sequence[str]:
        """Put into the folder what it reads, and return the program and its arguments, but for the port."""

    def _settle(self, folder: Path) -> None:  # noqa: B027  # most have nothing to wait for
        """Wait for what there is to wait for once it answers."""

    def _running(self) -> PrivateServer:
        if self._server is None:
            raise EngineError(f"{self.program} is not running")
        return self._server

    def _forget(self) -> None:
        self._server = None


class PrivateServer:
    """A running server that answers `/-/ready`, as those of the Prometheus project do."""

    def __init__(self, name: str, folder: GuardedFolder, command: Sequence[str], log: IO[bytes]) -> None:
        self._name = name
        self._folder = folder
        self._command = command
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None
        self._client: httpx.Client | None = None
        self._port = 0

    @property
    def address(self) -> str:
        """Return host and port."""
        return f"127.0.0.1:{self._port}"

    @property
    def pid(self) -> int:
        """Return the process id."""
        return self._running().pid

    def request(self, method: str, path: str, **body: Any) -> httpx.Response:
        """Return the server's answer.

        Raises:
            EngineError: it died, or it does not answer.
        """
        process = self._running()
        assert self._client is not None  # they come and go together
        try:
            return self._client.request(method, path, **body)
        except httpx.HTTPError as error:
            if process.poll() is not None:
                raise EngineError(f"{self._name} died: {self.last_words()}") from error
            raise EngineError(f"{self._name} does not answer: {error or type(error).__name__}") from error

    def reload(self) -> None:
        """Have the server read its files again."""
        os.kill(self.pid, signal.SIGHUP)

    def last_words(self) -> str:
        """Return the last line that the server wrote."""
        self._log.seek(0)
        lines = self._log.read().decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else "it said nothing"

    def start(self) -> None:
        """Start the program and wait until it is ready."""
        for _ in range(_ATTEMPTS):
            self._launch()
            if self._becomes_ready():
                return
            problem = self.last_words()
            self.stop()
            # Somebody else was faster to take the port.
            if "address already in use" not in problem:
                break
        raise EngineError(f"{self._name} did not start: {problem}")

    def stop(self) -> None:
        """End the program."""
        if self._client is not None:
            self._client.close()
            self._client = None
        if self._process is not None:
            # Nothing in its folder outlives it, so there is nothing it should do before it ends.
            self._process.kill()
            self._process.wait()
            self._process = None
        self._folder.guard(None)

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise EngineError(f"{self._name} is not running")
        return self._process

    def _launch(self) -> None:
        self._port = free_port()
        try:
            self._process = subprocess.Popen(  # noqa: S603  # a program that was searched for
                [*self._command, f"--web.listen-address={self.address}"],
                cwd=self._folder.path,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=self._log,
                env=_environment(),
                start_new_session=True,
            )
        except OSError as error:
            raise EngineError(f"{self._name} does not start: {error}") from error
        self._folder.guard(self._process.pid)
        # The environment's proxies have no business on loopback.
        base = f"http://{self.address}"
        self._client = httpx.Client(base_url=base, trust_env=False, timeout=_ANSWER_SECONDS)

    def _becomes_ready(self) -> bool:
        """Wait until the server is ready; false where it ended or took too long."""
        process, client = self._running(), self._client
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline and process.poll() is None and client is not None:
            try:
                if client.get("/-/ready", timeout=_READY_SECONDS).status_code == httpx.codes.OK:
                    # Another process may answer on a port that ours failed to get.
                    return process.poll() is None
            except httpx.HTTPError:
                pass
            time.sleep(_POLL_SECONDS)
        return False


@contextmanager
def _private_server(name: str, folder: GuardedFolder, command: Sequence[str]) -> Iterator[PrivateServer]:
    """Run a server that lives as long as the block, or as this process if that ends earlier.

    Raises:
        EngineError: it cannot be started; the message has what it said.
    """
    with (folder.path / "log").open("w+b") as log:
        server = PrivateServer(name, folder, command, log)
        try:
            server.start()
            yield server
        finally:
            server.stop()


def free_port() -> int:
    """Return a loopback port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _environment() -> dict[str, str]:
    """Return this process' environment without proxies: what is sent stays on this machine."""
    return {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
