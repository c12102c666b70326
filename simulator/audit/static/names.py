"""Metrics, labels and label values that are read and that nobody writes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import promql_parser as promql

from simulator.alerting.coverage import selector_text, selectors
from simulator.alerting.dependence import name_of
from simulator.alerting.ruleset import AlertRule, RuleSet
from simulator.audit.counterexample import Alerts, Answer, Experiment, only
from simulator.audit.dictionary import (
    Dictionary,
    Expression,
    expressions_of_panels,
    expressions_of_rules,
    names_in,
)
from simulator.audit.finding import Finding, Kind, Severity, Unchecked, where_of
from simulator.audit.series import AT_SECONDS, everything, series_for
from simulator.audit.vocabulary import fits, nearest, nearest_metric

if TYPE_CHECKING:
    from collections.abc import Iterator

    from simulator.audit.subject import Subject
    from simulator.audit.vocabulary import Meaning

METRIC = Kind(
    "metric-missing",
    "error",
    "It reads a metric that the system does not have.",
    "An expression over a metric that nobody exposes gives nothing, and nothing never fires: the alert looks quiet for "
    "ever. Of the original's sixteen rules twelve were of this kind, and its tabletop report said PASS.",
)
RECORDING = Kind(
    "recording-missing",
    "error",
    "It reads a recorded series that no rule records.",
    "Names with colons come from recording rules. Where the rule is missing, renamed or in a file that was not given, "
    "everything built on it gives nothing.",
)
LABEL = Kind(
    "label-missing",
    "error",
    "A matcher asks for a label that the metric does not have.",
    "A label that is not there has the empty value: `=` and `=~` then select nothing, and `!=` and `!~` everything. "
    "One renamed label (`reason_class`, `reason_code`) silences an alert without any error.",
)
VALUE = Kind(
    "label-value-missing",
    "error",
    "A matcher asks for a label value that the system never writes.",
    'A handshake that fails is counted with `status="error"`; a matcher for `status="failed"` selects nothing, and the '
    "alert is quiet in every outage.",
)
GROUPING = Kind(
    "grouping-label-missing",
    "warning",
    "It groups or matches by a label that the metric does not have.",
    "Grouping by a label that is not there puts everything into one line without a label: what should tell builds, "
    "topics or reasons apart shows one sum, under an empty name.",
)
KINDS = (METRIC, RECORDING, LABEL, VALUE, GROUPING)

_ALTERNATIVES = re.compile(r"[\w\-.]+(?:\|[\w\-.]+)+")
_ABSENCE = ("absent", "absent_over_time")


def find(subject: Subject) -> Iterator[Finding | Unchecked]:
    """Look at every name in every rule and panel."""
    dictionary = subject.dictionary
    known = {expression.rule for expression in expressions_of_rules(subject.ruleset)}
    for rule in subject.ruleset.rules():
        if rule not in known:
            yield Unchecked(f"the names in {where_of(rule)}", "only Prometheus knows the syntax of its expression")
    accused: set[str] = set()
    for expression in expressions_of_rules(subject.ruleset):
        for finding in _findings(expression, dictionary, subject.ruleset):
            accused.add(finding.cause)
            yield finding
    for expression in expressions_of_panels(subject.panels or ()):
        yield from _findings(expression, dictionary, subject.ruleset, accused=accused)


def _findings(
    expression: Expression, dictionary: Dictionary, ruleset: RuleSet, accused: set[str] | None = None
) -> Iterator[Finding]:
    needed = dictionary.needed(expression.tree)
    yield from _missing_metrics(expression, dictionary, ruleset, needed, accused)
    for selector in selectors(expression.tree):
        meaning = dictionary.meaning(name_of(selector))
        if meaning is None:
            continue
        severity = _severity(expression, needed=selector_text(selector) in needed)
        labels = list(_wrong_labels(expression, selector, meaning, severity, dictionary, ruleset))
        yield from labels
        if not labels:
            yield from _wrong_values(expression, selector, meaning, severity, dictionary, ruleset)
    yield from _wrong_groupings(expression, dictionary)


def _severity(expression: Expression, *, needed: bool) -> Severity:
    """Return what a selector without series does: a panel is no alert, and what is not needed is not dead."""
    return "error" if needed and expression.rule is not None else "warning"


# --- metrics


def _missing_metrics(  # what a finding is made of
    expression: Expression,
    dictionary: Dictionary,
    ruleset: RuleSet,
    needed: frozenset[str],
    accused: set[str] | None,
) -> Iterator[Finding]:
    absent = _under_absent(expression.tree)
    lacking = [selector for selector in selectors(expression.tree) if not dictionary.exists(selector)]
    for kind in (METRIC, RECORDING):
        mine = [s for s in lacking if (":" in (name_of(s) or "")) == (kind is RECORDING)]
        names = tuple(dict.fromkeys(name_of(selector) or selector_text(selector) for selector in mine))
        if not names:
            continue
        always = any(selector_text(selector) in absent for selector in mine)
        dead = any(selector_text(selector) in needed for selector in mine)
        cause = _cause(names, accused)
        yield kind.at(
            expression.where,
            _say_missing(names, kind, dictionary, always=always, dead=dead),
            evidence=tuple(_evidence(names, dictionary)),
            suggestion=_suggest_metrics(names, kind, dictionary),
            experiment=_never(expression, dictionary, ruleset) if dead else None,
            severity="error" if always and expression.rule is not None else _severity(expression, needed=dead),
            cause=cause,
        )


def _cause(names: tuple[str, ...], accused: set[str] | None) -> str:
    """Return the cause of missing names: where a rule was accused of one of them already, it is that one's."""
    own = f"missing {' '.join(sorted(names))}"
    for cause in sorted(accused or ()):
        if cause.startswith("missing ") and set(names) <= set(cause.split()[1:]):
            return cause
    return own


