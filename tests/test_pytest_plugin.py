"""The pytest plugin, in suites of its users: what passes, what fails and says why, and what it costs everybody else."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

pytest_plugins = ["pytester"]

RULES = """
groups:
  - name: mine
    rules:
      - alert: Refused
        expr: sum(rate(openagents_runtime_sync_socket_auth_count{status="error"}[2m])) > 0.05
        for: 1m
      - alert: Slow
        expr: sum(rate(openagents_runtime_sync_socket_auth_count{status="error"}[2m])) > 0.05
        for: 20m
      - {alert: TimedOut, expr: 'sum(rate(openagents_runtime_sync_socket_timeout_count[2m])) > 5'}
      - {alert: Blind, expr: 'sum(rate(nobody_writes_this[2m])) > 5'}
"""
SCENARIO = """
scenario: refused
duration: 15m
fleet: {clients: 20}
timeline: [{at: 3m, inject: auth.missing-token, for: 5m}]
expect: [fires: {alert: Refused, within: 6m}, silent: {alert: TimedOut}]
"""
UNREACHED = SCENARIO.replace("refused", "unreached").replace(
    "timeline: [", "timeline: [{at: 3m, set: {network.latency: 250ms}, share: 0.01, for: 2m}, "
)

SUITE = """
import sys
import pytest

def test_until_it_is_used_nothing_is_imported(pytestconfig):
    assert pytestconfig.pluginmanager.has_plugin("syncstorm")
    ours = {name for name in sys.modules if name.split(".")[0] in ("simulator", "faults")}
    assert ours == {"simulator", "simulator.pytest_plugin"}
    assert not {"numpy", "plotly", "pydantic", "ruamel", "httpx", "typer"} & sys.modules.keys()

@pytest.fixture
def refused(rehearse):
    return rehearse("scenarios/refused.yaml", rules="rules.yaml")

def test_true(refused):
    assert refused.fired("Refused")
    assert refused.fired("Refused", within="6m", resolves_within="10m")
    assert refused.resolved("Refused")
    assert refused.resolved("Refused", within="5m")
    assert refused.silent("TimedOut")
    assert not refused.fired("TimedOut")
    assert not refused.fired("Slow")
    assert not refused.silent("Refused")
    assert refused.passed
    assert refused.verdict == "PASS"

def test_once(refused, rehearse, tmp_path):
    assert rehearse("scenarios/refused.yaml", rules=["rules.yaml"], set={"fleet.clients": 20}) is refused

def test_other(refused, rehearse):
    other = rehearse("scenarios/refused.yaml", rules="rules.yaml", seed=2, set={"fleet.clients": 21})
    assert (other.report.seed, other.report.clients) == (2, 21)
    assert other.folder.name == "refused-2"

def test_late(refused):
    assert refused.fired("Refused", within="1m")

def test_not_silent(refused):
    assert refused.silent("Refused")

def test_pending(refused):
    assert refused.fired("Slow")

def test_low(refused):
    assert refused.fired("TimedOut")

def test_not_over(refused):
    assert refused.resolved("Refused", within="1s")

def test_blind_silent(refused):
    assert refused.silent("Blind")

def test_blind_not_fired(refused):
    assert not refused.fired("Blind")

def test_misspelt(refused):
    assert refused.silent("Refuse")

def test_misspelt_injection(refused):
    assert refused.fired("Refused", injection="auth.missing-token")

def test_no_time(refused):
    assert refused.fired("Refused", within="13 m")

def test_misspelt_scenario(rehearse):
    rehearse("auth-key-drif")

def test_no_rules(rehearse):
    rehearse("calm", rules="rulez.yaml")

def test_broken(rehearse):
    rehearse("scenarios/unreached.yaml", rules="rules.yaml")

def test_others_expectations(rehearse):
    small = {"fleet.clients": 20, "duration": "10m"}
    rehearsed = rehearse("calm", rules="rules.yaml", set=small)
    assert rehearsed.silent("Refused")
    assert rehearsed.passed
