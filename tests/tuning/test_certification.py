from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from simulator.alerting.exposition import Exposition, Family, Series
from simulator.alerting.ruleset import AlertRule, Group, RuleSet
from simulator.alerting.toolchain import find_tool
from simulator.errors import EngineError
from simulator.tuning.certification import Bench, confirm, export
from simulator.tuning.claims import Course
from simulator.tuning.trial import Trial

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

RULE = AlertRule("High", "a > 5", for_seconds=60.0, group="g")
RULESET = RuleSet((Group("other", (AlertRule("No", "b > 1"),)), Group("g", (AlertRule("High", "c"), RULE))))
PROMTOOL = find_tool("promtool").path
BENCH = Bench(RULESET, 15.0, {"a"}, PROMTOOL)
INCIDENT = Trial("a.fault", 1.0, 200.0, 10, 1, 100.0, 300.0, 600.0)
QUIET = Trial(None, 0.0, 0.0, 10, 1, None, None, 600.0)


def _exposition(trial: Trial, *spans: tuple[float, float]) -> Exposition:
    """Return a gauge that is high in some spans, scraped every 15 s from 5 s on."""
    times = tuple(5.0 + 15 * k for k in range(int(trial.length) // 15))
    values = [9 if any(begin <= time < end for begin, end in spans) else 0 for time in times]
    return Exposition(15.0, 5.0, times, (Family("a", "gauge", "", (Series("a", (("x", "y"),), values),)),))


# High from the scrape at 110 s: pending at 120, firing at 180; low at 305: resolved at 315.
RUN = (INCIDENT, _exposition(INCIDENT, (100, 300)), Course(180.0, 315.0, 1, 0))


def _mismatches(folder: Path, *runs: tuple[Trial, Exposition, Course], changed: AlertRule = RULE) -> Sequence[str]:
    return confirm(BENCH, RULE, changed, runs, folder=folder, name="after").mismatches


def test_what_is_true_is_confirmed(tmp_path: Path) -> None:
    quiet = (QUIET, _exposition(QUIET, (100, 130)), Course(None, None, 0, 0))
    twice = (INCIDENT, _exposition(INCIDENT, (0, 90), (200, 590)), Course(270.0, None, 2, 1))

    assert _mismatches(tmp_path, RUN, quiet, twice) == ()


@pytest.mark.parametrize(
    "course",
    [
        Course(195.0, 315.0, 1, 0),
        Course(165.0, 315.0, 1, 0),
        Course(180.0, 300.0, 1, 0),
        Course(180.0, 330.0, 1, 0),
        Course(180.0, 315.0, 2, 0),
        Course(180.0, 315.0, 1, 1),
        Course(None, None, 0, 0),
    ],
)
def test_whatever_is_not_true_is_denied_and_the_run_is_named(tmp_path: Path, course: Course) -> None:
    mismatches = _mismatches(tmp_path, (INCIDENT, RUN[1], course))

    assert mismatches
    assert all("a.fault at level 1 for 3m20s, 10 clients, seed 1" in mismatch for mismatch in mismatches)


def test_a_page_in_a_quiet_run_is_not_overlooked(tmp_path: Path) -> None:
    assert _mismatches(tmp_path, (QUIET, RUN[1], Course(None, None, 0, 0)))
    assert not _mismatches(tmp_path, (QUIET, RUN[1], Course(180.0, 315.0, 1, 1)))


def test_a_page_is_one_however_many_series_fire(tmp_path: Path) -> None:
    one = _exposition(INCIDENT, (100, 300)).families[0].series[0]
    later = replace(one, labels=(("x", "z"),), values=_exposition(INCIDENT, (200, 400)).families[0].series[0].values)
    exposition = replace(RUN[1], families=(Family("a", "gauge", "", (one, later)),))

    assert not _mismatches(tmp_path, (INCIDENT, exposition, Course(180.0, 420.0, 1, 0)))


def test_the_numbers_of_the_changed_rule_are_the_ones_that_are_tried(tmp_path: Path) -> None:
    assert _mismatches(tmp_path, RUN, changed=replace(RULE, for_seconds=75.0))


def test_a_rule_that_fires_for_six_hours_can_be_confirmed(tmp_path: Path) -> None:
    day = replace(QUIET, length=21_600.0)

    assert not _mismatches(tmp_path, (day, _exposition(day, (0, 30_000)), Course(75.0, None, 1, 1)))


def test_a_run_that_ends_between_two_evaluations_ends_with_the_last_of_them(tmp_path: Path) -> None:
    run = replace(QUIET, length=614.0)
    until_then = _exposition(run, (575, 700))  # active at 585, pending until 645
    changed = replace(RULE, for_seconds=15.0)

    assert not _mismatches(tmp_path, (run, until_then, Course(600.0, None, 1, 1)), changed=changed)
    assert not _mismatches(
        tmp_path, (run, until_then, Course(None, None, 0, 0)), changed=replace(RULE, for_seconds=30.0)
    )


def test_the_exported_test_passes_wherever_it_is_copied_to(tmp_path: Path) -> None:
    small = replace(INCIDENT, level=0.1)
    export(
        BENCH,
        RULE,
        RULE,
        must_page=[RUN[:2]],
        must_not_page=[(QUIET, _exposition(QUIET, (100, 130))), (small, _exposition(small, (100, 145)))],
        folder=tmp_path / "out",
    )
    copied = shutil.copytree(tmp_path / "out", tmp_path / "elsewhere")

    def passes() -> bool:
        return subprocess.run([PROMTOOL, "test", "rules", copied / "promtool.yaml"], check=False).returncode == 0

    assert passes()
    rules = copied / "rules.yaml"
    text = rules.read_text()
    for before, after in (("for: 1m", "for: 10m"), ("> 5", "> 10"), ("for: 1m", "for: 15s")):
        rules.write_text(text.replace(before, after))
        assert not passes(), f"{before} to {after}"


@pytest.mark.parametrize(
    "spans",
    [
        pytest.param((), id="never"),
        pytest.param(((260, 500),), id="late"),
        pytest.param(((0, 590),), id="before it began"),
    ],
)
def test_a_rule_that_does_not_page_in_the_incident_cannot_be_exported(
    tmp_path: Path, spans: tuple[tuple[float, float], ...]
) -> None:
    with pytest.raises(EngineError, match="promtool denies the exported test"):
        export(
            BENCH,
            RULE,
            RULE,
            must_page=[(INCIDENT, _exposition(INCIDENT, *spans))],
            must_not_page=[],
            folder=tmp_path,
        )
