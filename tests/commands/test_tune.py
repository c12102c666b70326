"""`syncstorm tune`: what it recommends, when it says no, how it stops and goes on, and what it refuses."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from simulator.alerting.toolchain import find_tool
from simulator.tuning.claims import Course
from tests.app import app

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ROOT = Path(__file__).parents[2]
ALERT = "OpenAgentsRuntimeSyncSocketAuthFailureRatioHigh"
AUTH = "openagents_runtime_sync_socket_auth_count"
RULES = """\
# Of the platform team.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata: {name: sync}
spec:
  groups:
    - name: sync
      rules:
        - alert: OpenAgentsRuntimeSyncSocketAuthFailureRatioHigh
          # five percent
          expr: |
            sum(rate(openagents_runtime_sync_socket_auth_count{status="error"}[5m]))
              / clamp_min(sum(rate(openagents_runtime_sync_socket_auth_count[5m])), 1) > 0.05
          for: 10m   # ten
          labels: {severity: page}
        - {alert: TimedOut, expr: 'sum(rate(openagents_runtime_sync_socket_timeout_count[5m])) > 5', for: 10m}
        - {alert: Late, expr: sync:failures:rate5m offset 5m > 1}
        - {record: 'sync:failures:rate5m', expr: 'sum(rate(openagents_runtime_sync_socket_auth_count[5m]))'}
        - {alert: Gone, expr: absent(up)}
"""
SWEEP = (
    *("level=0.5,1", "duration=8m", "clients=50", "seeds=1", "held_out_seeds=1", "quiet_days=0.25"),
    *(
        "held_out_quiet_days=0.25",
        "quiet_clients=20",
        "blip=0.02@5m",
        "threshold=0.05,0.1",
        "window=2m,5m",
        "for=1m,2m,10m",
    ),
)


def run(folder: Path, *arguments: str, alert: str = ALERT, code: int = 0, sweep: Sequence[str] = SWEEP) -> str:
    done = CliRunner().invoke(
        app,
        [
            "tune",
            str(folder / "rules.yaml"),
            "--alert",
            alert,
            "--out",
            str(folder / "out"),
            *_sweep(sweep),
            *arguments,
        ],
        env={"COLUMNS": "150"},
    )
    assert done.exit_code == code, done.output
    return done.output


def _sweep(axes: Sequence[str]) -> list[str]:
    return [word for axis in axes for word in ("--sweep", axis)]


@pytest.fixture(scope="module")
def tuned(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Return a folder in which the auth alert was tuned, and what was printed."""
    folder = tmp_path_factory.mktemp("tuned")
    (folder / "rules.yaml").write_text(RULES)
    return folder, run(folder)


@pytest.fixture
def again(tuned: tuple[Path, str], tmp_path: Path) -> Path:
    """Return a copy of that folder, in which all that was played is known."""
    return shutil.copytree(tuned[0], tmp_path / "again")


def _test_rules(file: Path) -> int:
    promtool = find_tool("promtool").path
    return subprocess.run([promtool, "test", "rules", file.name], cwd=file.parent, check=False).returncode


def test_a_change_is_recommended_that_pages_before_a_total_outage_of_eight_minutes_is_over(
    tuned: tuple[Path, str],
) -> None:
    folder, printed = tuned
    found = json.loads((folder / "out/tune.json").read_text())
    held_out = found["proposed"]["held_out"]

    assert f"{ALERT}: change recommended" in printed
    assert found["recommendation"]["outcome"] == "change"
    assert held_out["recall"]["in_time"] == held_out["recall"]["incidents"] > 0
    assert found["today"]["held_out"]["recall"]["in_time"] == 0
    assert (folder / "rules.yaml").read_text() == RULES
    assert "-          for: 10m   # ten" in printed
    assert (folder / "out/rules.diff").read_text() == found["diff"]


def test_the_change_is_applied_to_that_rule_alone_and_then_no_change_is_right(again: Path) -> None:
    printed = run(again, "--apply")
    before, applied = RULES.splitlines(), (again / "rules.yaml").read_text()

    assert f"written: {again}/rules.yaml" in printed.replace("\n", "")
    changed = [number for number, line in enumerate(applied.splitlines()) if line != before[number]]
    assert changed
    assert set(changed) <= {11, 12, 13}  # the two lines of the expression, and the hold
    assert len(applied.splitlines()) == len(before)

    printed = run(again, "--apply")

    assert f"{ALERT}: no change" in printed
    assert (again / "rules.yaml").read_text() == applied
    assert not (again / "out/rules.diff").exists()
    assert _test_rules(again / "out/promtool.yaml") == 0


