"""What a page asks of the control API when somebody presses a button; a refusal is said in one line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nicegui import run, ui

from simulator.errors import SyncstormError

if TYPE_CHECKING:
    from collections.abc import Callable


async def ask(done: str, call: Callable[..., Any], *arguments: Any, **named: Any) -> bool:
    """Ask, on a thread; tell whether it was granted, and say what was done, or why not."""
    try:
        await run.io_bound(call, *arguments, **named)
    except SyncstormError as error:
        ui.notify(str(error), type="negative", multi_line=True, timeout=8000, close_button="Close")
        return False
    if done:
        ui.notify(done, type="positive", timeout=2500)
    return True
