"""Every specimen of the zoo is accused of what is wrong with it and of nothing else, and no twin of one is accused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from simulator.audit.checks import STATIC
from tests.audit.static.zoo import SPECIMENS

if TYPE_CHECKING:
    from simulator.audit.auditing import Result
    from simulator.audit.finding import Finding
    from tests.audit.static.zoo import Specimen

NAMES = [specimen.name for specimen in SPECIMENS]


def about(result: Result, name: str) -> list[Finding]:
    """Return the findings about a specimen: an alert of its name, with or without a number, or a panel."""
    return [
        finding
        for finding in result.findings
        for where in [finding.where]
        if where.subject.removeprefix("Zoo: ").rstrip("0123456789") == name
    ]


@pytest.mark.parametrize("specimen", SPECIMENS, ids=NAMES)
def test_a_broken_one_is_accused_for_its_own_reason_and_of_nothing_else(broken: Result, specimen: Specimen) -> None:
    found = about(broken, specimen.name)

    assert [(finding.kind.name, finding.severity) for finding in found] == [(specimen.kind, specimen.severity)]
    assert found[0].problem
    assert found[0].where.file is not None
    assert found[0].where.line is not None


@pytest.mark.parametrize("specimen", SPECIMENS, ids=NAMES)
def test_a_fixed_one_is_accused_of_nothing(fixed: Result, specimen: Specimen) -> None:
    assert about(fixed, specimen.name) == []


def test_nothing_else_is_accused(broken: Result, fixed: Result) -> None:
    assert len(broken.findings) == len(SPECIMENS)
    assert [str(finding.where) for finding in fixed.findings] == []


def test_promtool_confirms_every_counter_example_and_nothing_is_left_unchecked(broken: Result, fixed: Result) -> None:
    assert broken.unchecked == ()
    assert fixed.unchecked == ()


def test_the_specimens_are_at_least_twelve_and_show_every_kind_that_rules_panels_and_runbooks_can_have() -> None:
    kinds = {kind.name for check in STATIC for kind in check.kinds}

    assert len(SPECIMENS) >= 12
    assert kinds - {specimen.kind for specimen in SPECIMENS} == {"rules-wrapped"}


@pytest.mark.parametrize(
    "kind",
    [
        "metric-missing",
        "recording-missing",
        "label-missing",
        "label-value-missing",
        "grouping-label-missing",
        "vector-match-empty",
        "vector-match-ambiguous",
        "template-label-missing",
        "template-fails",
        "labels-collide",
        "escalation-unobservable",
    ],
)
def test_kinds_that_promtool_can_show_come_with_a_counter_example(broken: Result, kind: str) -> None:
    assert any(finding.experiment is not None for finding in broken.findings if finding.kind.name == kind)