def _say_missing(names: tuple[str, ...], kind: Kind, dictionary: Dictionary, *, always: bool, dead: bool) -> str:
    listed = " and ".join(names)
    what = "no rule records" if kind is RECORDING else f"{dictionary.vocabulary.source} does not have"
    then = "it gives nothing" if dead else "the part of the expression that reads it has no effect"
    if always:
        then = "it is always absent, and the expression always true"
    return f"reads {listed}, which {what}: {then}"


def _evidence(names: tuple[str, ...], dictionary: Dictionary) -> Iterator[str]:
    for name in names:
        if name in dictionary.vocabulary.elsewhere:
            yield f"{name} is in the contract {dictionary.vocabulary.elsewhere[name][0]}: see --contract"


def _suggest_metrics(names: tuple[str, ...], kind: Kind, dictionary: Dictionary) -> str | None:
    known = dictionary.recorded if kind is RECORDING else {*dictionary.vocabulary.names, *dictionary.recorded}
    near = {name: nearest_metric(name, known) for name in names}
    told = [f"the nearest name to {name} is {found}" for name, found in near.items() if found]
    return "; ".join(told) or None


def _under_absent(tree: promql.Expr) -> frozenset[str]:
    found: set[str] = set()

    def visit(node: promql.Expr) -> bool:
        if isinstance(node, promql.Call) and node.func.name in _ABSENCE:
            found.update(selector_text(selector) for arg in node.args for selector in selectors(arg))
        return True

    promql.walk(tree, visit)
    return frozenset(found)


def _never(expression: Expression, dictionary: Dictionary, ruleset: RuleSet) -> Experiment:
    """Return the experiment that all that there is moves, and the expression gives nothing."""
    return _nothing(expression, everything(dictionary), ruleset)


def _nothing(expression: Expression, series: tuple[tuple[str, str], ...], ruleset: RuleSet) -> Experiment:
    rule = expression.rule
    claims: list[Answer | Alerts] = [Answer(" ".join(expression.text.split()), AT_SECONDS)]
    if isinstance(rule, AlertRule):
        claims.append(Alerts(rule.alert, AT_SECONDS))
    says = f"every series that there is grows, and {expression.where.subject} sees nothing"
    return Experiment(says, only(rule, ruleset) if rule is not None else RuleSet(()), series, tuple(claims))


