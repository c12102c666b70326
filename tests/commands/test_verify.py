"""`syncstorm verify`: a line, a test case and an exit code for every verdict; wrong input; and nothing left behind."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from typer.testing import CliRunner

from tests.app import app
from tests.commands.own_rules import RULES as OWN_RULES

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[2]

RULES = f"""{OWN_RULES}      - {{alert: Blind, expr: 'sum(rate(nobody_writes_this[2m])) > 5'}}
"""
SCENARIO = """
scenario: {name}
duration: 12m
fleet: {{clients: 20}}
timeline: [{timeline}]
expect: [{expect}]
"""
REFUSED = "{at: 3m, inject: auth.missing-token, for: 5m}"
UNREACHED = "{at: 3m, set: {network.latency: 250ms}, share: 0.01, for: 2m}"
FIRES = "fires: {alert: Refused, within: 6m}"
MEASURES = "measures: {what: a number, query: vector(3), at: 5m, equals: 3}"
SCENARIOS = {
    "pass": (REFUSED, f"{FIRES}, silent: {{alert: TimedOut}}, {MEASURES}"),
    "fail": (REFUSED, f"silent: {{alert: TimedOut}}, silent: {{alert: Refused}}, {FIRES}"),
    "invalid": (f"{REFUSED}, {UNREACHED}", FIRES),
    "inconclusive": (REFUSED, f"{FIRES}, silent: {{alert: Blind}}"),
    "only-measures": (REFUSED, MEASURES),
}


class Done(NamedTuple):
    """A verification that has ended."""

    code: int
    text: str
    suite: ET.Element
    folder: Path

    def cases(self) -> dict[str, tuple[str, ...]]:
        """Return what each test case has beside its name: nothing, a failure or an error."""
        return {case.attrib["name"]: tuple(child.tag for child in case) for case in self.suite}

    def lines(self, begin: str) -> list[str]:
        """Return the printed lines that begin with a word."""
        return [line for line in self.text.splitlines() if line.startswith(begin)]


def write(folder: Path, name: str, clients: int = 20, duration: str = "12m") -> str:
    """Write one of the scenarios, and return its file."""
    timeline, expect = SCENARIOS[name]
    entries = ", ".join(f"{{{entry}}}" for entry in re.split(r", (?=silent|fires|measures)", expect))
    text = SCENARIO.format(name=name, timeline=timeline, expect=entries)
    file = folder / f"{name}.yaml"
    file.write_text(text.replace("clients: 20", f"clients: {clients}").replace("12m", duration))
    return str(file)


def run(folder: Path, *arguments: str, **environment: str) -> Done:
    """Verify in this process, as far as it is a single scenario."""
    report = folder / "junit.xml"
    given = ["verify", *arguments, "--junit", str(report), "--out", str(folder / "out")]
    done = CliRunner().invoke(app, given, env={"COLUMNS": "80", **environment})
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return Done(done.exit_code, done.output, ET.fromstring(report.read_text())[0], folder)


@pytest.fixture(scope="module")
def verified(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Done]:
    """Return a function that verifies one of the scenarios, each once."""
    found: dict[str, Done] = {}

    def verify(name: str) -> Done:
        if name not in found:
            folder = tmp_path_factory.mktemp(name)
            (folder / "rules.yaml").write_text(RULES)
            found[name] = run(folder, str(folder / "rules.yaml"), write(folder, name))
        return found[name]

    return verify


@pytest.mark.parametrize(
    ("name", "code", "counts"),
    [
        ("pass", 0, (4, 0, 0)),
        ("fail", 1, (4, 1, 0)),
        ("invalid", 3, (2, 0, 2)),
        ("inconclusive", 4, (3, 0, 1)),
        ("only-measures", 4, (2, 0, 1)),
    ],
)
def test_every_verdict_has_its_exit_code_and_its_counts(
    verified: Callable[[str], Done], name: str, code: int, counts: tuple[int, int, int]
) -> None:
    done = verified(name)
    assert done.code == code, done.text
    assert tuple(int(done.suite.attrib[key]) for key in ("tests", "failures", "errors")) == counts


def test_what_is_met_is_a_line_that_begins_with_pass(verified: Callable[[str], Done]) -> None:
    done = verified("pass")
    first, second, third = done.lines("PASS ")
    assert first.startswith("PASS          pass: Refused fires within 6m: fired at ")
    assert second == "PASS          pass: TimedOut stays silent: stayed silent"
    assert third.startswith("PASS          pass: a number: 3")
    assert "\x1b" not in done.text
    assert set(done.cases().values()) == {()}
    assert "-- 2 of 3 alerts fired nowhere: TimedOut, Blind" in done.text


def test_the_rehearsals_files_are_where_the_line_says(verified: Callable[[str], Done]) -> None:
    done = verified("pass")
    found = re.search(r"^-- pass: PASS in \d+\.\d s, files: (.*)$", done.text, re.MULTILINE)
    assert found is not None
    verdict = json.loads((Path(found[1]) / "verdict.json").read_text())
    assert verdict["verdict"] == "PASS"


def test_the_case_of_the_rehearsal_has_its_time_and_the_others_say_where_they_stand(
    verified: Callable[[str], Done],
) -> None:
    done = verified("pass")
    rehearsal, *others = done.suite
    assert float(rehearsal.attrib["time"]) > 0
    assert {case.attrib["classname"] for case in done.suite} == {"pass"}
    file = done.folder / "pass.yaml"
    assert [case.attrib["file"] for case in done.suite] == [str(file)] * 4
    expect = next(n for n, line in enumerate(file.read_text().splitlines(), 1) if line.startswith("expect"))
    assert [case.attrib["line"] for case in others] == [str(expect)] * 3


def test_what_is_unmet_is_a_failure_and_says_what_happened(verified: Callable[[str], Done]) -> None:
    done = verified("fail")
    (line,) = done.lines("FAIL ")
    assert line.startswith("FAIL          fail: Refused stays silent: fired at ")
    assert done.cases() == {
        "rehearsal": (),
        "TimedOut stays silent": (),
        "Refused stays silent": ("failure",),
        "Refused fires within 6m": (),
    }
    assert "Refused stays silent: fired at" in done.suite[2][0].attrib["message"]


def test_nothing_of_an_invalid_rehearsal_passes(verified: Callable[[str], Done]) -> None:
    done = verified("invalid")
    assert done.lines("PASS ") == []
    reason, expectation = done.lines("INVALID ")
    assert "reached no client" in reason
    assert "Refused fires within 6m: fired at" in expectation
    assert set(done.cases().values()) == {("error",)}


def test_an_alert_without_data_is_an_error_and_no_pass(verified: Callable[[str], Done]) -> None:
    done = verified("inconclusive")
    (line,) = done.lines("INCONCLUSIVE ")
    assert line.endswith("Blind stays silent: no data: nothing matched nobody_writes_this")
    assert done.cases()["Blind stays silent"] == ("error",)


def test_a_scenario_that_expects_nothing_of_any_alert_shows_nothing_about_the_rules(
    verified: Callable[[str], Done],
) -> None:
    done = verified("only-measures")
    (line,) = done.lines("INCONCLUSIVE ")
    assert line.endswith("expects nothing of any alert, so nothing was shown about the rules")
    assert done.cases() == {"rehearsal": ("error",), "a number": ()}


def test_several_come_in_the_order_given_and_the_worst_decides(tmp_path: Path) -> None:
    """Also: the result as JSON, the same in several processes as in one."""
    (tmp_path / "rules.yaml").write_text(RULES)
    slow, fast = write(tmp_path, "fail", clients=60, duration="20m"), write(tmp_path, "pass")
    done = run(tmp_path, slow, str(tmp_path / "rules.yaml"), fast, "--json", "--jobs", "2")
    result: dict[str, Any] = json.loads(done.text)
    assert (done.code, result["result"]) == (1, "FAIL")
    assert [check["scenario"] for check in result["checks"]] == ["fail", "pass"]
    assert [check["result"] for check in result["checks"]] == ["FAIL", "PASS"]
    assert [check["rehearsal"]["verdict"] for check in result["checks"]] == ["FAIL", "PASS"]
    assert {case.attrib["classname"] for case in done.suite} == {"fail", "pass"}


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["rules.yaml", "tabeltop"], "did you mean 'tabletop'?"),
        (["rules.yaml"], "there is no scenario among these"),
        (["rules.yaml", "auth-key-drift"], "unknown alert 'OpenAgentsRuntimeSyncSocketAuthFailureRatioHigh'"),
        (["broken.yaml", "pass.yaml"], "broken.yaml:3: mine: A: "),
        (["templates.yaml", "pass.yaml"], "templates.yaml:5: mine: Refused: "),
        (["rules.yaml", "pass.yaml", "copy.yaml"], "two scenarios would both be left in pass-1"),
        (["rules.yaml", "pass.yaml", "--set", "fleet.client=3"], "did you mean 'clients'?"),
        (["rules.yaml", "live.yaml"], "live"),
    ],
)
def test_wrong_input_is_one_line_and_an_error_in_the_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], problem: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("rules.yaml").write_text(RULES)
    Path("broken.yaml").write_text("groups:\n  - name: mine\n    rules: [{alert: A, expr: 'sum(rate(x[5m]) > '}]\n")
    Path("templates.yaml").write_text(RULES.replace("        for: 1m", "        labels: {l: '{{ $labls.x }}'}"))
    write(tmp_path, "pass")
    Path("copy.yaml").write_text(Path("pass.yaml").read_text())
    Path("live.yaml").write_text(Path("pass.yaml").read_text().replace("auth.missing-token", "liveness.loop-stall"))
    done = run(tmp_path, *arguments)
    assert done.code == 2, done.text
    assert problem in done.text
    assert len(done.text.strip().splitlines()) == 1
    assert done.cases() == {"verify": ("error",)}
    assert problem in done.suite[0][0].attrib["message"]
    assert not (tmp_path / "out").exists()


def test_without_prometheus_nothing_is_simulated_and_the_line_says_how_to_get_it(tmp_path: Path) -> None:
    (tmp_path / "rules.yaml").write_text(RULES)
    nowhere = str(tmp_path / "nowhere")
    done = run(tmp_path, str(tmp_path / "rules.yaml"), write(tmp_path, "pass"), PATH=nowhere, SYNCSTORM_TOOLS=nowhere)
    assert done.code == 3
    assert "prometheus is not installed" in done.text
    assert done.cases() == {"verify": ("error",)}
    assert not (tmp_path / "out").exists()


def test_only_what_a_line_begins_with_has_a_colour_where_there_are_colours(tmp_path: Path) -> None:
    (tmp_path / "rules.yaml").write_text(RULES)
    done = run(tmp_path, str(tmp_path / "rules.yaml"), write(tmp_path, "pass"), FORCE_COLOR="1", TERM="xterm")
    second = done.text.splitlines()[1]
    assert second == "\x1b[1;32mPASS          \x1b[0mpass: TimedOut stays silent: stayed silent"


def test_a_report_that_cannot_be_written_is_told_before_anything_is_run(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    given = ["verify", write(tmp_path, "pass"), "--junit", str(tmp_path / "file" / "junit.xml")]
    done = CliRunner().invoke(app, given)
    assert done.exit_code == 2
    assert "cannot be written" in done.output


def test_an_interrupt_ends_every_scenario_and_leaves_no_process_and_no_report_of_success(tmp_path: Path) -> None:
    (tmp_path / "rules.yaml").write_text(RULES)
    (tmp_path / "junit.xml").write_text("<testsuites/>")  # an older one
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    files = [write(tmp_path, name, duration="12h") for name in ("pass", "fail")]
    tools = os.environ.get("SYNCSTORM_TOOLS", str(ROOT / ".tools"))
    environment = os.environ | {"TMPDIR": str(scratch), "SYNCSTORM_TOOLS": tools}
    command = [sys.executable, "-m", "simulator", "verify", "rules.yaml", *files, "--junit", "junit.xml"]
    with subprocess.Popen(
        command, cwd=tmp_path, env=environment, text=True, stderr=subprocess.PIPE, start_new_session=True
    ) as process:
        deadline = time.monotonic() + 60
        while process.poll() is None and time.monotonic() < deadline and not list(scratch.glob("*/log")):
            time.sleep(0.02)  # until the first Prometheus starts
        os.killpg(process.pid, signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (130, "syncstorm: interrupted\n")
    (case,) = ET.fromstring((tmp_path / "junit.xml").read_text())[0]
    assert case[0].attrib["message"] == "it did not finish"
    while time.monotonic() < deadline and list(scratch.iterdir()):
        time.sleep(0.05)
    assert list(scratch.iterdir()) == []
