"""One game day with a console, and browsers that look at it."""

from __future__ import annotations

import os
import re
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from tests.gameday.days import Day, wait

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page, WebSocket

ROOT = Path(__file__).parents[2]
ARTEFACTS = Path(os.environ.get("SYNCSTORM_ARTEFACTS", ROOT / "test-artefacts")) / "console"
"""Where the screenshots are left."""

RULES = """
groups:
  - name: console
    interval: 1s
    rules:
      - alert: SocketAuthFailureRatioHigh
        expr: >-
          sum(rate(openagents_runtime_sync_socket_auth_count{status="error"}[10s]))
          / clamp_min(sum(rate(openagents_runtime_sync_socket_auth_count[10s])), 1) > 0.05
        for: 5s
        labels: {severity: page}
        annotations:
          summary: '{{ $value | humanizePercentage }} of handshakes are refused'
          runbook: simulator/data/runbooks/sync-channel.md#auth-and-token-failures
      - alert: SocketTimeoutRateHigh
        expr: sum(increase(openagents_runtime_sync_socket_timeout_count{status="timeout"}[10s])) > 5
        for: 5s
        labels: {severity: ticket}
      - alert: StaleCursorSpike
        expr: >-
          sum(increase(openagents_runtime_sync_replay_catchup_duration_ms_count{status="stale_cursor"}[10s])) > 5
        for: 1s
        labels: {severity: page}
"""
ARGUMENTS = [
    *("gameday", "--console", "--rules", "console.yaml", "--out", "out", "--set"),
    *("fleet.clients=40", "fleet.session_lifetime=5s", "fleet.offline=500ms", "fleet.ramp=1s"),
    *("fleet.profiles={desktop: 1}", "monitoring.scrape_interval=1s", "monitoring.evaluation_interval=1s"),
]
PATIENCE_MS = 20_000


class Game(Day):
    """A game day by hand, with the links that it shows."""

    def begin(self) -> None:
        """Start it, and wait for its links."""
        (self.folder / "console.yaml").write_text(RULES)
        self.start()
        self.links = {who: self._link(who) for who in ("facilitators", "participants")}

    def _link(self, who: str) -> str:
        def look() -> re.Match[str] | None:
            assert self.process.poll() is None, self.shown
            return re.search(rf"^{who} +(http://\S+#token=\S+)$", self.shown, re.MULTILINE)

        found: re.Match[str] = wait(look, f"the link of the {who}")
        return found[1]

    def token(self, who: str) -> str:
        """Return the token in a link."""
        return self.links[who].partition("#token=")[2]

    @property
    def url(self) -> str:
        """Where the console is."""
        return "http://" + urlsplit(self.links["facilitators"]).netloc


class Person:
    """Somebody at a browser: a page, what it asked whom for, what it was told, and what went wrong in it."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.hosts: set[str] = set()
        self.told: list[str] = []
        self.problems: list[str] = []
        page.set_default_timeout(PATIENCE_MS)
        page.on("request", lambda request: self.hosts.add(urlsplit(request.url).netloc))
        page.on("pageerror", lambda error: self.problems.append(str(error)))
        page.on("console", self._hear)
        page.on("websocket", self._listen)

    def enter(self, link: str, name: str) -> None:
        """Open a link as it was printed, and log in."""
        self.page.goto(link)
        self.page.get_by_label("Your name").fill(name)
        self.page.get_by_role("button", name="Enter").click()
        self.page.get_by_role("heading", name="Timeline").wait_for()

    def button(self, name: str) -> Any:
        """Return a button by its exact name."""
        return self.page.get_by_role("button", name=name, exact=True)

    def see(self, text: str) -> Any:
        """Wait until a text is in view, and return the first element that has it."""
        found = self.page.get_by_text(text, exact=True).locator("visible=true").first
        found.wait_for()
        return found

    def choose_fault(self, name: str) -> None:
        """Choose a fault in the form."""
        self.page.get_by_label("Fault", exact=True).fill(name)
        self.page.get_by_role("option", name=name, exact=True).click()

    def shoot(self, name: str) -> None:
        """Leave pictures at both widths and in both themes."""
        ARTEFACTS.mkdir(parents=True, exist_ok=True)
        for theme in ("light", "dark"):
            self.page.emulate_media(color_scheme=theme)
            for width, height in ((390, 844), (1280, 900)):
                self.page.set_viewport_size({"width": width, "height": height})
                self.page.evaluate("scrollTo(0, 0)")
                self.page.wait_for_timeout(400)  # charts take their new width
                self.page.screenshot(path=ARTEFACTS / f"{name}-{width}-{theme}.png", full_page=True)
                assert self.page.evaluate("document.documentElement.scrollWidth") <= width

    def _hear(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.problems.append(message.text)

    def _listen(self, socket: WebSocket) -> None:
        self.hosts.add(urlsplit(socket.url).netloc)
        socket.on("framereceived", lambda frame: self.told.append(frame if isinstance(frame, str) else str(frame)))


@contextmanager
def at_browser(browser: Browser) -> Iterator[Person]:
    """Sit somebody down at a browser of their own, with cookies of their own."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    try:
        yield Person(context.new_page())
    finally:
        context.close()
