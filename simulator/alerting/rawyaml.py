"""YAML as the text that stands in the file: `1.0`, `0x10` and `on` are left as they were written.

Programs written in Go read a label's value as the text it is, whatever type YAML sees in it.
"""

from __future__ import annotations

import io
from itertools import count
from typing import TYPE_CHECKING, Any

from ruamel.yaml import YAML
from ruamel.yaml.nodes import MappingNode, ScalarNode, SequenceNode
from ruamel.yaml.scalarstring import DoubleQuotedScalarString

from simulator.documents import Document, parse_documents
from simulator.errors import InputError, Place

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ruamel.yaml.nodes import Node

_MERGE = "tag:yaml.org,2002:merge"
_NULLS = ("", "~", "null", "Null", "NULL")
# Aliases let a small file stand for a huge tree, or an endless one.
_DEEPEST = 100
_NODES = 100_000


def read_raw(text: str, file: Path | str) -> tuple[Document, Any]:
    """Return a file's only document, and its data with every scalar as text, None where there is nothing.

    Raises:
        InputError: the text is not one YAML document, or it expands to too much.
    """
    documents = parse_documents(text, file)
    if len(documents) != 1 or documents[0].node is None:
        problem = "is empty" if not documents or documents[0].node is None else "has more than one YAML document"
        raise InputError(problem, Place(file))
    return documents[0], _Reader(file).read(documents[0].node, 0)


def write_quoted(plain: dict[str, Any]) -> str:
    """Return data as YAML in which every text is quoted, so that no reader takes it for something else."""
    yaml = YAML()
    yaml.width = 1 << 16  # long texts stay in one line
    out = io.StringIO()
    yaml.dump(_quoted(plain), out)
    return out.getvalue()


class _Reader:
    def __init__(self, file: Path | str) -> None:
        self._file = file
        self._count = count(1)

    def read(self, node: Node, depth: int) -> Any:
        if depth > _DEEPEST:
            raise InputError("is nested too deeply", Place(self._file, node.start_mark.line + 1))
        if next(self._count) > _NODES:
            raise InputError("is too large with all its aliases", Place(self._file))
        if isinstance(node, ScalarNode):
            plain = node.style is None
            return None if plain and node.value in _NULLS else str(node.value)
        if isinstance(node, SequenceNode):
            return [self.read(item, depth + 1) for item in node.value]
        assert isinstance(node, MappingNode)  # there is no fourth kind
        own: dict[str, Any] = {}
        for key, value in node.value:
            if not isinstance(key, ScalarNode):
                raise InputError("a key must be a text", Place(self._file, key.start_mark.line + 1))
            if key.tag != _MERGE:
                own[str(key.value)] = self.read(value, depth + 1)
        for merged in self._merged(node, depth):
            own = merged | own
        return own

    def _merged(self, node: MappingNode, depth: int) -> Iterator[dict[str, Any]]:
        for key, value in node.value:
            if key.tag == _MERGE:
                for source in value.value if isinstance(value, SequenceNode) else [value]:
                    if isinstance(source, MappingNode):
                        yield self.read(source, depth + 1)


def _quoted(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _quoted(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_quoted(item) for item in value]
    return DoubleQuotedScalarString(value) if isinstance(value, str) else value