# --- labels and values in matchers


def _wrong_labels(  # noqa: PLR0913  # what a finding is made of
    expression: Expression,
    selector: promql.VectorSelector,
    meaning: Meaning,
    severity: Severity,
    dictionary: Dictionary,
    ruleset: RuleSet,
) -> Iterator[Finding]:
    name = name_of(selector)
    for matcher in selector.matchers.matchers:
        if matcher.name == "__name__" or matcher.name in meaning.labels:
            continue
        nothing = not fits(matcher, "")
        if not nothing and matcher.value == "":
            continue  # it asks for series without the label, and has them
        there = ", ".join(sorted(meaning.labels)) or "none"
        near = nearest(matcher.name, meaning.labels)
        yield LABEL.at(
            expression.where,
            f"{matcher} asks for the label '{matcher.name}', which {name} does not have: it selects "
            + ("nothing" if nothing else "everything"),
            evidence=(f"labels of {name}: {there}",),
            suggestion=f"the nearest label is {near}" if near else None,
            experiment=_no_series(expression, selector, dictionary, ruleset) if nothing else None,
            severity=severity if nothing else "warning",
            cause=f"label {name} {matcher.name} {expression.where}",
        )


def _wrong_values(  # noqa: PLR0913  # what a finding is made of
    expression: Expression,
    selector: promql.VectorSelector,
    meaning: Meaning,
    severity: Severity,
    dictionary: Dictionary,
    ruleset: RuleSet,
) -> Iterator[Finding]:
    name = name_of(selector)
    if not meaning.combinations:
        return
    dead = not meaning.fitting(selector)
    told = list(_odd_matchers(selector, meaning))
    if dead and not told:
        text = selector_text(selector).removeprefix(str(name))
        told = [(f"no series of {name} has {text} together", None)]
    complete = dictionary.vocabulary.complete
    for problem, near in told:
        yield VALUE.at(
            expression.where,
            problem if complete else f"{problem} (at the moment when it was read)",
            evidence=tuple(_known_values(selector, meaning)),
            suggestion=near,
            experiment=_no_series(expression, selector, dictionary, ruleset) if dead else None,
            severity=(severity if dead else "warning") if complete else "info",
            cause=f"value {problem} {expression.where}",
        )


def _odd_matchers(selector: promql.VectorSelector, meaning: Meaning) -> Iterator[tuple[str, str | None]]:
    """Yield what is wrong with single matchers, and what may have been meant."""
    for matcher in selector.matchers.matchers:
        values = meaning.values(matcher.name)
        if values is None:
            continue
        negative = matcher.op in (promql.MatchOp.NotEqual, promql.MatchOp.NotRe)
        wanted = _literals(matcher)
        foreign = [value for value in wanted if value not in values and value]
        if not foreign:
            if not negative and not any(fits(matcher, value) for value in values):
                yield f"no value of '{matcher.name}' fits {matcher}", None
            continue
        listed = ", ".join(f'"{value}"' for value in foreign)
        effect = "so it leaves nothing out" if negative else "so it selects nothing"
        if len(foreign) < len(wanted):
            effect = "so that alternative has no effect"
        near = nearest(foreign[0], values)
        suggestion = f'the nearest value is "{near}"' if near else None
        yield f"{matcher} asks for {listed}, a value that '{matcher.name}' never has, {effect}", suggestion


def _literals(matcher: promql.Matcher) -> tuple[str, ...]:
    if matcher.op in (promql.MatchOp.Equal, promql.MatchOp.NotEqual):
        return (matcher.value,)
    plain = _ALTERNATIVES.fullmatch(matcher.value) or re.fullmatch(r"[\w\-]+", matcher.value)
    return tuple(matcher.value.split("|")) if plain else ()


def _known_values(selector: promql.VectorSelector, meaning: Meaning) -> Iterator[str]:
    for matcher in selector.matchers.matchers:
        values = meaning.values(matcher.name)
        if values:
            yield f"values of '{matcher.name}': {', '.join(sorted(values))}"


