"""Rules that look odd and are right are accused of nothing."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from simulator.audit.preparing import Request
from tests.audit.static.conftest import static_audit
from tests.audit.static.zoo import AUTH, STALE, TOLD, alert

if TYPE_CHECKING:
    from pathlib import Path

    from simulator.audit.auditing import Result

LAG = "openagents_runtime_sync_replay_lag_events"
EACH = "{{ range query `up == 0` }}{{ .Labels.rack }}{{ end }}"
SOUND = {
    "AnyLabelOfAnAlert": alert('count(ALERTS{component="khala", alertstate="firing"}) > 3'),
    "LabelsOfAQuery": alert("sum(up) < 1", annotations={"description": EACH}),
    "LabelsOfWhatIsAbsent": alert('absent(up{job="x"})', annotations={"description": "{{ $labels.job }}"}),
    "AGroupOfAPattern": alert(f'label_replace(sum by (status) ({AUTH}), "s", "$1", "status", "(.).*") > 1e9'),
    "NothingAsZero": alert(f'(sum(rate({AUTH}{{status="error"}}[5m])) or vector(0)) / 2 > 1'),
    "APattern": alert(f'sum(rate({AUTH}{{reason_class=~"unknown.*|.+_claims"}}[5m])) > 2'),
    "AnyVersion": alert(f'sum by (app_version) (rate({TOLD}{{app_version="9.9"}}[5m])) > 3'),
    "AnyTopic": alert(f'max by (event_type) ({LAG}{{event_type=~"run.+"}}) > 4'),
    "ALabelOfTheOtherSide": alert(f"rate({AUTH}[5m]) * on (instance) group_left (job) up > 5"),
    "AFilterThatDependsOnNothing": alert(f"sum by (status) (rate({STALE}[5m])) > 6 and on () sum(up) > 0"),
    "ARatioOfThePast": alert(f"sum(rate({AUTH}[5m])) / sum(rate({AUTH}[5m] offset 1d)) > 7"),
    "TheBestThree": alert(f"topk(3, sum by (reason_class) (rate({AUTH}[5m]))) > 8"),
    "WhatPrometheusWrites": alert("max by (job) (scrape_duration_seconds) > 9"),
    "WithoutALabel": alert(f'sum(rate({AUTH}{{cluster=""}}[5m])) > 10'),
    "AMaximumOverTime": alert(f"max_over_time(sum(rate({AUTH}[5m]))[1h:5m]) > 11"),
    "TwiceByLabel": alert(f"sum by (status) (rate({AUTH}[7m])) > 12", labels={"team": "{{ $labels.status }}"}),
    "AnEarlierWarning": alert(f"sum(rate({AUTH}[9m])) > 13"),
    "ALaterPage": alert(f"sum(rate({AUTH}[9m])) > 14", labels={"severity": "critical"}),
    "FasterIfWorse": alert(f"sum(rate({AUTH}[11m])) > 13", labels={"severity": "critical"}, **{"for": "1h"}),
    "SlowerIfMild": alert(f"sum(rate({AUTH}[11m])) > 15"),
    "AFormattedNumber": alert(f"sum(rate({AUTH}[5m])) > 16", annotations={"description": "{{ $value | humanize }}"}),
}


def rules(folder: Path, chosen: dict[str, object]) -> Path:
    """Write rules as a file."""
    file = folder / "rules.yaml"
    file.write_text(json.dumps({"groups": [{"name": "sound", "rules": list(chosen.values())}]}, indent=1))
    return file


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Result:
    folder = tmp_path_factory.mktemp("sound")
    named: dict[str, object] = {name: {"alert": name} | rule for name, rule in SOUND.items()}
    return static_audit(Request((rules(folder, named),), contract="openagents-khala"))


@pytest.mark.parametrize("name", SOUND)
def test_a_rule_that_looks_odd_and_is_right_is_accused_of_nothing(sound: Result, name: str) -> None:
    assert [one.problem for one in sound.findings if one.where.subject == name] == []


def test_what_promtool_does_not_confirm_is_not_hidden_among_them(sound: Result) -> None:
    assert [gap.reason for gap in sound.unchecked] == ["no --runbooks were given", "no --dashboards were given"]


def test_of_one_moments_metrics_a_label_or_a_value_more_is_no_error(tmp_path: Path) -> None:
    seen = tmp_path / "metrics.txt"
    seen.write_text('requests_total{code="200"} 5\n')
    found = static_audit(
        Request(
            (
                rules(
                    tmp_path,
                    {
                        "a": {"alert": "A"} | alert('sum(rate(requests_total{cluster="eu"}[5m])) > 1'),
                        "b": {"alert": "B"} | alert('sum(rate(requests_total{code="500"}[5m])) > 1'),
                    },
                ),
            ),
            metrics=str(seen),
        )
    ).findings

    assert [(one.where.subject, one.kind.name, one.severity) for one in found] == [
        ("A", "label-missing", "warning"),
        ("B", "label-value-missing", "info"),
    ]
