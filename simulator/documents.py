"""YAML files as plain data that can still say on which line a key stands."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, ReusedAnchorWarning, YAMLError
from ruamel.yaml.nodes import MappingNode, SequenceNode
from ruamel.yaml.reader import ReaderError

from simulator.errors import InputError, Place, show, unknown_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from pydantic_core import ErrorDetails
    from ruamel.yaml.nodes import Node

KeyPath = tuple[str | int, ...]
"""Where a value stands in a document: mapping keys and list indexes, from the outside in."""


@dataclass(frozen=True, slots=True)
class Document:
    """One YAML document of a file: its data, and the nodes it was read from."""

    file: Path | str
    data: Any
    node: Node | None

    def line_of(self, path: Sequence[str | int]) -> int | None:
        """Return the line, from 1, of the key or item at a path, or of the nearest one around it that exists."""
        node, line = self.node, None
        if node is not None:
            line = node.start_mark.line + 1
        for step in path:
            found = _child(node, step)
            if found is None:
                break
            key, node = found
            line = key.start_mark.line + 1
        return line

    def place(self, path: Sequence[str | int]) -> Place:
        """Return the place of a key path in this document."""
        return Place(self.file, self.line_of(path), format_key(path) or None)


def load_documents(file: Path) -> list[Document]:
    """Return every document of a YAML file.

    Raises:
        InputError: the file cannot be read, or is not YAML.
    """
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise InputError("no such file", Place(file)) from None
    except IsADirectoryError:
        raise InputError("this is a folder, not a file", Place(file)) from None
    except UnicodeDecodeError:
        raise InputError("is not UTF-8 text", Place(file)) from None
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror or error}", Place(file)) from None
    return parse_documents(text, file)


def parse_documents(text: str, file: Path | str) -> list[Document]:
    """Return every document of a YAML text that came from `file`.

    Raises:
        InputError: the text is not YAML.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ReusedAnchorWarning)  # YAML lets an anchor be defined anew
            values = list(YAML(typ="safe", pure=True).load_all(text))
            nodes = list(YAML(typ="safe", pure=True).compose_all(text))
    except RecursionError:
        raise InputError("is nested too deeply", Place(file)) from None
    except ReaderError as error:
        place = Place(file, text.count("\n", 0, error.position) + 1)
        raise InputError(f"is not valid YAML: character #x{error.character:04x} is not allowed", place) from None
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = None if mark is None else mark.line + 1
        problem = (error.problem or "is not YAML").split("\n", 1)[0]
        raise InputError(f"is not valid YAML: {problem}", Place(file, line)) from None
    except (YAMLError, ValueError, LookupError, TypeError, AttributeError) as error:  # tags that do not fit
        problem = str(error).split("\n", 1)[0]
        raise InputError(f"is not valid YAML: {problem}", Place(file)) from None
    return [Document(file, value, node) for value, node in zip(values, nodes, strict=True)]


def format_key(path: Sequence[str | int]) -> str:
    """Return a key path as a person writes it: `timeline[0].level`."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text


def explain_misfit(error: ErrorDetails, place: Place, known: Iterable[str] = ()) -> InputError:
    """Return what pydantic says of a value in the words of its file; `known` are the keys that may stand there."""
    name = str(error["loc"][-1]) if error["loc"] else ""
    match error["type"]:
        case "extra_forbidden":
            return unknown_name("key", name, known, place)
        case "missing":
            return InputError(f"the key '{name}' is missing", place)
        case "value_error":
            return InputError(str(error["ctx"]["error"]), place)
        case _:
            return InputError(_say_misfit(error["type"], show(error["input"]), error.get("ctx", {})), place)


def _say_misfit(kind: str, given: str, limits: dict[str, Any]) -> str:
    match kind:
        case "too_short":
            return "is empty; it takes at least one item"
        case "string_pattern_mismatch":
            return f"{given} does not fit {limits['pattern']}"
        case "greater_than":
            return f"{given} is too small; it must be above {limits['gt']:g}"
        case "greater_than_equal":
            return f"{given} is too small; it must be at least {limits['ge']:g}"
        case "less_than_equal":
            return f"{given} is too large; it must be at most {limits['le']:g}"
    needs = _NEEDS.get(kind.split("_", 1)[0])
    return f"{given} does not fit" if needs is None else f"{given} does not fit; it takes {needs}"


_NEEDS = {
    "bool": "true or false",
    "dict": "a mapping",
    "finite": "a finite number",
    "float": "a number",
    "int": "a whole number",
    "invalid": "text as its key",
    "list": "a list",
    "model": "a mapping",
    "string": "text",
    "tuple": "a list",
}
"""What a value should have been, by the first word of pydantic's error type."""


def _child(node: Node | None, step: str | int) -> tuple[Node, Node] | None:
    """Return the key node and value node of one step; an item of a list is its own key."""
    if isinstance(node, MappingNode):
        for key, value in node.value:
            if key.value == str(step):
                return key, value
    if isinstance(node, SequenceNode) and isinstance(step, int) and step < len(node.value):
        return node.value[step], node.value[step]
    return None
