"""One self-contained HTML page with charts: no request to anybody, light and dark, readable on a phone and on paper.

Whatever is no `Html` is escaped, so that a text of a user's stays a text.
"""

from __future__ import annotations

import html
import re
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import orjson

from simulator.report.charts.style import themes

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from simulator.report.charts.style import Figure


_SEAM = re.compile(r"([a-z0-9](?=[A-Z])|[_/.#](?=\w))")
"""After what a long name may be broken."""


class Html(str):
    """Text that is HTML already."""

    __slots__ = ()


def element(tag: str, *inside: object, **attributes: str) -> Html:
    """Return an element; `class_` is the attribute `class`, and an underscore in a name is a hyphen."""
    given = "".join(
        f' {name.rstrip("_").replace("_", "-")}="{html.escape(value)}"' for name, value in attributes.items()
    )
    return Html(f"<{tag}{given}>{join(inside)}</{tag}>")


def join(parts: Iterable[object], between: str = "") -> Html:
    """Return parts one after another, those that are no HTML escaped."""
    return Html(between.join(part if isinstance(part, Html) else html.escape(str(part)) for part in parts))


def code(text: object) -> Html:
    """Return a name or a piece of text that people could type; where it may be broken, it breaks between its words."""
    shown = str(text)
    return element("code", shown if " " in shown else breakable(shown))


def breakable(text: str) -> Html:
    """Return a long name that may be broken between its words, and not within one."""
    return Html(_SEAM.sub(r"\1<wbr>", html.escape(text)))


def table(head: Sequence[object], rows: Iterable[Sequence[object]]) -> Html:
    """Return a table that scrolls by itself where the screen is narrow; nothing where there are no rows."""
    body = [element("tr", *(element("td", cell) for cell in row)) for row in rows]
    if not body:
        return Html()
    top = element("thead", element("tr", *(element("th", cell, scope="col") for cell in head))) if any(head) else ""
    whole = element("table", top, element("tbody", *body), class_="" if top else "keys")
    return element("div", whole, class_="wide", tabindex="0", role="region", aria_label="table")


def bullets(items: Iterable[object]) -> Html:
    """Return a list; nothing where there are no items."""
    entries = [element("li", item) for item in items]
    return element("ul", *entries) if entries else Html()


def section(title: str, *inside: object) -> Html:
    """Return a section with a heading; nothing where there is nothing in it."""
    body = join(inside)
    anchor = "".join(letter if letter.isalnum() else "-" for letter in title.lower())
    return element("section", element("h2", title), body, id=anchor) if body else Html()


def chart(figure: Figure, label: str) -> Html:
    """Return a place for a chart and its data; `label` says what it shows, to people who do not see it."""
    height = str(int(figure["layout"]["height"]))
    # No `<` is left in it, so that nothing in it can end the element.
    data = Html(orjson.dumps(figure).decode().replace("<", "\\u003c"))
    return element(
        "figure",
        element("div", class_="plot", role="img", aria_label=label, style=f"min-height:{height}px"),
        element("script", data, type="application/json", class_="figure"),
    )


def write_page(title: str, *body: object) -> str:
    """Return the whole page."""
    head = (
        Html('<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'),
        Html('<meta name="color-scheme" content="light dark">'),
        # Nothing may be fetched, whatever somebody brings in.
        Html(
            '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
            "script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:\">"
        ),
        element("title", title),
        element("style", Html(_read("page.css"))),
    )
    scripts: list[Any] = []
    content = join(body)
    if 'class="figure"' in content:
        scripts = [
            element("script", Html(_plotly())),
            element("script", Html(f"const THEMES = {orjson.dumps(themes()).decode()};\n{_read('page.js')}")),
        ]
    return (
        "<!doctype html>\n"
        + element("html", element("head", *head), element("body", element("main", content), *scripts), lang="en")
        + "\n"
    )


def _read(name: str) -> str:
    return (files("simulator.report") / name).read_text(encoding="utf-8")


@cache
def _plotly() -> str:
    """Return plotly.js as the package `plotly` brings it along; importing that package would take far longer."""
    source = (files("plotly") / "package_data" / "plotly.min.js").read_text(encoding="utf-8")
    return source.replace("</script", "<\\/script")
