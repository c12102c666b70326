"""`syncstorm reproduce`: from what a real Prometheus recorded to a scenario that rehearses, and what is refused."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from faults import load_faults
from simulator import rehearsal as rehearsals
from simulator.alerting.backfill import write_openmetrics
from simulator.alerting.prometheus import PrivatePrometheus
from simulator.drivers.virtual import run_virtual
from simulator.scenario.loading import load_scenario
from simulator.scenario.timeline import list_injections
from tests.app import app

if TYPE_CHECKING:
    from pathlib import Path

KNOWN = """
scenario: known
seed: 21
duration: 20m
fleet: {clients: 100}
timeline: [{at: 8m, inject: auth.wrong-secret, level: 0.6, for: 6m}]
expect: [no_other_alerts]
"""


def run(*arguments: str, code: int = 0) -> str:
    done = CliRunner().invoke(app, ["reproduce", *arguments], env={"COLUMNS": "150"})
    assert done.exit_code == code, done.output
    return done.output


def test_an_incident_that_a_prometheus_recorded_becomes_a_scenario_that_rehearses_alike(tmp_path: Path) -> None:
    known = tmp_path / "known.yaml"
    known.write_text(KNOWN)
    prepared = rehearsals.prepare(str(known), load_faults())
    write_openmetrics(prepared.contract.expose(run_virtual(prepared.plan).recording), tmp_path / "metrics.om")
    made = tmp_path / "made.yaml"
    with PrivatePrometheus(tmp_path / "metrics.om") as prometheus:
        url = f"http://me:my-password@{prometheus.address}"
        text = run(
            "--prometheus",
            url,
            "--from",
            "0",
            "--to",
            "1196",
            "--out",
            str(made),
        )
    assert "auth.wrong-secret: from" in text
    loaded = load_scenario(str(made))
    (injection,) = list_injections(loaded, load_faults())
    assert injection.fault_name == "auth.wrong-secret"
    assert abs(injection.at - 480) <= 30
    assert abs(injection.until - 840) <= 30
    assert abs(loaded.scenario.fleet.clients - 100) <= 10
    assert "my-password" not in made.read_text()
    assert "# Distance from the recording" in made.read_text()
    verdict = rehearsals.run(rehearsals.prepare(str(made), load_faults()), tmp_path / "out")
    assert (verdict.verdict, verdict.reasons[0].partition(":")[0]) == (
        "PASS",
        "socket_auth error invalid_signature in all",
    )


def test_a_recording_of_calm_says_that_nothing_is_to_be_explained(tmp_path: Path) -> None:
    prepared = rehearsals.prepare("calm", load_faults(), overrides={"fleet.clients": "40", "duration": "8m"})
    result = [
        {
            "metric": {"__name__": series.name, **dict(series.labels)},
            "values": [[at, str(value)] for at, value in zip(exposition.times, series.values, strict=True)],
        }
        for exposition in (prepared.contract.expose(run_virtual(prepared.plan).recording),)
        for series in exposition.series()
    ]
    (tmp_path / "calm.json").write_text(json.dumps({"data": {"result": result}}))
    text = run(str(tmp_path / "calm.json"), "--out", str(tmp_path / "made.yaml"), code=1)
    assert "nothing in the recording is further from calm than chance brings it" in " ".join(text.split())
    assert not (tmp_path / "made.yaml").exists()


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ([], "either one Prometheus to ask, or there are files to read"),
        (["x.json", "--prometheus", "http://127.0.0.1:9"], "either one Prometheus to ask"),
        (["--prometheus", "http://127.0.0.1:9", "--to", "5"], "--from: is missing"),
        (["--prometheus", "http://127.0.0.1:9", "--from", "noon", "--to", "5"], "--from: 'noon' is no instant"),
        (["--prometheus", "http://127.0.0.1:9", "--from", "9", "--to", "5"], "--to: is not after --from"),
        (["gone.json"], "is not JSON that can be read"),
        (["x.json", "--contract", "openagents-runtim"], "did you mean 'openagents-runtime'?"),
    ],
)
def test_what_does_not_fit_is_one_line_and_writes_nothing(tmp_path: Path, arguments: list[str], problem: str) -> None:
    out = tmp_path / "made.yaml"
    text = run(*arguments, "--out", str(out), code=2)
    assert problem in " ".join(text.split())
    assert len(text.strip().splitlines()) == 1
    assert not out.exists()


def test_a_prometheus_that_is_not_there_is_named(tmp_path: Path) -> None:
    out = str(tmp_path / "made.yaml")
    text = run("--prometheus", "http://127.0.0.1:9", "--from", "0", "--to", "900", "--out", out, code=3)
    assert "127.0.0.1:9" in text


def test_a_file_that_is_there_already_is_not_overwritten(tmp_path: Path) -> None:
    out = tmp_path / "made.yaml"
    out.write_text("mine")
    assert "is there already" in run("x.json", "--out", str(out), code=2)
    assert out.read_text() == "mine"