"""

MESSAGES = {
    "late": "assert <no: Refused fired at 5m45s, 2m45s after auth.missing-token@3m began: later than 1m>",
    "not_silent": "assert <no: Refused fired at 5m45s>",
    "pending": "assert <no: Slow became pending, but did not fire; longest pending 5m, from 4m45s on, came to 0.3",
    "low": "assert <no: TimedOut stayed silent; came to 0, and its threshold is 5>",
    "not_over": "after its end: later than 1s>",
    "blind_silent": "NoData: Blind: no data: nothing matched nobody_writes_this; so nobody can say what it would",
    "blind_not_fired": "NoData: Blind: no data: nothing matched nobody_writes_this",
    "misspelt": "InputError: unknown alert 'Refuse' (did you mean 'Refused'?)",
    "misspelt_injection": "InputError: unknown injection 'auth.missing-token' (did you mean 'auth.missing-token@3m'?)",
    "no_time": "InputError: within: '13 m' is not a duration; write it like 15s, 5m or 1h30m",
    "misspelt_scenario": "did you mean 'auth-key-drift'?",
    "no_rules": "rulez.yaml: no such file",
    "broken": "RehearsalInvalid: unreached: the rehearsal is INVALID: set network.latency=250ms@3m reached no client",
    "others_expectations": "unknown alert 'OpenAgentsRuntimeSyncSocketAuthFailureRatioHigh'",
}


@pytest.fixture
def suite(pytester: pytest.Pytester) -> pytest.Pytester:
    """Return somebody's project with rules, scenarios and strict settings."""
    pytester.makefile(".yaml", rules=RULES, **{"scenarios/refused": SCENARIO, "scenarios/unreached": UNREACHED})
    pytester.makeini("[pytest]\naddopts = --strict-config --strict-markers\nfilterwarnings = error\n")
    return pytester


@pytest.fixture
def run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Callable[..., pytest.RunResult]:
    """Return a function that runs the project's tests."""
    root = Path(__file__).parents[1]
    monkeypatch.setenv("SYNCSTORM_TOOLS", str(root / ".tools"))
    monkeypatch.delenv("PYTEST_XDIST_WORKER", raising=False)
    return lambda *arguments: pytester.runpytest_subprocess("-p", "no:xdist", *arguments)


def test_answers_are_true_or_say_why_not_and_what_cannot_be_said_is_an_error(
    suite: pytest.Pytester, run: Callable[..., pytest.RunResult]
) -> None:
    suite.makepyfile(test_rules=SUITE)
    result = run("--syncstorm-out", "left")
    result.assert_outcomes(passed=4, failed=len(MESSAGES))
    text = result.stdout.str()
    for name, message in MESSAGES.items():
        section = re.search(rf"^_+ test_{name} _+$(.*?)^(?:_+ test_\w+ _+|=+ .* =+)$", text, re.MULTILINE | re.DOTALL)
        assert section is not None, name
        assert message in section[1], section[1]
        assert "simulator/" not in section[1].split("\nE ")[0], "only the user's own lines are shown"
    # Each once: the suite's, the other seed's, the broken one's, the calm one's.
    folders = sorted(folder.name for folder in (suite.path / "left").iterdir())
    assert folders == ["calm-7", "refused-1", "refused-2", "unreached-1"]
    assert (suite.path / "left" / "refused-1" / "report.md").exists()


def test_without_prometheus_a_test_fails_and_says_how_to_get_it(
    suite: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    suite.makepyfile(
        """
        def test_it(rehearse):
            assert rehearse("scenarios/refused.yaml", rules="rules.yaml").silent("TimedOut")
        """
    )
    monkeypatch.setenv("SYNCSTORM_TOOLS", "/nonexistent")
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent))
    result = suite.runpytest_inprocess("-p", "no:xdist")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["E *RehearsalInvalid: refused: the rehearsal is INVALID: prom* is not installed*"])


def test_the_help_has_the_option(pytester: pytest.Pytester) -> None:
    pytester.runpytest_inprocess("--help").stdout.fnmatch_lines(["syncstorm:", "  --syncstorm-out=DIR*"])
