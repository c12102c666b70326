"""Certification: what promtool confirms, and that it notices every wrong claim."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pytest

from simulator.alerting.backfill import number
from simulator.alerting.certify import Clock, certify
from simulator.alerting.ruleset import AlertRule, Group, RuleSet
from simulator.alerting.ruletest import Expectation, run_test, write_test
from simulator.alerting.states import Episode
from simulator.alerting.toolchain import find_tool
from simulator.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from simulator.alerting.exposition import Exposition
    from simulator.alerting.timeline import Certification, RuleTimeline
    from tests.alerting.conftest import Workshop

    Tamper = Callable[[tuple[Episode, ...]], tuple[Episode, ...]]

LABELS = (("alertname", "A"), ("pod", "a"), ("severity", "warning"))
RULES = """
- {alert: A, expr: x > 0, for: 30s, labels: {severity: warning}}
- {alert: A, expr: x > 5, for: 30s, labels: {severity: critical}}
- {alert: Quiet, expr: x < 0}
"""


@dataclass(frozen=True)
class Judged:
    """A run that was judged, to make other claims about."""

    exposition: Exposition
    ruleset: RuleSet
    lines: tuple[RuleTimeline, ...]
    folder: Path

    def claim(self, alert: int, episodes: tuple[Episode, ...], folder: Path) -> Certification:
        """Certify the run with other episodes for one of the rules."""
        lines = [replace(line, episodes=episodes) if n == alert else line for n, line in enumerate(self.lines)]
        return certify(
            lines,
            self.ruleset,
            self.exposition,
            Clock(600, 15),
            names={"x"},
            out_dir=folder,
            promtool=find_tool("promtool").path,
        )


@pytest.fixture(scope="module")
def judged(shared_workshop: Workshop) -> Judged:
    """Return a run in which one rule is pending once and fires twice, the others never."""

    def pulses(now: float) -> int:
        return int(90 <= now < 105 or 150 <= now < 240 or 300 <= now < 360)

    run = shared_workshop.exposition({"x{pod=a}": pulses}, duration=600, offset=5.55)
    ruleset = shared_workshop.rules(RULES)
    timeline = shared_workshop.judge(run, ruleset, duration=600)
    assert timeline.certification is not None
    return Judged(run, ruleset, timeline.rules, timeline.certification.files[0].parent)


def test_the_true_timeline_is_certified(judged: Judged, tmp_path: Path) -> None:
    assert [episode.firing_at is None for episode in judged.lines[0].episodes] == [True, False, False]
    assert judged.claim(0, judged.lines[0].episodes, tmp_path).ok


TAMPERED: dict[str, Tamper] = {
    "fires one evaluation early": lambda e: (e[0], replace(e[1], firing_at=e[1].firing_at - 15), e[2]),  # type: ignore[operator]
    "fires one evaluation late": lambda e: (e[0], replace(e[1], firing_at=e[1].firing_at + 15), e[2]),  # type: ignore[operator]
    "pending one evaluation early": lambda e: (e[0], replace(e[1], pending_at=e[1].pending_at - 15), e[2]),
    "resolved one evaluation late": lambda e: (*e[:2], replace(e[2], resolved_at=e[2].resolved_at + 15)),  # type: ignore[operator]
    "never resolved": lambda e: (*e[:2], replace(e[2], resolved_at=None)),
    "only pending": lambda e: (e[0], replace(e[1], firing_at=None), e[2]),
    "fired where it was only pending": lambda e: (replace(e[0], firing_at=e[0].pending_at), *e[1:]),
    "one episode left out": lambda e: (e[0], e[2]),
    "the pending episode left out": lambda e: e[1:],
    "never active": lambda _: (),
    "one episode too many": lambda e: (*e, Episode(LABELS, 450, 480, 495)),
    "a hole": lambda e: (
        e[0],
        replace(e[1], resolved_at=210),
        Episode(LABELS, 225, 225, e[1].resolved_at),
        e[2],
    ),
    "a hole that an evaluation elsewhere makes up for": lambda e: (
        e[0],
        replace(e[1], resolved_at=210),
        Episode(LABELS, 225, 225, e[1].resolved_at),
        replace(e[2], resolved_at=e[2].resolved_at + 15),  # type: ignore[operator]
    ),
    "other labels": lambda e: (*e[:2], replace(e[2], labels=(("alertname", "A"), ("severity", "warning")))),
}


@pytest.mark.parametrize("case", TAMPERED)
def test_a_wrong_claim_is_a_mismatch(judged: Judged, tmp_path: Path, case: str) -> None:
    certification = judged.claim(0, TAMPERED[case](judged.lines[0].episodes), tmp_path)

    assert not certification.ok
    assert "ALERTS" in certification.mismatches[0]


@pytest.mark.parametrize("rule", [1, 2])
def test_a_rule_that_never_was_pending_is_certified_as_absent(judged: Judged, tmp_path: Path, rule: int) -> None:
    alert = judged.ruleset.alerts()[rule]
    labels = (("alertname", alert.alert), ("pod", "a"), *sorted(alert.labels.items()))

    assert not judged.claim(rule, (Episode(labels, 150, 180, 240),), tmp_path).ok


def test_the_files_pass_wherever_they_are_taken(judged: Judged, tmp_path: Path) -> None:
    for name in ("promtool.yaml", "rules.yaml"):
        shutil.copy(judged.folder / name, tmp_path)

    done = subprocess.run(
        [find_tool("promtool").path, "test", "rules", "promtool.yaml"],
        cwd=tmp_path,
        capture_output=True,
        check=False,
    )

    assert done.returncode == 0


def expectation_on(folder: Path, rule: AlertRule, run: Exposition, *expectations: Expectation) -> Path:
    """Write a test of one rule."""
    ruleset = RuleSet((Group("g", (rule,)),))
    write_test(
        folder / "test.yaml",
        folder / "rules.yaml",
        ruleset,
        run,
        names={"x"},
        interval_seconds=15,
        expectations=expectations,
    )
    return folder / "test.yaml"


def test_every_sample_reaches_promtool_as_it_was(workshop: Workshop, tmp_path: Path) -> None:
    values = [0, 0.1 + 0.2, 1e-7, 1e300, -5, -0.25, float("inf"), float("-inf"), 12345678901234567, 1e21, 7]
    run = workshop.exposition({"x": lambda now: values[int(now // 15)]}, duration=165, offset=5.55)
    expected = [
        Expectation(f"x == bool {number(value)}", 5550 + 15_000 * k, (("{}", 1),)) for k, value in enumerate(values)
    ]
    # Promtool reads no more than what comes before its last evaluation.
    expected.append(Expectation("vector(1)", 165_000, (("{}", 1),)))

    assert run_test(expectation_on(tmp_path, AlertRule("A", "x"), run, *expected), find_tool("promtool").path) == []


def test_a_failure_says_what_was_expected_and_what_came(workshop: Workshop, tmp_path: Path) -> None:
    run = workshop.exposition({"x{a=b}": lambda _: 1}, duration=60)
    file = expectation_on(tmp_path, AlertRule("A", "x"), run, Expectation('x{a="b"}', 15_000, (('x{a="b"}', 2),)))

    (failure,) = run_test(file, find_tool("promtool").path)

    assert (failure.expr, failure.time) == ('x{a="b"}', "15s")
    assert (failure.expected, failure.got) == ('{__name__="x", a="b"} 2E+00', '{__name__="x", a="b"} 1E+00')


def test_a_rule_that_fails_in_promtool_is_an_engine_error(workshop: Workshop, tmp_path: Path) -> None:
    run = workshop.exposition({"x{a=b}": lambda _: 1, "x{a=c}": lambda _: 1}, duration=60)
    file = expectation_on(tmp_path, AlertRule("A", "x / on () x"), run, Expectation("ALERTS", 15_000, ()))

    with pytest.raises(EngineError, match="many-to-many matching not allowed"):
        run_test(file, find_tool("promtool").path)


def test_a_file_that_promtool_cannot_read_is_an_engine_error(tmp_path: Path) -> None:
    (tmp_path / "test.yaml").write_text("tests: 1\n")

    with pytest.raises(EngineError, match="promtool could not test the rules"):
        run_test(tmp_path / "test.yaml", find_tool("promtool").path)


def test_a_promtool_that_does_not_run_is_an_engine_error(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="promtool could not test the rules"):
        run_test(tmp_path / "test.yaml", tmp_path / "promtool")


def test_scrape_times_too_fine_for_promtool_are_refused(workshop: Workshop, tmp_path: Path) -> None:
    run = workshop.exposition({"x": lambda _: 1}, duration=86_400, offset=5.551)

    with pytest.raises(EngineError, match="choose a scrape offset"):
        expectation_on(tmp_path, AlertRule("A", "x"), run)
