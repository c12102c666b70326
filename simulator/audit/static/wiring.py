"""What an alert hangs together with: its runbook, its panel, and the file that it is in."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from simulator.alerting.coverage import selectors
from simulator.alerting.section import read_sections
from simulator.audit.dictionary import names_in
from simulator.audit.finding import Finding, Kind, Unchecked, Where, where_of
from simulator.audit.runbooks import split_link
from simulator.audit.static.labels import RUNBOOK_KEYS
from simulator.audit.vocabulary import nearest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from simulator.alerting.ruleset import AlertRule
    from simulator.audit.dictionary import Expression
    from simulator.audit.runbooks import Runbooks
    from simulator.audit.subject import Subject

FILE = Kind(
    "runbook-file-missing",
    "warning",
    "The runbook link leads to a file that is not there.",
    "Runbooks are moved and archived, and the links in rules stay: at one time 20 of the original's 21 led nowhere. "
    "Nobody notices before the night on which one is needed.",
)
ANCHOR = Kind(
    "runbook-anchor-missing",
    "warning",
    "The runbook link leads to a heading that is not there.",
    "A browser then shows the top of a long page, and whoever was paged searches for the chapter. Headings are "
    "reworded more often than links: three of the original's sixteen were broken on the first day.",
)
PANEL = Kind(
    "panel-missing",
    "info",
    "No panel of the dashboards shows what the alert reads.",
    "Whoever is paged wants to see the curve: since when, how bad, is it over.",
)
WRAPPED = Kind(
    "rules-wrapped",
    "info",
    "The file is a Kubernetes object, which plain Prometheus does not load.",
    "Prometheus wants `groups` at the top and finds `apiVersion`: it refuses the file. With the Prometheus operator "
    "this is as it should be; without it, none of these alerts exists.",
)
KINDS = (FILE, ANCHOR, PANEL, WRAPPED)


def find(subject: Subject) -> Iterator[Finding | Unchecked]:
    """Follow runbook links, look for panels, and say which files only Kubernetes loads."""
    yield from _links(subject)
    yield from _panels(subject)
    for file in subject.files:
        yield from _wrapped(file)


# --- runbooks


def _links(subject: Subject) -> Iterator[Finding | Unchecked]:
    links = {rule: link for rule in subject.ruleset.alerts() if (link := _link_of(rule))}
    if not links:
        return
    if not subject.follow_links:
        yield Unchecked(f"{len(links)} runbook links", "no --runbooks were given")
        return
    outside = 0
    for rule, link in links.items():
        path, anchor = split_link(link)
        if path is None:
            outside += 1
        else:
            yield from _follow(rule, link, path, anchor, subject.runbooks)
    if outside:
        yield Unchecked(f"{outside} runbook links", "they lead to web pages, and only files are followed")


def _link_of(rule: AlertRule) -> str:
    return next((rule.annotations[key].strip() for key in RUNBOOK_KEYS if rule.annotations.get(key)), "")


def _follow(rule: AlertRule, link: str, path: str, anchor: str, runbooks: Runbooks) -> Iterator[Finding | Unchecked]:
    if "{{" in link:
        yield Unchecked(f"the runbook link of {where_of(rule)}", "it is a template")
        return
    file = runbooks.find(path)
    if file is None:
        elsewhere = runbooks.namesakes(path)
        yield FILE.at(
            where_of(rule),
            f"the runbook {path} is not below {runbooks.folder}",
            evidence=(link,),
            suggestion=f"a file of that name is {elsewhere[0]}" if elsewhere else None,
            cause=f"file {path}",
        )
        return
    anchors = runbooks.anchors(file)
    if not anchor or anchors is None or anchor in anchors:
        return
    yield ANCHOR.at(
        where_of(rule),
        f"{file} has no heading #{anchor}",
        evidence=(link,),
        suggestion=_suggest_anchor(anchor, anchors, file, runbooks),
        cause=f"anchor {file} {anchor}",
    )


def _suggest_anchor(anchor: str, anchors: frozenset[str], file: Path, runbooks: Runbooks) -> str | None:
    other = next((book.file for book in runbooks.books if book.file != file and anchor in book.anchors), None)
    if other is not None:
        return f"{other} has it"
    extended = sorted(one for one in anchors if one.startswith(f"{anchor}-"))
    near = extended[0] if extended else nearest(anchor, anchors)
    return f"the nearest heading is #{near}" if near else None


# --- panels


def _panels(subject: Subject) -> Iterator[Finding | Unchecked]:
    if subject.panels is None:
        yield Unchecked("panels", "no --dashboards were given")
        return
    shown: dict[tuple[Path | None, str], set[str]] = defaultdict(set)
    for expression in subject.panel_expressions:
        names = names_in(expression.tree)
        shown[expression.where.file, expression.where.subject].update(names, _behind(names, subject))
    for expression in subject.rule_expressions:
        names = names_in(expression.tree)
        if expression.rule not in subject.ruleset.alerts() or not names or not _all_exist(expression, subject):
            continue  # a metric that does not exist is another finding
        if not any(set(names) <= there or _behind(names, subject) <= there for there in shown.values()):
            yield PANEL.at(expression.where, f"no panel shows {' and '.join(names)}")


def _all_exist(expression: Expression, subject: Subject) -> bool:
    return all(subject.dictionary.exists(selector) for selector in selectors(expression.tree))


def _behind(names: Iterable[str], subject: Subject) -> set[str]:
    """Return names, with those that their recording rules read in place of what is recorded."""
    recordings = {one.rule: one.tree for one in subject.rule_expressions}
    found: set[str] = set()
    followed: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name not in subject.dictionary.recorded:
            found.add(name)
        elif name not in followed:
            followed.add(name)
            rules = [rule for rule in subject.ruleset.recordings() if rule.record == name and rule in recordings]
            waiting += [read for rule in rules for read in names_in(recordings[rule])]
    return found


# --- files


def _wrapped(file: Path) -> Iterator[Finding]:
    for document in read_sections(file):
        if "kind" in document.data or "apiVersion" in document.data:
            metadata = document.data.get("metadata")
            name = metadata.get("name", "") if isinstance(metadata, dict) else ""
            kind = document.data.get("kind", "")
            yield WRAPPED.at(
                Where(f"{kind} {name}".strip(), file, document.line("kind")),
                f"is a Kubernetes {kind}: plain Prometheus loads only what stands under `spec`",
                suggestion="load it through the operator, or take the groups out: yq .spec FILE > rules.yaml",
            )
