"""Where the characters of a YAML value stand in its file's text, so that some of them can be changed and no others."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ruamel.yaml import YAML
from ruamel.yaml.tokens import AliasToken, ScalarToken

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ruamel.yaml.nodes import ScalarNode

Span = tuple[int, int]
"""From where to where, in characters of the text; the end is not included."""

# A backslash and what it stands for, in double quotes; before a line's end it joins two lines.
_ESCAPE = re.compile(r"\\(?:x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|\r?\n|.)", re.DOTALL)
_LITERAL_ESCAPES = '"\\/'


@dataclass(frozen=True, slots=True)
class Splice:
    """New text in place of a span; of an empty span, at that point."""

    span: Span
    text: str


def splice(text: str, splices: Sequence[Splice]) -> str:
    """Return a text with parts of it replaced; those at one point come in the order in which they are given."""
    parts, end = [], 0
    for one in sorted(splices, key=lambda one: one.span[0]):
        begin, after = one.span
        parts += [text[end:begin], one.text]
        end = after
    return "".join((*parts, text[end:]))


@dataclass(frozen=True, slots=True)
class Source:
    """A YAML text, where each of its scalars stands, and the anchors that something refers to."""

    text: str
    scalars: dict[int, Span]
    referred: frozenset[str]

    @classmethod
    def of(cls, text: str) -> Source:
        """Return it for a text that is known to be YAML."""
        scalars: dict[int, Span] = {}
        referred = set()
        for token in YAML(typ="safe", pure=True).scan(text):
            if isinstance(token, ScalarToken):
                scalars[token.end_mark.index] = (token.start_mark.index, token.end_mark.index)
            elif isinstance(token, AliasToken):
                referred.add(token.value)
        return cls(text, scalars, frozenset(referred))

    def span(self, node: ScalarNode) -> Span:
        """Return where a scalar stands, without an anchor or a tag before it; an empty one has an empty span."""
        end = node.end_mark.index
        return self.scalars.get(end, (end, end)) if node.value != "" or node.style else (end, end)

    def parts(self, node: ScalarNode, wanted: Sequence[Span]) -> list[Span] | None:
        """Return where parts of a scalar's value stand; None if they cannot be told.

        Lines are folded and indented in many ways, but what is no white space stands in the file in the same order.
        """
        value = node.value
        places = [index for index, char in enumerate(value) if not char.isspace()]
        found = list(self._visible(node))
        if [char for char, _ in found] != [value[index] for index in places]:
            return None
        spans = dict(zip(places, (span for _, span in found), strict=True))
        if any(begin not in spans or end - 1 not in spans for begin, end in wanted):
            return None
        return [(spans[begin][0], spans[end - 1][1]) for begin, end in wanted]

    def _visible(self, node: ScalarNode) -> Iterator[tuple[str, Span]]:
        """Yield each character of a scalar that is no white space, and where it stands."""
        begin, end = self.span(node)
        if node.style in ("|", ">"):
            begin = self.text.find("\n", begin, end)
        elif node.style in ("'", '"'):
            begin, end = begin + 1, end - 1
        index = begin
        while index < end:
            char, after = self._read(index, node.style)
            if not char.isspace():
                yield char, (index, after)
            index = after

    def _read(self, index: int, style: str | None) -> tuple[str, int]:
        """Return the character that the text says at an index, and the index after it."""
        if style == "'" and self.text.startswith("''", index):
            return "'", index + 2
        escape = _ESCAPE.match(self.text, index) if style == '"' else None
        if escape is None:
            return self.text[index], index + 1
        return _unescape(escape[0][1:]), escape.end()

    def line_end(self, index: int) -> int:
        """Return where the line that an index is in ends, before its line break."""
        found = re.compile(r"\r?\n|\Z").search(self.text, index)
        assert found is not None  # there is an end
        return found.start()

    def content_end(self, node: ScalarNode) -> int:
        """Return where the last line of a scalar ends; blank lines after a block that drops them are none of it."""
        begin, end = self.span(node)
        if node.style not in ("|", ">"):
            return self.line_end(end)
        header = self.text[begin : self.line_end(begin)].partition("#")[0]
        body = self.text[begin:end]
        return begin + len(body if "+" in header else body.rstrip())

    def newline(self) -> str:
        """Return the line break of the text."""
        return "\r\n" if "\r\n" in self.text else "\n"


def _unescape(code: str) -> str:
    """Return what an escape of double quotes stands for, a blank for anything that is not seen."""
    if code[0] in "xuU":
        return chr(int(code[1:], 16))
    return code if code in _LITERAL_ESCAPES else " "
