"""The whole command as a user runs it, with a real Prometheus: what it shows, leaves behind and exits with."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from simulator.shipped import find_file

if TYPE_CHECKING:
    from collections.abc import Sequence

AUTH = "OpenAgentsRuntimeSyncSocketAuthFailureRatioHigh"
TIMEOUT = "OpenAgentsRuntimeSyncSocketTimeoutRateHigh"
STALE = "OpenAgentsRuntimeSyncStaleCursorSpike"
MINT = "OpenAgentsKhalaTokenMintFailureRatioHigh"
OUTPUTS = {"verdict.json", "report.md", "report.html", "journal.jsonl", "metrics.om", "promtool.yaml", "rules.yaml"}
ROOT = Path(__file__).parents[1]

DRIFT = """
scenario: drift
seed: 3
duration: 40m
fleet: {clients: 100}
timeline:
  - {at: 5m, inject: auth.key-drift, level: 0.6, for: 15m}
expect:
  - fires: {alert: OpenAgentsRuntimeSyncSocketAuthFailureRatioHigh, within: 13m, resolves_within: 8m}
  - no_other_alerts
"""


def _environment(**changes: str) -> dict[str, str]:
    # The checkout's own tools are found from anywhere; PATH comes first, as for a user.
    return {
        **os.environ,
        "SYNCSTORM_TOOLS": os.environ.get("SYNCSTORM_TOOLS", str(ROOT / ".tools")),
        **changes,
    }


def _command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "simulator", *arguments]


def _syncstorm(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        _command(*arguments),
        cwd=cwd,
        env=_environment(**environment),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def _rehearse(folder: Path, *arguments: str, code: int) -> dict[str, Any]:
    done = _syncstorm("rehearse", *arguments, "--out", "out", cwd=folder)
    assert done.returncode == code, done.stdout + done.stderr
    verdict: dict[str, Any] = json.loads((folder / "out" / "verdict.json").read_text())
    return verdict


def _write(folder: Path, text: str, name: str = "drift.yaml") -> str:
    (folder / name).write_text(text)
    return name


def _alerts(verdict: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {entry["alert"]: entry for entry in verdict["alerts"]}


def _processes_naming(folder: Path) -> list[str]:
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = entry.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if str(folder) in line:
            found.append(line)
    return found


def _wait_until_gone(folder: Path) -> None:
    deadline = time.monotonic() + 20
    while _processes_naming(folder) or any(folder.iterdir()):
        assert time.monotonic() < deadline, (_processes_naming(folder), list(folder.iterdir()))
        time.sleep(0.05)


@pytest.fixture(scope="module")
def tabletop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of one rehearsal of the tabletop scenario, run with the default folder."""
    folder = tmp_path_factory.mktemp("tabletop")
    done = _syncstorm("rehearse", cwd=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    (folder / "printed").write_text(done.stdout)
    return folder


def test_the_tabletop_passes_with_its_three_alerts_fired_and_resolved(tabletop: Path) -> None:
    verdict = json.loads((tabletop / "rehearsals/tabletop-7/verdict.json").read_text())
    assert verdict["verdict"] == "PASS"
    alerts = _alerts(verdict)
    causes = {
        AUTH: "auth.key-drift@5m",
        TIMEOUT: "liveness.silent-clients@45m",
        STALE: "cursor.long-offline@1h20m",
    }
    for name, cause in causes.items():
        entry = alerts[name]
        assert (entry["expected"], entry["state"], entry["injection"]) == ("fire", "fired", cause)
        assert 0 < entry["pending_at_s"] < entry["firing_at_s"] < entry["resolved_at_s"]
    assert alerts[MINT]["state"] == "silent"
    assert len(alerts) == 16
    assert sum(entry["state"] == "no_data" for entry in alerts.values()) == 12
    assert len(verdict["not_covered"]) == 12
    assert verdict["certification"]["certified"]
    assert verdict["engine"]["name"] == "prometheus"
    assert all(entry["touched"] > 50 for entry in verdict["injections"])


def test_a_stale_cursor_page_comes_after_the_cohort_is_back(tabletop: Path) -> None:
    verdict = json.loads((tabletop / "rehearsals/tabletop-7/verdict.json").read_text())
    assert _alerts(verdict)[STALE]["lateness_s"] > 300


def test_every_file_is_left_in_the_default_folder(tabletop: Path) -> None:
    assert {file.name for file in (tabletop / "rehearsals/tabletop-7").iterdir()} == OUTPUTS


def test_what_is_printed_names_the_alerts_the_verdict_and_the_folder(tabletop: Path) -> None:
    printed = (tabletop / "printed").read_text()
    assert "PASS" in printed
    assert "rehearsals/tabletop-7" in printed
    assert "its" not in printed.split("\n")[0]
    assert "certified by promtool" in " ".join(printed.split())


def test_the_promtool_file_certifies_the_timeline_when_a_user_runs_it(tabletop: Path) -> None:
    from simulator.alerting.toolchain import find_tool  # noqa: PLC0415

    folder = tabletop / "rehearsals/tabletop-7"
    command = [str(find_tool("promtool").path), "test", "rules", "promtool.yaml"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_journal_tells_the_run_in_order(tabletop: Path) -> None:
    lines = (tabletop / "rehearsals/tabletop-7/journal.jsonl").read_text().splitlines()
    events = [json.loads(line)["event"] for line in lines]
    assert events[0] == "rehearsal_started"
    assert events[-1] == "verdict"
    assert events.count("injection_started") == events.count("injection_ended") == 3
    assert events.count("alert_firing") == events.count("alert_resolved") == 3


def test_calm_passes_with_no_alert(tmp_path: Path) -> None:
    verdict = _rehearse(tmp_path, "calm", code=0)
    assert {entry["state"] for entry in verdict["alerts"]} == {"silent", "no_data"}


@pytest.mark.soak
@pytest.mark.parametrize("scenario", ["auth-key-drift", "timeout-storm", "stale-cursor"])
def test_each_incident_passes_by_itself_with_another_seed_too(tmp_path: Path, scenario: str) -> None:
    verdict = _rehearse(tmp_path, scenario, "--seed", "11", code=0)
    assert verdict["seed"] == 11


def test_each_rule_of_the_later_original_can_fire(tmp_path: Path) -> None:
    verdict = _rehearse(tmp_path, "khala-slo", code=0)
    assert {alert: entry["state"] for alert, entry in _alerts(verdict).items()} == {
        "OpenAgentsKhalaWsAuthFailureRatioHigh": "fired",
        "OpenAgentsKhalaReplayLagP95High": "fired",
        "OpenAgentsKhalaStaleCursorRateHigh": "fired",
        "OpenAgentsKhalaClientReconnectSpike": "fired",
        "OpenAgentsKhalaClientAuthFailureByBuildHigh": "fired",
    }


def test_rules_are_taken_as_a_prometheus_rule_and_as_plain_groups(tmp_path: Path) -> None:
    """The rules of an earlier rehearsal, unwrapped, give the same timeline as the Kubernetes object."""
    scenario = _write(tmp_path, DRIFT)
    wrapped = _rehearse(tmp_path, scenario, "--rules", str(find_file("rules", "openagents-runtime")), code=0)
    plain = tmp_path / "plain.yaml"
    plain.write_text((tmp_path / "out/rules.yaml").read_text())
    unwrapped = _rehearse(tmp_path, scenario, "--rules", str(plain), code=0)
    keys = ("alert", "state", "pending_at_s", "firing_at_s", "resolved_at_s")
    assert [[a[k] for k in keys] for a in wrapped["alerts"]] == [[a[k] for k in keys] for a in unwrapped["alerts"]]
    assert wrapped["digest"] == unwrapped["digest"]


def test_without_its_injection_an_expected_alert_makes_the_verdict_fail(tmp_path: Path) -> None:
    scenario = _write(
        tmp_path, DRIFT.replace("auth.key-drift, level: 0.6", "liveness.restart").replace(", for: 15m", "")
    )
    verdict = _rehearse(tmp_path, scenario, code=1)
    assert verdict["verdict"] == "FAIL"
    assert any(AUTH in reason and "silent" in reason for reason in verdict["reasons"])


def test_an_alert_that_fires_too_late_makes_the_verdict_fail(tmp_path: Path) -> None:
    verdict = _rehearse(tmp_path, _write(tmp_path, DRIFT.replace("within: 13m", "within: 2m")), code=1)
    assert "later than 2m" in verdict["reasons"][0]


def test_an_alert_that_nobody_expected_makes_the_verdict_fail(tmp_path: Path) -> None:
    text = DRIFT.replace(f"  - fires: {{alert: {AUTH}, within: 13m, resolves_within: 8m}}\n", "")
    verdict = _rehearse(tmp_path, _write(tmp_path, text), code=1)
    assert AUTH in verdict["reasons"][0]


@pytest.mark.parametrize("expectation", ["fires", "silent"])
def test_an_expectation_on_a_missing_metric_is_inconclusive_and_never_a_pass(tmp_path: Path, expectation: str) -> None:
    contract = find_file("contract", "openagents-runtime").read_text()
    start = contract.index("  socket_timeout:")
    _write(tmp_path, contract[:start] + contract[contract.index("  replay_catchup", start) :], "contract.yaml")
    text = DRIFT.replace("  - no_other_alerts", f"  - {expectation}: {{alert: {TIMEOUT}}}\n  - no_other_alerts")
    text = text.replace("timeline:", "monitoring: {contract: contract.yaml}\ntimeline:")
    verdict = _rehearse(tmp_path, _write(tmp_path, text), code=4)
    assert verdict["verdict"] == "INCONCLUSIVE"
    assert _alerts(verdict)[TIMEOUT]["state"] == "no_data"
    assert "openagents_runtime_sync_socket_timeout_count" in verdict["reasons"][0]


def test_a_rule_whose_label_matches_nothing_is_no_data_and_not_quiet(tmp_path: Path) -> None:
    rules = find_file("rules", "openagents-runtime").read_text().replace('status="timeout"', 'status="timed_out"')
    _write(tmp_path, rules, "rules.yaml")
    text = DRIFT.replace("  - no_other_alerts", f"  - silent: {{alert: {TIMEOUT}}}")
    verdict = _rehearse(tmp_path, _write(tmp_path, text), "--rules", "rules.yaml", code=4)
    assert _alerts(verdict)[TIMEOUT]["state"] == "no_data"


def test_a_fault_that_touched_nobody_makes_the_rehearsal_invalid(tmp_path: Path) -> None:
    text = DRIFT.replace("level: 0.6", "level: 0")
    verdict = _rehearse(tmp_path, _write(tmp_path, text), code=3)
    assert verdict["reasons"] == ["auth.key-drift@5m reached no client"]


def test_a_control_cohort_that_suffers_makes_the_rehearsal_invalid(tmp_path: Path) -> None:
    text = DRIFT.replace("timeline:", "conditions: {verifier.audience: somebody-else}\ntimeline:")
    verdict = _rehearse(tmp_path, _write(tmp_path, text), code=3)
    assert any("no injection reached were refused" in reason for reason in verdict["reasons"])


def test_without_prometheus_the_samples_are_kept_and_the_way_to_get_it_is_named(tmp_path: Path) -> None:
    scenario = _write(tmp_path, DRIFT)
    done = _syncstorm("rehearse", scenario, "--out", "out", cwd=tmp_path, PATH="", SYNCSTORM_TOOLS=str(tmp_path))
    assert done.returncode == 3, done.stdout + done.stderr
    assert (tmp_path / "out/metrics.om").stat().st_size > 10_000
    verdict = json.loads((tmp_path / "out/verdict.json").read_text())
    assert verdict["verdict"] == "INVALID"
    assert "syncstorm doctor --fetch" in verdict["reasons"][0] or "install" in verdict["reasons"][0]
    assert "Traceback" not in done.stderr


def test_json_is_the_verdict_and_nothing_else(tmp_path: Path) -> None:
    done = _syncstorm("rehearse", _write(tmp_path, DRIFT), "--json", "--out", "out", cwd=tmp_path)
    assert json.loads(done.stdout) == json.loads((tmp_path / "out/verdict.json").read_text())
    assert done.stderr == ""


def test_several_scenarios_are_left_in_a_folder_each_and_the_worst_gives_the_exit_code(
    tmp_path: Path,
) -> None:
    good = _write(tmp_path, DRIFT)
    bad = _write(tmp_path, DRIFT.replace("scenario: drift", "scenario: late").replace("13m", "2m"), "late.yaml")
    done = _syncstorm("rehearse", good, bad, "--out", "both", "--json", cwd=tmp_path)
    assert done.returncode == 1
    assert [entry["verdict"] for entry in json.loads(done.stdout)] == ["PASS", "FAIL"]
    assert {folder.name for folder in (tmp_path / "both").iterdir()} == {"drift-3", "late-3"}


def test_overrides_change_scenario_keys_and_knobs(tmp_path: Path) -> None:
    scenario = _write(tmp_path, DRIFT)
    verdict = _rehearse(tmp_path, scenario, "--set", "fleet.clients=60", "issuer.ttl=2m", "seed=9", code=0)
    assert (verdict["clients"], verdict["seed"]) == (60, 9)


def test_a_second_run_replaces_the_files_of_the_first(tmp_path: Path) -> None:
    scenario = _write(tmp_path, DRIFT)
    first = _rehearse(tmp_path, scenario, code=0)
    second = _rehearse(tmp_path, scenario, code=0)
    assert first["digest"] == second["digest"]


def test_a_folder_that_holds_something_else_is_left_alone(tmp_path: Path) -> None:
    scenario = _write(tmp_path, DRIFT)
    done = _syncstorm("rehearse", scenario, "--out", ".", cwd=tmp_path)
    assert done.returncode == 2
    assert "holds no earlier rehearsal" in done.stderr
    assert (tmp_path / scenario).exists()


def _start(folder: Path, *arguments: str) -> tuple[subprocess.Popen[str], Path]:
    """Start a rehearsal with a temporary folder of its own, so that whatever it leaves can be seen."""
    scratch = folder / "scratch"
    scratch.mkdir()
    process = subprocess.Popen(
        _command("rehearse", *arguments, "--out", "out"),
        cwd=folder,
        env=_environment(TMPDIR=str(scratch)),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    return process, scratch


def _wait_for(condition: Any, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.01)


def _journal(folder: Path) -> Sequence[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "out/journal.jsonl").read_text().splitlines()]


def test_an_interrupt_while_simulating_keeps_the_journal_and_exits_130(tmp_path: Path) -> None:
    process, scratch = _start(tmp_path, "tabletop", "--set", "fleet.clients=20000")
    journal = tmp_path / "out/journal.jsonl"
    _wait_for(lambda: journal.exists() and journal.stat().st_size > 0, process)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert errors.strip() == "syncstorm: interrupted"
    assert [entry["event"] for entry in _journal(tmp_path)][-1] == "interrupted"
    _wait_until_gone(scratch)


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGKILL, -signal.SIGKILL)]
)
def test_whatever_ends_the_command_ends_its_prometheus_too(tmp_path: Path, number: signal.Signals, code: int) -> None:
    process, scratch = _start(tmp_path, "calm", "--set", "duration=12h", "fleet.clients=20")
    _wait_for(lambda: any("prometheus" in line for line in _processes_naming(scratch)), process)
    process.send_signal(number)
    process.communicate(timeout=60)
    assert process.returncode == code
    _wait_until_gone(scratch)
    assert (tmp_path / "out/metrics.om").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["rehearse", "tabeltop"], "did you mean 'tabletop'?"),
        (["rehearse", "nowhere/x.yaml"], "no such file: nowhere/x.yaml"),
        (["rehearse", "calm", "--set", "fleet.client=3"], "did you mean 'clients'?"),
        (["rehearse", "calm", "--set", "issuer.tll=3"], "did you mean 'issuer.ttl'?"),
        (["rehearse", "calm", "--set", "nonsense"], "is not KEY=VALUE"),
        (["rehearse", "calm", "--rules", "nowhere.yaml"], "nowhere.yaml"),
        (["rehearse", "calm", "calm.yaml"], "calm.yaml"),
        (["faults", "auth.key-drif"], "did you mean 'auth.key-drift'?"),
        (["schema", "scenarios"], "did you mean 'scenario'?"),
        (["serve", "--contract", "openagents-kala"], "did you mean 'openagents-khala'?"),
    ],
)
def test_bad_input_gets_one_line_and_exit_code_2(tmp_path: Path, arguments: list[str], message: str) -> None:
    done = _syncstorm(*arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert message in done.stderr
    assert not any(tmp_path.iterdir())


def test_an_expected_alert_that_no_rule_defines_is_named_with_its_line(tmp_path: Path) -> None:
    scenario = _write(tmp_path, DRIFT.replace("RatioHigh", "RatioHih"))
    done = _syncstorm("rehearse", scenario, cwd=tmp_path)
    assert done.returncode == 2
    assert f"drift.yaml:9: expect[0].fires.alert: unknown alert '{AUTH[:-2]}h'" in done.stderr
    assert f"did you mean '{AUTH}'?" in done.stderr