def test_the_exported_test_passes_anywhere_and_fails_with_the_rule_of_before(again: Path, tmp_path: Path) -> None:
    for name in ("promtool.yaml", "rules.yaml"):
        shutil.copy(again / "out" / name, tmp_path)
    assert _test_rules(tmp_path / "promtool.yaml") == 0

    shutil.copy(again / "out/certification/today-rules.yaml", tmp_path / "rules.yaml")
    assert _test_rules(tmp_path / "promtool.yaml") == 1


def test_a_rule_on_recorded_series_is_tuned_in_its_own_numbers_and_tested_with_its_recordings(tmp_path: Path) -> None:
    ratio = f"""
  - record: sync:auth:ratio2m
    expr: sum(rate({AUTH}{{status="error"}}[2m])) / clamp_min(sum(rate({AUTH}[2m])), 1)
"""
    rule = f"  - {{alert: {ALERT}, expr: 'sync:auth:ratio2m > 0.05', for: 10m}}\n"
    before = f"groups:\n- name: sync\n  rules:{ratio}{rule}"
    (tmp_path / "rules.yaml").write_text(before)
    # No window is swept: the recording rule has it.
    sweep = ("level=0.5,1", "duration=8m", "clients=50", "seeds=1", "held_out_seeds=1", "quiet_days=0.25")
    quiet = ("held_out_quiet_days=0.25", "quiet_clients=20", "blip=0.02@5m", "threshold=0.05,0.1", "for=1m,2m,10m")
    found = json.loads(run(tmp_path, "--apply", "--json", sweep=(*sweep, *quiet)))

    assert found["recommendation"]["outcome"] == "change"
    assert {entry["setting"]["window_seconds"] for entry in found["settings"]} == {None}
    assert any("promtool agrees with the sweep" in note for note in found["notes"])
    assert any("sync:auth:ratio2m" in note and "ranges were not swept" in note for note in found["notes"])
    applied = (tmp_path / "rules.yaml").read_text()
    assert ratio in applied
    assert applied != before
    assert "record: sync:auth:ratio2m" in (tmp_path / "out/rules.yaml").read_text()
    assert _test_rules(tmp_path / "out/promtool.yaml") == 0


def test_where_nothing_keeps_the_policy_nothing_is_changed_nor_exported(again: Path) -> None:
    found = json.loads(run(again, "--max-detection", "20s", "--apply", "--json", code=1))

    assert found["recommendation"]["outcome"] == "nothing_satisfies"
    assert (again / "rules.yaml").read_text() == RULES
    assert not (again / "out/promtool.yaml").exists()


def test_numbers_that_an_alias_shares_are_recommended_and_not_written(again: Path) -> None:
    shared = RULES.replace("for: 10m   # ten", "for: &hold 10m").replace("> 5', for: 10m", "> 5', for: *hold")
    (again / "rules.yaml").write_text(shared)

    assert "is used elsewhere, by the alias *hold" in run(again, "--apply", code=2).replace("\n", " ")
    found = json.loads(run(again, "--json"))

    assert found["recommendation"]["outcome"] == "change"
    assert found["diff"] is None
    assert any("The rule file was not edited:" in note for note in found["notes"])
    assert (again / "rules.yaml").read_text() == shared


def test_promtool_that_disagrees_is_an_error(again: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Course, "of", lambda *_: Course(60.0, 75.0, 1, 0))

    assert "promtool does not agree with the sweep" in run(again, code=3)
    assert not (again / "out/tune.json").exists()


