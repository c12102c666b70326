"""What stands in a page: its text, and the data of its charts."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any


@dataclass
class Page(HTMLParser):
    """A page, taken apart: text outside of scripts and styles, figures by the name that people hear, and references."""

    text: str = ""
    figures: dict[str, dict[str, Any]] = field(default_factory=dict)
    tags: list[str] = field(default_factory=list)
    references: list[str] = field(default_factory=list)
    _open: list[tuple[str, str]] = field(default_factory=list)
    _name: str = ""

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)

    @classmethod
    def of(cls, html: str) -> Page:
        """Return a page's parts."""
        page = cls()
        # The chart library is large, and is none of what is looked at here.
        begin = html.find("<script>/**")
        end = html.find("</script>", begin)
        page.feed(html if begin < 0 else html[:begin] + html[end + len("</script>") :])
        page.close()
        return page

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take note of an element."""
        given = {name: value or "" for name, value in attrs}
        self.tags.append(tag)
        self.references += [given[name] for name in ("src", "href", "srcset", "data", "action") if name in given]
        if tag in ("script", "style"):
            self._open.append((tag, given.get("class", "")))
        if given.get("class") == "plot":
            self._name = given["aria-label"]

    def handle_endtag(self, tag: str) -> None:
        """Take note of its end."""
        if self._open and self._open[-1][0] == tag:
            self._open.pop()

    def handle_data(self, data: str) -> None:
        """Take a text."""
        if not self._open:
            self.text += data
        elif self._open[-1] == ("script", "figure"):
            self.figures[self._name] = json.loads(data)

    def figure(self, begin: str) -> dict[str, Any]:
        """Return the only figure whose name begins with a text."""
        (found,) = [figure for name, figure in self.figures.items() if name.startswith(begin)]
        return found


def bars(figure: dict[str, Any], name: str) -> list[tuple[float, float]]:
    """Return from when to when the bars of a name are."""
    return [
        (start, start + width)
        for trace in figure["data"]
        if trace["type"] == "bar" and trace["name"] == name
        for start, width in zip(trace["base"], trace["x"], strict=True)
    ]
