"""Labels and annotations of rules: what is missing, what is there twice, what collides."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

from simulator.alerting.ruleset import AlertRule, Group, RuleSet
from simulator.audit.counterexample import Answer, Experiment
from simulator.audit.dictionary import names_in
from simulator.audit.finding import Kind, name_of_rule, where_of
from simulator.audit.series import AT_SECONDS, series_for
from simulator.audit.signal import is_filtered, without_comparison

if TYPE_CHECKING:
    from collections.abc import Iterator

    import promql_parser as promql

    from simulator.alerting.ruleset import Rule
    from simulator.audit.dictionary import Expression
    from simulator.audit.finding import Finding
    from simulator.audit.subject import Subject

COLLIDING = Kind(
    "labels-collide",
    "error",
    "A label of the rule overwrites the one that tells its results apart.",
    "Prometheus refuses results that have the same labels once those of the rule are applied, and the whole rule fails "
    "as soon as two of them are there: in the widest outage, of all times, it is silent.",
)
DUPLICATE = Kind(
    "duplicate-rule",
    "warning",
    "Two rules have the same name and the same labels.",
    "Alertmanager takes them for one alert: which of the two fired, and which resolved, cannot be told, and a recorded "
    "series gets two values for one time.",
)
SEVERITY = Kind(
    "severity-missing",
    "warning",
    "The alert has no severity label.",
    "Routing goes by severity. Without it the alert falls to the default receiver, or to nobody.",
)
SUMMARY = Kind(
    "summary-missing",
    "info",
    "The alert has no summary or description annotation.",
    "Whoever is paged reads a name in camel case, and has to look up what it means.",
)
RUNBOOK = Kind(
    "runbook-missing",
    "info",
    "The alert has no runbook annotation.",
    "Whoever is paged at night needs the next step, not the expression.",
)
KINDS = (COLLIDING, DUPLICATE, SEVERITY, SUMMARY, RUNBOOK)

RUNBOOK_KEYS = ("runbook", "runbook_url", "runbook_link", "runbook-url")
_SUMMARY_KEYS = ("summary", "description", "message")


def find(subject: Subject) -> Iterator[Finding]:
    """Look at the labels and annotations of every rule."""
    for expression in subject.rule_expressions:
        yield from _colliding(expression, subject)
    yield from _duplicates(subject)
    for rule in subject.ruleset.alerts():
        yield from _hygiene(rule)


def _hygiene(rule: AlertRule) -> Iterator[Finding]:
    if not rule.labels.get("severity"):
        yield SEVERITY.at(where_of(rule), "has no label 'severity'", suggestion="add severity: warning or critical")
    if not any(rule.annotations.get(key) for key in _SUMMARY_KEYS):
        yield SUMMARY.at(where_of(rule), "has no annotation 'summary' or 'description'")
    if not any(rule.annotations.get(key) for key in RUNBOOK_KEYS):
        yield RUNBOOK.at(where_of(rule), "has no annotation 'runbook' or 'runbook_url'")


def _duplicates(subject: Subject) -> Iterator[Finding]:
    alike: dict[tuple[bool, str, tuple[tuple[str, str], ...]], list[Rule]] = defaultdict(list)
    for rule in subject.ruleset.rules():
        key = (isinstance(rule, AlertRule), name_of_rule(rule), tuple(sorted(rule.labels.items())))
        alike[key].append(rule)
    for (_, name, labels), rules in alike.items():
        if len(rules) > 1 and not _apart(rules, subject):
            shown = ", ".join(f'{key}="{value}"' for key, value in labels) or "none"
            found = DUPLICATE.at(
                where_of(rules[0]),
                f"{len(rules)} rules are called {name} and have the same labels ({shown})",
                evidence=tuple(str(where_of(rule)) for rule in rules),
                suggestion="give one of them another name, or a label of its own",
            )
            yield found.with_others(tuple(map(where_of, rules[1:])))


def _apart(rules: list[Rule], subject: Subject) -> bool:
    """Whether the results of rules can be told apart by labels of their own: no two have the same for certain."""
    shapes = [
        subject.dictionary.shape(expression.tree)
        for expression in subject.rule_expressions
        if any(expression.rule is rule for rule in rules)
    ]
    keys = [(shape.labels, tuple(sorted((shape.fixed or {}).items()))) for shape in shapes]
    known = all(shape.labels is not None and shape.exact for shape in shapes)
    return known and len(set(keys)) == len(rules)


def _colliding(expression: Expression, subject: Subject) -> Iterator[Finding]:
    rule = expression.rule
    assert rule is not None  # these are expressions of rules
    shape = subject.dictionary.shape(expression.tree)
    if shape.labels is None:
        return
    overwritten = {label for label, value in rule.labels.items() if label in shape.varying and "{{" not in value}
    if not overwritten:
        return
    names = names_in(expression.tree)
    known = not any(name in subject.dictionary.recorded for name in names)
    yield COLLIDING.at(
        where_of(rule),
        f"the label {', '.join(sorted(overwritten))} of the rule overwrites the one that tells its results apart",
        evidence=(f"labels of the result: {', '.join(sorted(shape.labels))}",),
        suggestion="call the rule's label otherwise, or aggregate the expression's away",
        experiment=_experiment(rule, expression.tree, subject) if known else None,
    )


def _experiment(rule: Rule, tree: promql.Expr, subject: Subject) -> Experiment | None:
    """Return the experiment that the rule, whatever its threshold, fails as soon as there are two results."""
    signal = without_comparison(tree)
    if is_filtered(signal):
        return None
    bare = replace(rule, expr=" ".join(str(signal).split()))
    says = f"{name_of_rule(rule)} cannot be evaluated when two of its series are there"
    claims = (Answer("vector(1)", AT_SECONDS, (("{}", 1.0),)),)
    rules = RuleSet((Group(rule.group or "rules", (bare,)),))
    return Experiment(says, rules, series_for(signal, subject.dictionary), claims, breaks="same labelset")
