"""A PromQL tree as a flat list of facts, in the order of the text: two expressions are alike if their facts are.

An edit of the text is proved by it: the facts of the new text have to be the old ones with that one change.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import promql_parser as promql

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Fact = tuple[Any, ...]
"""A kind (`number`, `range`, `matcher`, ...) and what is said about it."""

Path = tuple[str, ...]
"""The attributes that lead from the root of a tree to a part of it."""


class UnknownPart(ValueError):
    """A tree has a part that the parser's version did not have when this was written."""


def facts(node: promql.Expr, replaced: Mapping[Path, list[Fact]] | None = None, path: Path = ()) -> list[Fact]:
    """Return the facts of a tree; those of a part whose path is in `replaced` are the ones that stand there.

    Raises:
        UnknownPart: the tree cannot be described.
    """
    if replaced and path in replaced:
        return replaced[path]
    return list(_facts(node, replaced or {}, path))


def _facts(  # noqa: C901  # a case for each kind of part
    node: promql.Expr, replaced: Mapping[Path, list[Fact]], path: Path
) -> Iterator[Fact]:
    def below(attribute: str) -> list[Fact]:
        return facts(getattr(node, attribute), replaced, (*path, attribute))

    match node:
        case promql.NumberLiteral():
            yield "number", node.val if node.val == node.val else "NaN"  # NaN equals nothing
        case promql.StringLiteral():
            yield "string", node.val
        case promql.ParenExpr() | promql.UnaryExpr():
            yield type(node).__name__, "begins"
            yield from below("expr")
            yield type(node).__name__, "ends"
        case promql.BinaryExpr():
            yield "binary", str(node.op), _matching(node.modifier)
            yield from below("lhs")
            yield ("and its right side",)
            yield from below("rhs")
            yield ("binary ends",)
        case promql.AggregateExpr():
            yield "aggregation", str(node.op), _grouping(node.modifier)
            if node.param is not None:
                yield from below("param")
            yield ("of",)
            yield from below("expr")
            yield ("aggregation ends",)
        case promql.Call():
            yield "call", node.func.name, len(node.args)
            for argument in node.args:
                yield from facts(argument)
            yield ("call ends",)
        case promql.VectorSelector():
            yield from _selector(node)
        case promql.MatrixSelector():
            yield from _selector(node.vector_selector)
            yield "range", _seconds(node.range)
        case promql.SubqueryExpr():
            yield from below("expr")
            yield "subquery", _seconds(node.range), _seconds(node.step), _seconds(node.offset), _at(node.at)
        case _:
            raise UnknownPart(f"nobody knows how to describe {type(node).__name__}")


def _selector(node: promql.VectorSelector) -> Iterator[Fact]:
    yield "selector", node.name, _seconds(node.offset), _at(node.at)
    for matcher in node.matchers.matchers:
        yield "matcher", matcher.name, str(matcher.op), matcher.value
    for alternative in node.matchers.or_matchers:
        yield ("or",)
        for matcher in alternative:
            yield "alternative", matcher.name, str(matcher.op), matcher.value
    yield ("selector ends",)


def _matching(modifier: promql.BinModifier | None) -> Fact | None:
    if modifier is None:
        return None
    # The fill values of newer syntax have no other text than their own.
    matching = modifier.matching
    labels = None if matching is None else (str(matching.type), tuple(matching.labels))
    group = tuple(modifier.group_labels or ())
    fill = modifier.fill_values
    fills = None if fill is None else (fill.lhs, fill.rhs)
    return str(modifier.card), labels, group, bool(modifier.return_bool), fills


def _grouping(modifier: promql.AggModifier | None) -> Fact | None:
    return None if modifier is None else (str(modifier.type), tuple(modifier.labels))


def _seconds(duration: Any) -> float | None:
    return None if duration is None else duration.total_seconds()


def _at(modifier: promql.AtModifier | None) -> Fact | None:
    return None if modifier is None else (str(modifier.type), str(modifier.at))
