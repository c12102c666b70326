"""A real Mosquitto for the tests: from PATH, or from Debian's packages into the tools folder, without installing it."""

from __future__ import annotations

import base64
import fcntl
import hashlib
import os
import re
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Self

import pytest

from tests.control.waiting import block_until

if TYPE_CHECKING:
    from types import TracebackType

ROOT = Path(__file__).resolve().parents[2]
FOLDER = Path(os.environ.get("SYNCSTORM_TOOLS") or ROOT / ".tools") / "mosquitto"
OF_THE_SYSTEM = ("libc6", "libssl", "libcrypto", "libsystemd", "libelogind")
"""Libraries that are not unpacked: every system has them, and they belong to its own C library."""

USER, PASSWORD = "drill", "a-password"


def find_mosquitto() -> tuple[str, dict[str, str]]:
    """Return the program and the environment it needs; a test that asks is skipped where there is no way to get it."""
    installed = shutil.which("mosquitto", path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/usr/local/sbin")
    if installed:
        return installed, dict(os.environ)
    if not (FOLDER / "usr" / "sbin" / "mosquitto").exists():
        _fetch()
    libraries = sorted({str(path.parent) for path in FOLDER.rglob("lib*.so.*")})
    return str(FOLDER / "usr" / "sbin" / "mosquitto"), {**os.environ, "LD_LIBRARY_PATH": ":".join(libraries)}


def _fetch() -> None:
    if shutil.which("apt-get") is None or shutil.which("dpkg") is None:
        pytest.skip("no mosquitto on PATH, and no apt-get and dpkg to get it with")
    FOLDER.parent.mkdir(parents=True, exist_ok=True)
    with (FOLDER.parent / ".mosquitto.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if FOLDER.exists():
            return
        with tempfile.TemporaryDirectory(prefix=".fetch-mosquitto-", dir=FOLDER.parent) as scratch:
            packages = ["mosquitto", *_libraries(scratch)]
            _run(["apt-get", "-q", "-oAPT::Sandbox::User=root", "download", *packages], scratch)
            for archive in Path(scratch).glob("*.deb"):
                _run(["dpkg", "-x", str(archive), f"{scratch}/tree"], scratch)
            (Path(scratch) / "tree").rename(FOLDER)


def _libraries(scratch: str) -> list[str]:
    """Return the libraries that Mosquitto needs beside those that every system has."""
    command = ["apt-cache", "depends", "--recurse", "--important", "mosquitto"]
    named = re.findall(r"^(lib[a-z0-9.+-]+)$", _run(command, scratch), re.MULTILINE)
    return sorted({name for name in named if not name.startswith(OF_THE_SYSTEM)})


def _run(command: list[str], folder: str) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(
            f"mosquitto cannot be fetched: {' '.join(command[:3])}: {(done.stderr or done.stdout).strip()[:200]}"
        )
    return done.stdout


class Mosquitto:
    """A broker that can be killed and started again on the same port."""

    def __init__(self, folder: Path) -> None:
        self._program, self._environment = find_mosquitto()
        self._folder = folder
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port: int = probe.getsockname()[1]
        self._process: subprocess.Popen[bytes] | None = None
        self._configure()

    @property
    def url(self) -> str:
        """Where it is, with user and password."""
        return f"mqtt://{USER}:{PASSWORD}@127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it, and wait until it listens."""
        self._process = subprocess.Popen(
            [self._program, "-c", str(self._folder / "mosquitto.conf")],
            env=self._environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        block_until(self._listens)

    def kill(self) -> None:
        """Kill it; what was retained is lost, as it is kept in memory only."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)
            self._process = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()

    def _listens(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, "mosquitto did not start"
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
        except OSError:
            return False
        return True

    def _configure(self) -> None:
        users = self._folder / "users"
        users.write_text(f"{USER}:{_hashed(PASSWORD)}\n")
        users.chmod(0o600)
        account = "user root\n" if os.geteuid() == 0 else ""
        listener = f"listener {self.port} 127.0.0.1\nallow_anonymous false\npassword_file {users}\n"
        (self._folder / "mosquitto.conf").write_text(f"{listener}persistence false\n{account}")


def _hashed(password: str) -> str:
    """Return a password as Mosquitto keeps it: salted SHA-512."""
    salt = b"0123456789ab"
    digest = hashlib.sha512(password.encode() + salt).digest()
    return f"$6${base64.b64encode(salt).decode()}${base64.b64encode(digest).decode()}"
