"""A real browser for the tests: from PATH, or from Debian's packages, unpacked into a folder beside this file."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from simulator.alerting.packages import lacking_packages, sole_fetcher, unpack_packages
from simulator.errors import EngineError, ToolMissing

if TYPE_CHECKING:
    from collections.abc import Mapping

    from playwright.sync_api import Browser as RunningBrowser
    from playwright.sync_api import Playwright

FOLDER = Path(__file__).parent / ".chromium"
PACKAGE = "chromium-headless-shell"
NAMES = (PACKAGE, "chromium", "chromium-browser", "google-chrome")
FONTS = """<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
  <include ignore_missing="yes">/etc/fonts/fonts.conf</include>
  <dir>{folder}/usr/share/fonts</dir>
</fontconfig>
"""


@dataclass(frozen=True, slots=True)
class Browser:
    """A browser's program, and the environment that it needs."""

    path: Path
    environment: Mapping[str, str]

    def launch(self, playwright: Playwright) -> RunningBrowser:
        """Start it."""
        return playwright.chromium.launch(executable_path=self.path, env=dict(self.environment))


def find_chromium() -> Browser:
    """Return a browser that runs; skip the test where this system's archive has none, fail where it cannot be had."""
    for name in NAMES:
        found = shutil.which(name)
        if found is not None and _runs(Browser(Path(found), os.environ)):
            return Browser(Path(found), os.environ)
    missing = [program for program in ("apt-get", "dpkg") if shutil.which(program) is None]
    if missing:
        pytest.skip(f"these tests need chromium on PATH: there is no {missing[0]} here to get it with")
    browser = _unpacked()
    if _runs(browser):
        return browser
    _fetch()
    if not _runs(browser):
        said = subprocess.run([browser.path, "--version"], env=browser.environment, capture_output=True, check=False)
        pytest.fail(f"the browser that was fetched does not run: {said.stderr.decode(errors='replace')}", pytrace=False)
    return browser


def _fetch() -> None:
    try:
        with sole_fetcher(FOLDER):
            if _runs(_unpacked()):  # somebody else has fetched it meanwhile
                return
            packages = lacking_packages(PACKAGE, FOLDER, print)
            # The C library and its loader have to be of one version: the system's.
            wanted = {package for package in packages if not package.startswith(("libc6", "libc-"))}
            # It looks for its own files beside itself, wherever else they may be installed.
            unpack_packages(sorted({*wanted, PACKAGE, "chromium-common"}), FOLDER, print)
            (FOLDER / "fonts.conf").write_text(FONTS.format(folder=FOLDER))
    except ToolMissing as error:
        if "Unable to locate package" in str(error) or "no installation candidate" in str(error):
            pytest.skip(f"these tests need chromium on PATH: this system's archive has no {PACKAGE}")
        pytest.fail(str(error), pytrace=False)
    except EngineError as error:
        pytest.fail(str(error), pytrace=False)


def _unpacked() -> Browser:
    libraries = (FOLDER / "usr" / "lib").glob(f"{platform.machine()}-linux-gnu")
    more = ":".join(str(folder) for folder in (*libraries, *(FOLDER / "lib").glob("*-linux-gnu")))
    environment = {**os.environ, "LD_LIBRARY_PATH": more, "FONTCONFIG_FILE": str(FOLDER / "fonts.conf")}
    return Browser(FOLDER / "usr" / "lib" / "chromium" / PACKAGE, environment)


def _runs(browser: Browser) -> bool:
    """Tell whether a browser starts at all: its libraries are there."""
    if not browser.path.is_file():
        return False
    asked = subprocess.run(
        [browser.path, "--version"], env=browser.environment, capture_output=True, check=False, timeout=60
    )
    return asked.returncode == 0 and b"hrom" in asked.stdout
