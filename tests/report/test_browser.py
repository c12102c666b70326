"""`report.html` in a real browser, from a file: every chart is drawn, and nobody is asked for anything."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import sync_playwright

from simulator.report.html import write_html
from tests.console.chromium import find_chromium
from tests.report.test_html import FIRES, account_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser

    from tests.report.conftest import Desk

INK = {"light": "rgb(31, 35, 40)", "dark": "rgb(230, 237, 243)"}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Start the browser."""
    with sync_playwright() as playwright:
        running = find_chromium().launch(playwright)
        yield running
        running.close()


@pytest.fixture(scope="module")
def page_file(desk: Desk, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the file of a report."""
    file = tmp_path_factory.mktemp("page") / "report.html"
    rules = (desk.rule("Auth", (400, 700, 1000)), desk.rule("OpenAgentsRuntimeSyncSocketTimeoutRateHigh", no_data=True))
    file.write_text(write_html(account_of(desk, FIRES, rules=rules)), encoding="utf-8")
    return file


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_every_chart_is_drawn_in_the_colours_of_the_theme_and_nothing_is_asked_of_anybody(
    browser: Browser, page_file: Path, width: int, scheme: str
) -> None:
    context = browser.new_context(
        viewport={"width": width, "height": 900}, color_scheme="dark" if scheme == "dark" else "light"
    )
    page = context.new_page()
    asked: list[str] = []
    wrong: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda said: wrong.append(said.text))
    page.goto(page_file.as_uri())
    page.wait_for_selector(f"html[data-painted={scheme}]")
    assert asked == [page_file.as_uri()]
    assert wrong == []
    count = page.locator("figure").count()
    assert count >= 5
    assert page.locator("figure .plot svg.main-svg >> nth=0").is_visible()
    drawn = page.evaluate("[...document.querySelectorAll('.plot')].map(p => p.querySelectorAll('.main-svg').length)")
    assert len(drawn) == count
    assert all(drawn)
    ink = page.evaluate("getComputedStyle(document.querySelector('.plot .xtick text')).fill")
    assert ink == INK[scheme]
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    context.close()