def _no_series(
    expression: Expression, selector: promql.VectorSelector, dictionary: Dictionary, ruleset: RuleSet
) -> Experiment | None:
    """Return the experiment that every series of a metric grows, and a selector finds none."""
    name = name_of(selector)
    if name is None or name in dictionary.recorded:
        return None
    series = series_for(promql.parse(name), dictionary)
    whole = _nothing(expression, series, ruleset)
    if selector_text(selector) in dictionary.needed(expression.tree):
        return whole
    says = f"every series of {name} grows, and this selector finds none of them"
    return Experiment(says, RuleSet(()), series, (Answer(selector_text(selector), AT_SECONDS),))


# --- grouping


def _wrong_groupings(expression: Expression, dictionary: Dictionary) -> Iterator[Finding]:
    found: list[Finding] = []

    def visit(node: promql.Expr) -> bool:
        if isinstance(node, promql.AggregateExpr) and node.modifier is not None:
            found.extend(_wrong_aggregate(expression, node, dictionary))
        if isinstance(node, promql.BinaryExpr) and node.modifier is not None:
            found.extend(_wrong_match(expression, node, dictionary))
        return True

    promql.walk(expression.tree, visit)
    yield from found


def _wrong_aggregate(expression: Expression, node: promql.AggregateExpr, dictionary: Dictionary) -> Iterator[Finding]:
    inner = dictionary.shape(node.expr)
    if inner.labels is None or not names_in(node.expr):
        return
    by = node.modifier.type == promql.AggModifierType.By
    for label in node.modifier.labels:
        if label in inner.labels:
            continue
        text = f"{'by' if by else 'without'} ({label})"
        effect = "everything collapses into one line" if by and len(node.modifier.labels) == 1 else "it has no effect"
        yield GROUPING.at(
            expression.where,
            f"{node.op} {text}: there is no label '{label}' to group by, {effect}",
            evidence=(_has(node.expr, inner.labels),),
            suggestion=_suggest_label(label, inner.labels),
            experiment=_collapse(expression, node, label, dictionary) if by else None,
            severity="warning" if by else "info",
            cause=f"grouping {label} {expression.where}",
        )


def _wrong_match(expression: Expression, node: promql.BinaryExpr, dictionary: Dictionary) -> Iterator[Finding]:
    left, right = dictionary.shape(node.lhs), dictionary.shape(node.rhs)
    if left.labels is None or right.labels is None or left.scalar or right.scalar:
        return
    both = left.labels | right.labels
    named = list(node.modifier.matching.labels) if node.modifier.matching is not None else []
    for label in [*named, *(node.modifier.group_labels or ())]:
        if label not in both:
            yield GROUPING.at(
                expression.where,
                f"matches by '{label}', a label that neither side of {node.op} has",
                evidence=(f"labels of the sides: {_list(left.labels)}; {_list(right.labels)}",),
                suggestion=_suggest_label(label, both),
                cause=f"grouping {label} {expression.where}",
            )


def _collapse(
    expression: Expression, node: promql.AggregateExpr, label: str, dictionary: Dictionary
) -> Experiment | None:
    """Return the experiment that many series go in, and come out without the label."""
    if any(name in dictionary.recorded for name in names_in(node.expr)):
        return None
    text = " ".join(str(node).split())
    claim = Answer(f"group by ({label}) ({text})", AT_SECONDS, (("{}", 1.0),))
    says = f"{expression.where.subject} groups by {label}, and no line has it"
    return Experiment(says, RuleSet(()), series_for(node, dictionary), (claim,))


def _has(tree: promql.Expr, labels: frozenset[str]) -> str:
    return f"labels of {' and '.join(names_in(tree))} there: {_list(labels)}"


def _list(labels: frozenset[str]) -> str:
    return ", ".join(sorted(labels)) or "none"


def _suggest_label(label: str, known: frozenset[str]) -> str | None:
    near = nearest(label, known)
    return f"the nearest label is {near}" if near else None
