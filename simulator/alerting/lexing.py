"""PromQL's text as tokens with their places, which promql-parser's tree does not have."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Sequence

Kind = Literal["string", "range", "duration", "number", "word", "sign"]

_TOKEN = re.compile(
    r"""(?P<blank>\s+|\#[^\n]*)
    |(?P<string>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`[^`]*`)
    |(?P<range>\[(?:[^\]\#]|\#[^\n]*(?:\n|$))*\])
    |(?P<duration>(?:[0-9]+(?:ms|[smhdwy]))+(?!\w))
    |(?P<number>(?:0[xX][0-9a-fA-F]+|(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)(?!\w))
    |(?P<word>[a-zA-Z_:][a-zA-Z0-9_:]*)
    |(?P<sign>==|!=|=~|!~|<=|>=|[-<>=+*/%^@,(){}])""",
    re.VERBOSE | re.DOTALL,
)
_CLOSING = {"(": ")", "{": "}"}


@dataclass(frozen=True, slots=True)
class Token:
    """One token and where it stands; a range with its brackets (`[5m:1m]`) is one."""

    kind: Kind
    text: str
    start: int
    end: int

    @property
    def keyword(self) -> str:
        """Return a word as PromQL knows its keywords: in any case; of other tokens their text."""
        return self.text.lower() if self.kind == "word" else self.text


class Unreadable(ValueError):
    """A text is not made of PromQL's tokens, or its brackets do not match."""


def tokens_of(text: str) -> tuple[Token, ...]:
    """Return every token but white space and comments.

    Raises:
        Unreadable: something is no token.
    """
    found = []
    position = 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise Unreadable(f"it cannot be read from '{text[position : position + 20]}' on")
        position = match.end()
        if match.lastgroup != "blank":
            found.append(Token(match.lastgroup, match[0], match.start(), match.end()))  # type: ignore[arg-type]
    return tuple(found)


def partners(tokens: Sequence[Token]) -> dict[int, int]:
    """Return, for the number of each opening bracket, that of the one that closes it.

    Raises:
        Unreadable: brackets do not match.
    """
    found: dict[int, int] = {}
    opened: list[int] = []
    for number, token in enumerate(tokens):
        if token.text in _CLOSING:
            opened.append(number)
        elif token.text in _CLOSING.values():
            if not opened or _CLOSING[tokens[opened[-1]].text] != token.text:
                raise Unreadable("its brackets do not match")
            found[opened.pop()] = number
    if opened:
        raise Unreadable("its brackets do not match")
    return found