@pytest.mark.parametrize(
    ("arguments", "alert", "said"),
    [
        ((), f"{ALERT}s", f"--alert: unknown alert '{ALERT}s' (did you mean '{ALERT}'?)"),
        (("--fault", "auth.key"), ALERT, "unknown fault 'auth.key' (did you mean 'auth.key-drift'?)"),
        (("--fault", "liveness.loop-stall"), ALERT, "liveness.loop-stall needs a live system"),
        (("--scenario", "calmer"), ALERT, "unknown scenario"),
        (("--line", "3"), ALERT, f"--line: {ALERT} does not stand at line 3 (lines: 9)"),
        (("--comparison", "2"), ALERT, f"--comparison: {ALERT} has no comparison 2 with a number (1: > 0.05)"),
        (("--objective", "level>=2"), ALERT, "'2' is no level"),
        (("--objective", "level>=0.5 duration>=1h"), ALERT, "--objective: no incident that is tried must page by it"),
        (("--objective", "level>=0.01"), ALERT, "--sweep: blip: level 0.02 for 5m must page by the objective"),
        (("--min-recall", "1"), ALERT, "--min-recall: '1.0' can never be shown by a finite number of runs"),
        (("--min-recall", "most"), ALERT, "--min-recall: 'most' is not a number (or none)"),
        (("--max-detection", "x"), ALERT, "--max-detection: 'x' is not a duration"),
        (("--budget", "0s"), ALERT, "--budget: '0s' is no time (it takes more than 0s)"),
        (("--executor", "cloud"), ALERT, "--executor: 'cloud' is no executor (local, or dask://HOST:PORT)"),
        (("--sweep", "windows=1m"), ALERT, "--sweep: unknown axis 'windows' (did you mean 'window'?)"),
        ((), "Late", "Late: cannot be tuned, and is left alone: it reads sync:failures:rate5m at another time"),
        ((), "Gone", "Gone: cannot be tuned, and is left alone: it does not compare with a number"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_one_clear_line(tmp_path: Path, arguments: Sequence[str], alert: str, said: str) -> None:
    (tmp_path / "rules.yaml").write_text(RULES)

    printed = run(tmp_path, *arguments, alert=alert, code=2)

    assert said in printed.replace("\n", "")
    assert len(printed.splitlines()) <= 2


def test_a_fault_that_the_rule_cannot_see_is_refused_and_not_called_missed(tmp_path: Path) -> None:
    (tmp_path / "rules.yaml").write_text(RULES)

    printed = run(tmp_path, "--fault", "auth.key-drift", alert="TimedOut", code=2)

    assert "--fault: auth.key-drift touches nothing that TimedOut reads" in printed.replace("\n", "")


def test_without_prometheus_it_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "rules.yaml").write_text(RULES)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("SYNCSTORM_TOOLS", str(tmp_path))

    assert "prometheus is not installed" in run(tmp_path, code=3)
    assert not (tmp_path / "out").exists()


def test_a_budget_that_does_not_suffice_for_all_is_kept_to_and_the_report_says_what_was_left_out(again: Path) -> None:
    known = sorted((again / "out/trials").iterdir(), key=lambda file: file.stat().st_mtime)
    known[-1].unlink()

    printed = run(again, "--budget", "1ms")

    said = rf"The budget left out 1 (incident|quiet) run, of {len(known)} runs in all; run it again"
    assert re.search(said, " ".join(printed.split()))


def test_a_budget_that_suffices_for_nothing_is_refused_and_what_was_played_is_kept(tmp_path: Path) -> None:
    (tmp_path / "rules.yaml").write_text(RULES)

    printed = run(tmp_path, "--budget", "1ms", code=2)

    assert "--budget: sufficed for" in printed.replace("\n", "")


def test_a_folder_that_is_not_its_own_is_left_alone(tmp_path: Path) -> None:
    rules = tmp_path / "rules.yaml"
    rules.write_text(RULES)
    for extra, said in (
        ("", "has your own rule file"),
        ("trials", "has your own rule file"),
        ("other", "is not empty"),
    ):
        folder = tmp_path / "other" if extra == "other" else tmp_path
        (tmp_path / extra).mkdir(exist_ok=True)
        (folder / "kept.txt").write_text("kept")

        assert said in run(tmp_path, "--out", str(folder), code=2).replace("\n", "")
        assert (folder / "kept.txt").exists()
    assert rules.read_text() == RULES


# --- interrupts


def _start(folder: Path, *axes: str, environment: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
    """Start the command in a process of its own."""
    tools = os.environ.get("SYNCSTORM_TOOLS", str(ROOT / ".tools"))
    arguments = ["tune", "rules.yaml", "--alert", ALERT, "--out", "out", *_sweep(axes)]
    return subprocess.Popen(
        [sys.executable, "-m", "simulator", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "SYNCSTORM_TOOLS": tools, **(environment or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_an_interrupted_sweep_goes_on_where_it_stopped(tmp_path: Path) -> None:
    axes = (*SWEEP[:3], "seeds=3", "held_out_seeds=3", *SWEEP[5:])
    (tmp_path / "rules.yaml").write_text(RULES)
    first, trials = _start(tmp_path, *axes), tmp_path / "out/trials"

    def played() -> dict[str, int]:
        return {file.name: file.stat().st_mtime_ns for file in trials.glob("*.trial")}

    deadline = time.monotonic() + 60
    while len(played()) < 3:
        assert first.poll() is None, first.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.01)
    first.send_signal(signal.SIGINT)
    _, errors = first.communicate(timeout=60)
    assert (first.returncode, errors.strip()) == (130, "syncstorm: interrupted")
    before = played()

    second = _start(tmp_path, *axes)
    printed, errors = second.communicate(timeout=120)
    assert second.returncode == 0, errors

    after = played()
    assert len(before) < len(after) == 3 * (3 + 3) + 2 + 2
    assert {name: after[name] for name in before} == before
    assert "change recommended" in printed
