"""Lists whose rows stay the same elements while what they show changes, so that nothing flickers or loses the focus."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from nicegui import ui

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from nicegui.element import Element

_Item = TypeVar("_Item")
_Shown_contra = TypeVar("_Shown_contra", contravariant=True)


class Row(Protocol[_Shown_contra]):
    """One row: its outermost element, and how it shows another state of its item."""

    element: Element

    def update(self, item: _Shown_contra) -> None:
        """Show the item as it is now."""


class Rows(Generic[_Item]):
    """Rows by key, in the order in which their items come; without any, a quiet sentence."""

    def __init__(self, make: Callable[[_Item], Row[_Item]], quiet: str) -> None:
        self._make = make
        self._rows: dict[str, Row[_Item]] = {}
        self._quiet = ui.label(quiet).classes("quiet")
        self._box = ui.element("div").classes("stack")

    def update(self, items: Mapping[str, _Item]) -> None:
        """Show these items, and no others."""
        for key in [key for key in self._rows if key not in items]:
            self._rows.pop(key).element.delete()
        for place, (key, item) in enumerate(items.items()):
            if key not in self._rows:
                with self._box:
                    self._rows[key] = self._make(item)
                self._rows[key].element.move(target_index=place)
            self._rows[key].update(item)
        self._quiet.set_visibility(not items)


def heading(text: str) -> None:
    """Put a heading of a part of the page."""
    ui.html(text, tag="h2", sanitize=True)


def say(label: ui.label, text: str) -> None:
    """Let a label say something, if it does not say it already."""
    if label.text != text:
        label.set_text(text)
