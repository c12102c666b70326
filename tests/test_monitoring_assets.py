"""The alert rules and runbooks that the project ships: links resolve, expressions parse, nothing drifts."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import promql_parser
import pytest
from ruamel.yaml import YAML

from simulator.alerting.toolchain import find_tool

ROOT = Path(__file__).parents[1]
DATA = ROOT / "simulator" / "data"
FROZEN = sorted((ROOT / "tests" / "data").glob("*-rules.json"))
RUNBOOKS = sorted((DATA / "runbooks").glob("*.md"))
RULE_FILES = sorted((DATA / "rules").glob("*.yaml"))
PARTS = (
    "What it means",
    "What it cannot see",
    "Likely causes",
    "Triage",
    "Mitigation",
    "Exit criteria",
    "Escalate when",
)
REHEARSALS = {
    "OpenAgentsRuntimeSyncSocketAuthFailureRatioHigh": "auth-key-drift",
    "OpenAgentsRuntimeSyncSocketTimeoutRateHigh": "timeout-storm",
    "OpenAgentsRuntimeSyncStaleCursorSpike": "stale-cursor",
    "OpenAgentsKhalaWsAuthFailureRatioHigh": "khala-slo",
    "OpenAgentsKhalaReplayLagP95High": "khala-slo",
    "OpenAgentsKhalaStaleCursorRateHigh": "khala-slo",
    "OpenAgentsKhalaClientReconnectSpike": "khala-slo",
    "OpenAgentsKhalaClientAuthFailureByBuildHigh": "khala-slo",
}


def rules_of(file: Path) -> list[dict[str, Any]]:
    """Read the rules of a `PrometheusRule` file as plain data."""
    groups = YAML(typ="safe").load(file)["spec"]["groups"]
    return [rule for group in groups for rule in group["rules"]]


RULES = {rule["alert"]: rule for file in RULE_FILES for rule in rules_of(file)}


def sections(text: str) -> dict[str, str]:
    """Split a document by its headings, named by the anchors that GitHub gives them."""
    found: dict[str, str] = {}
    anchor = ""
    fenced = False  # in a code block, `#` begins a comment
    for line in text.splitlines():
        fenced ^= line.lstrip().startswith("```")
        heading = None if fenced else re.match(r"(#+) +(.*)", line)
        if heading is None:
            found[anchor] = f"{found.get(anchor, '')}{line}\n"
            continue
        slug = re.sub(r"[^\w\- ]", "", heading[2].lower()).replace(" ", "-")
        anchor = slug
        repeat = 0
        while anchor in found:
            repeat += 1
            anchor = f"{slug}-{repeat}"
        found[anchor] = f"{line}\n"
    return found


def chapter(runbook: str) -> str:
    """Read what stands under a runbook link, down to the next heading of the same rank."""
    path, anchor = runbook.split("#")
    text = (ROOT / path).read_text()
    start = sections(text)[anchor].splitlines()[0]
    rest = text.partition(f"{start}\n")[2]
    return re.split(rf"^#{{1,{start.count('#')}}} ", rest, maxsplit=1, flags=re.MULTILINE)[0]


def queries() -> list[tuple[str, str]]:
    """Find every PromQL block of every runbook."""
    blocks = re.compile(r"^ *```promql\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
    return [(file.name, found) for file in RUNBOOKS for found in blocks.findall(file.read_text())]


def test_every_shipped_rule_file_is_held_to_the_original() -> None:
    assert [file.name for file in FROZEN] == [f"{file.stem}-rules.json" for file in RULE_FILES]


@pytest.mark.parametrize("frozen", FROZEN, ids=lambda file: file.name)
def test_the_rules_are_the_original_ones_in_expression_hold_and_labels(frozen: Path) -> None:
    file = DATA / "rules" / f"{frozen.stem.removesuffix('-rules')}.yaml"
    shipped = [{key: rule[key] for key in ("alert", "expr", "for", "labels")} for rule in rules_of(file)]

    assert shipped == json.loads(frozen.read_text())


@pytest.mark.parametrize("alert", RULES)
def test_every_rule_says_how_bad_it_is_what_happens_and_what_to_do(alert: str) -> None:
    rule = RULES[alert]

    assert rule["labels"]["severity"] in {"warning", "critical"}
    assert set(rule["annotations"]) == {"summary", "description", "runbook"}
    assert all(rule["annotations"].values())


@pytest.mark.parametrize("alert", RULES)
def test_every_runbook_link_leads_to_a_chapter_about_that_alert(alert: str) -> None:
    assert f"`{alert}`" in chapter(RULES[alert]["annotations"]["runbook"])


@pytest.mark.parametrize("alert", RULES)
def test_every_chapter_answers_the_same_questions_in_the_same_order(alert: str) -> None:
    text = chapter(RULES[alert]["annotations"]["runbook"])
    rehearsed = ("Rehearse it",) if alert in REHEARSALS else ()

    assert tuple(re.findall(r"^### (.*)", text, re.MULTILINE)) == (*PARTS, *rehearsed)


@pytest.mark.parametrize(("alert", "scenario"), REHEARSALS.items())
def test_the_chapters_about_the_sync_channel_name_the_rehearsal(alert: str, scenario: str) -> None:
    assert f"`syncstorm rehearse {scenario}`" in chapter(RULES[alert]["annotations"]["runbook"])


@pytest.mark.parametrize("file", RUNBOOKS, ids=lambda file: file.name)
def test_links_between_runbooks_resolve(file: Path) -> None:
    for path, anchor in re.findall(r"\]\(([^)#:]*)#?([^)]*)\)", file.read_text()):
        target = file.parent / path if path else file
        assert target.is_file()
        assert not anchor or anchor in sections(target.read_text())


@pytest.mark.parametrize(("file", "query"), queries())
def test_every_query_in_a_runbook_parses(file: str, query: str) -> None:
    assert file
    promql_parser.parse(query)


def test_every_metric_that_a_rule_reads_is_in_a_runbook() -> None:
    text = "".join(file.read_text() for file in RUNBOOKS)
    names = {name for rule in RULES.values() for name in re.findall(r"\b(?:openagents|phoenix)_\w+", rule["expr"])}

    assert {name for name in names if name not in text} == set()


@pytest.mark.parametrize("file", RULE_FILES, ids=lambda file: file.name)
def test_promtool_accepts_the_rules(file: Path, tmp_path: Path) -> None:
    yaml = YAML(typ="safe")
    plain = tmp_path / file.name
    with plain.open("w") as out:
        yaml.dump(yaml.load(file)["spec"], out)

    done = subprocess.run([find_tool("promtool").path, "check", "rules", plain], capture_output=True, check=False)

    assert done.returncode == 0, done.stderr.decode()


def test_anchors_are_made_as_github_makes_them() -> None:
    text = "# The `up` metric: what, why?\n## Triage\n```\n# no heading\n```\n## Triage\n### a_b -- c\n"

    assert list(sections(text)) == ["the-up-metric-what-why", "triage", "triage-1", "a_b----c"]
