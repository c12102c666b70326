"""What a name in an expression means: a metric of the system, or a series that a rule records."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from simulator.alerting.coverage import missing_selectors, selector_text, selectors
from simulator.alerting.dependence import name_of
from simulator.alerting.sight import parse
from simulator.audit.finding import Where, where_of
from simulator.audit.shape import infer
from simulator.audit.vocabulary import Meaning, Vocabulary, fits

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import promql_parser as promql

    from simulator.alerting.ruleset import RecordingRule, Rule, RuleSet
    from simulator.audit.dashboards import PanelQuery
    from simulator.audit.shape import Shape


@dataclass(frozen=True, slots=True)
class Expression:
    """An expression that can be inspected, and what it belongs to: a rule, or else a panel."""

    where: Where
    text: str
    tree: promql.Expr
    rule: Rule | None = None


class Dictionary:
    """The metrics of a vocabulary, and what a rule set records of them."""

    def __init__(self, vocabulary: Vocabulary, ruleset: RuleSet) -> None:
        self.vocabulary = vocabulary
        self._recorded: dict[str, list[RecordingRule]] = defaultdict(list)
        for rule in ruleset.recordings():
            self._recorded[rule.record].append(rule)
        self._meanings: dict[str, Meaning | None] = {}

    @property
    def recorded(self) -> frozenset[str]:
        """The names that rules record under."""
        return frozenset(self._recorded)

    def meaning(self, name: str | None) -> Meaning | None:
        """Return what is known of a name, None where its labels could be any."""
        if name is None or name not in self._recorded:
            return self.vocabulary.meaning(name)
        if name not in self._meanings:
            self._meanings[name] = None  # a rule that reads itself is not followed
            self._meanings[name] = self._recorded_meaning(self._recorded[name])
        return self._meanings[name]

    def _recorded_meaning(self, rules: Iterable[RecordingRule]) -> Meaning | None:
        found: set[frozenset[str]] = set()
        for rule in rules:
            tree = parse(rule.expr)
            shape = None if tree is None else infer(tree, self.meaning)
            if shape is None or shape.labels is None or not shape.exact:
                return None
            found.add(shape.labels | {label for label, value in rule.labels.items() if value})
        labels = found.pop()
        return None if found else Meaning(labels, labels)

    def shape(self, tree: promql.Expr, *, trusting: bool = False) -> Shape:
        """Return what is known of an expression's result."""
        return infer(tree, self.meaning, trusting=trusting)

    def exists(self, selector: promql.VectorSelector) -> bool:
        """Whether the metric of a selector is there, or recorded."""
        return name_of(selector) in self._recorded or self.vocabulary.has(selector)

    def sees(self, selector: promql.VectorSelector) -> bool:
        """Whether a selector can find any series at all."""
        if not self.exists(selector):
            return False
        meaning = self.meaning(name_of(selector))
        if meaning is None:
            return True
        foreign = [m for m in selector.matchers.matchers if m.name != "__name__" and m.name not in meaning.labels]
        return all(fits(m, "") for m in foreign) and (not meaning.combinations or bool(meaning.fitting(selector)))

    def needed(self, tree: promql.Expr) -> frozenset[str]:
        """Return the selectors that find nothing and without which an expression gives nothing."""
        return frozenset(selector_text(selector) for selector in missing_selectors(tree, self.sees))


def expressions_of_rules(ruleset: RuleSet) -> Iterator[Expression]:
    """Yield the expression of every rule that the parser knows."""
    for rule in ruleset.rules():
        tree = parse(rule.expr)
        if tree is not None:
            yield Expression(where_of(rule), rule.expr, tree, rule)


def expressions_of_panels(panels: Iterable[PanelQuery]) -> Iterator[Expression]:
    """Yield the expression of every panel that the parser knows and that has no variable left."""
    for panel in panels:
        tree = None if panel.open_variable else parse(panel.expr)
        if tree is not None:
            yield Expression(panel.where, panel.expr, tree)


def names_in(tree: promql.Expr) -> tuple[str, ...]:
    """Return every metric name of an expression, once, in order."""
    names = (name_of(selector) for selector in selectors(tree))
    return tuple(dict.fromkeys(name for name in names if name))
