"""A zoo of rules that behave badly, each with a twin that does not, audited once for all tests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import pytest

from faults import load_faults
from simulator.audit.auditing import Result, audit
from simulator.audit.checks import BEHAVIOURAL
from simulator.audit.preparing import Request, prepare

if TYPE_CHECKING:
    from simulator.audit.finding import Finding

AUTH, TIMEOUTS = "openagents_runtime_sync_socket_auth_count", "openagents_runtime_sync_socket_timeout_count"
STALE = "openagents_runtime_sync_replay_catchup_duration_ms_count"
MINT = "openagents_laravel_khala_token_mint_total"


SMALL = "{scenario: small, duration: 1h, fleet: {clients: 60}}"


@dataclass(frozen=True)
class Pair:
    """A broken rule and its fixed twin, as expression and hold, and the kind that the broken one is of."""

    kind: str
    broken: tuple[str, str]
    fixed: tuple[str, str]

    def rules(self, number: int) -> str:
        """Return both as rules of a file."""
        return "".join(
            f"""
      - alert: {name}{number}
        expr: '{expr}'
        for: {hold.partition(" ")[0]}
{"        keep_firing_for: " + hold.partition(" ")[2] if " " in hold else ""}"""
            for name, (expr, hold) in (("Broken", self.broken), ("Fixed", self.fixed))
        )


def _ratio(error: str, everything: str, window: str) -> str:
    return f"sum(rate({error}[{window}])) / sum(rate({everything}[{window}]))"


ERRORS, MINT_ERRORS = f'{AUTH}{{status="error"}}', f'{MINT}{{result="error"}}'
TIMED_OUT = f'{TIMEOUTS}{{status="timeout"}}'
PAIRS = (
    Pair(
        "cannot-fire",
        (f"{_ratio(MINT_ERRORS, MINT, '5m')} > 5", "2m"),
        (f"100 * {_ratio(MINT_ERRORS, MINT, '5m')} > 5", "2m"),
    ),
    Pair(
        "cannot-fire",
        (f"sum(rate({TIMED_OUT}[5m])) > 500", "2m"),
        (f"sum(rate({TIMED_OUT}[5m])) > 0.1", "2m"),
    ),
    Pair(
        "fires-in-calm",
        ("sum(rate(done_total[5m])) / clamp_min(sum(rate(begun_total[5m])), 1) < 0.95", "2m"),
        ("sum(rate(done_total[5m])) / sum(rate(begun_total[5m])) < 0.95", "2m"),
    ),
    Pair(
        "traffic-floor",
        (f"sum(rate({MINT_ERRORS}[5m])) / clamp_min(sum(rate({MINT}[5m])), 1) > 0.05", "2m"),
        (f"{_ratio(MINT_ERRORS, MINT, '5m')} > 0.05 and sum(increase({MINT}[5m])) >= 20", "2m"),
    ),
    Pair(
        "hold-outlasts-range",
        (f"{_ratio(MINT_ERRORS, MINT, '5m')} > 0.05", "10m"),
        (f"{_ratio(MINT_ERRORS, MINT, '5m')} > 0.05", "2m"),
    ),
    Pair(
        "hold-outlasts-range",
        ('sum by (shard) (rate(jobs_total{result!="ok"}[2m])) > 1', "5m"),
        ('sum by (shard) (rate(jobs_total{result!="ok"}[10m])) > 1', "5m"),
    ),
    Pair(
        "burst-unseen",
        ("sum(rate(dropped_total[5m])) > 0.2", "5m"),
        ("sum(rate(dropped_total[5m])) > 0.2", "1m"),
    ),
    Pair(
        "birth-unseen",
        ('sum(increase(mismatch_total{kind=~"hash|lag"}[10m])) > 0', "1m"),
        (
            (
                '(sum(increase(mismatch_total{kind=~"hash|lag"}[10m])) or vector(0)) '
                '+ (sum(mismatch_total{kind=~"hash|lag"} unless mismatch_total{kind=~"hash|lag"} offset 10m) '
                "or vector(0)) > 0"
            ),
            "1m",
        ),
    ),
    Pair(
        "range-too-short",
        ("sum(rate(refused_total[20s])) > 1", "0s"),
        ("sum(rate(refused_total[5m])) > 1", "0s"),
    ),
    Pair(
        "scrape-resets-hold",
        ("max(queue_depth) > 40", "5m"),
        ("max(min_over_time(queue_depth[1m])) > 40", "5m"),
    ),
    Pair(
        "scrape-resets-hold",
        ("sum(rate(evicted_total[30s])) > 1", "5m"),
        ("sum(rate(evicted_total[10m])) > 1", "5m"),
    ),
    Pair(
        "re-fires",
        ("sum(rate(slow_total[1m])) > 0.05", "0s"),
        ("sum(rate(slow_total[1m])) > 0.05", "0s 15m"),
    ),
    Pair(
        "never-resolves",
        ('sum(lost_total{level="bad"}) > 100', "0s"),
        ('sum(increase(lost_total{level="bad"}[10m])) > 100', "0s"),
    ),
    Pair(
        "restart-fires",
        ("rate(sum(crash_total)[5m:15s]) > 1", "0s"),
        ("sum(rate(crash_total[5m])) > 1", "0s"),
    ),
    Pair(
        "diluted-ratio",
        (f"{_ratio(ERRORS, AUTH, '5m')} > 0.3", "2m"),
        (f"sum(rate({ERRORS}[5m])) > 0.5", "2m"),
    ),
    Pair(
        "fires-in-calm",
        (f'1 - sum(rate({AUTH}{{status="ok"}}[5m])) / clamp_min(sum(rate({AUTH}[5m])), 1) > 0.1', "2m"),
        (f"sum(rate({ERRORS}[5m])) > 0.2", "2m"),
    ),
)


@dataclass(frozen=True)
class Zoo:
    """What an audit says of the zoo."""

    result: Result

    def of(self, alert: str) -> list[Finding]:
        """Return the findings about one alert."""
        return [one for one in self.result.findings if alert in (one.where.subject, *(w.subject for w in one.also))]


class Auditor(Protocol):
    """Audits the behaviour of the rules of one group, by the text of a scenario."""

    def __call__(self, rules: str, scenario: str = SMALL) -> Result:
        """Return what it says."""
        ...


@pytest.fixture(scope="session")
def audit_rules(tmp_path_factory: pytest.TempPathFactory) -> Auditor:
    """Return a function that audits rules."""

    def run(rules: str, scenario: str = SMALL) -> Result:
        folder = tmp_path_factory.mktemp("rules")
        file = folder / "rules.yaml"
        file.write_text(f"groups:\n  - name: zoo\n    rules:{rules}\n", encoding="utf-8")
        (folder / "scenario.yaml").write_text(scenario, encoding="utf-8")
        return audit(prepare(Request((file,), str(folder / "scenario.yaml")), load_faults()), BEHAVIOURAL)

    return run


@pytest.fixture(scope="session")
def zoo(audit_rules: Auditor) -> Zoo:
    """Return what an audit says of every pair, all in one file."""
    rules = "".join(pair.rules(number) for number, pair in enumerate(PAIRS))
    return Zoo(audit_rules(rules))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test once for each pair."""
    if "pair" in metafunc.fixturenames:
        names = [f"{number}-{pair.kind}" for number, pair in enumerate(PAIRS)]
        metafunc.parametrize(("number", "pair"), list(enumerate(PAIRS)), ids=names)
