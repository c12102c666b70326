"""The page of a sweep in a real browser, from a file: every chart is drawn, and nobody is asked for anything."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playwright.sync_api import sync_playwright

from simulator.tuning.html import write_html
from tests.console.chromium import find_chromium
from tests.tuning.test_views import made

if TYPE_CHECKING:
    from pathlib import Path


def test_every_chart_is_drawn_on_a_narrow_dark_screen_without_a_request(tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    file.write_text(write_html(made()), encoding="utf-8")
    asked: list[str] = []
    wrong: list[str] = []
    with sync_playwright() as playwright:
        browser = find_chromium().launch(playwright)
        page = browser.new_page(viewport={"width": 390, "height": 900}, color_scheme="dark")
        page.on("request", lambda request: asked.append(request.url))
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda said: wrong.append(said.text))
        page.goto(file.as_uri())
        page.wait_for_selector("html[data-painted=dark]")
        drawn = page.evaluate(
            "[...document.querySelectorAll('.plot')].map(p => p.querySelectorAll('.main-svg').length)"
        )
        width = page.evaluate("document.documentElement.scrollWidth")
        browser.close()

    assert asked == [file.as_uri()]
    assert wrong == []
    assert len(drawn) == 3 * 3 + 2 + 1 + 2  # heat maps, the front, where time goes, what is seen
    assert all(drawn)
    assert width <= 390
