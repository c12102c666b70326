"""Rules and scenarios in any order: told apart by content and by what is shipped, and everything else is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from simulator.errors import InputError
from simulator.shipped import find_file, list_shipped
from simulator.verification.selection import Selection, select

RULES = "groups: [{name: g, rules: [{alert: A, expr: up == 0}]}]\n"
WRAPPED = f"apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nspec:\n  {RULES}"
SCENARIO = "scenario: mine\nduration: 10m\n"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the current folder, which has rules, scenarios, and what else lies about."""
    files = {
        "rules/plain.yaml": RULES,
        "rules/wrapped.yml": WRAPPED,
        "rules/notes.txt": "none of ours",
        "rules/.hidden/old.yaml": "nonsense",
        "rules/rehearsals/one-1/journal.jsonl": "",
        "rules/rehearsals/one-1/rules.yaml": RULES,
        "scenarios/one.yaml": SCENARIO,
        "scenarios/deep/two.yaml": SCENARIO.replace("mine", "two"),
        "scenarios/contract.yaml": "contract: theirs\nmetrics: {}\n",
        "scenarios/alertmanager.yml": "route: {receiver: r}\n",
        "scenarios/deploy.yaml": "apiVersion: apps/v1\nkind: Deployment\n---\napiVersion: v1\nkind: Service\n",
        "scenarios/docker-compose.yaml": "services: {}\n",
        "kind.yaml": "apiVersion: v1\nkind: PrometheusRules\nspec: {groups: []}\n",
        "misspelt.yaml": "scenarios: mine\ngroup: []\n",
        "list.yaml": "- scenario\n",
        "empty.yaml": "# nothing yet\n",
        "broken.yaml": "groups:\n  - name: g\n   rules: []\n",
        "bare/notes.txt": "",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_files_are_told_apart_by_their_content_in_any_order() -> None:
    found = select(["scenarios/one.yaml", "rules/wrapped.yml", "scenarios/deep/two.yaml", "rules/plain.yaml"])
    assert found.rules == (Path("rules/wrapped.yml"), Path("rules/plain.yaml"))
    assert found.scenarios == ("scenarios/one.yaml", "scenarios/deep/two.yaml")


def test_a_folder_is_searched_without_what_rehearsals_left_and_what_is_known_is_passed_over_and_told() -> None:
    found = select(["rules", "scenarios"])
    assert found.rules == (Path("rules/plain.yaml"), Path("rules/wrapped.yml"))
    assert found.scenarios == ("scenarios/deep/two.yaml", "scenarios/one.yaml")
    assert found.passed_over == (
        "scenarios/alertmanager.yml (Alertmanager's configuration)",
        "scenarios/contract.yaml (a contract)",
        "scenarios/deploy.yaml (a Kubernetes object of another kind)",
        "scenarios/docker-compose.yaml (a Compose file)",
    )


def test_a_misspelt_kind_is_for_the_reader_of_rules_to_refuse() -> None:
    assert select(["kind.yaml", "calm"]).rules == (Path("kind.yaml"),)


def test_a_pattern_may_be_left_to_us() -> None:
    found = select(["rules/p*.yaml", "scenarios/**/two.yaml"])
    assert found == Selection((Path("rules/plain.yaml"),), ("scenarios/deep/two.yaml",))


def test_shipped_names_mean_what_they_mean_elsewhere() -> None:
    found = select(["calm", "openagents-runtime", "incident:logto-jwks-cache"])
    assert found == Selection((find_file("rules", "openagents-runtime"),), ("calm", "incident:logto-jwks-cache"))


def test_what_is_given_twice_counts_once() -> None:
    rules = ["rules/plain.yaml", "rules/../rules/plain.yaml", "rules/pl*.yaml"]
    found = select(["scenarios/one.yaml", "./scenarios/one.yaml", *rules])
    assert found == Selection((Path("rules/plain.yaml"),), ("scenarios/one.yaml",))


@pytest.mark.parametrize(
    "name", [*list_shipped("scenario"), *(f"incident:{name}" for name in list_shipped("incident"))]
)
def test_every_shipped_scenario_is_one_as_a_file_too(name: str) -> None:
    kind = "incident" if name.startswith("incident:") else "scenario"
    file = str(find_file(kind, name.removeprefix("incident:")))  # type: ignore[arg-type]  # one of the two
    assert select([file]).scenarios == (file,)


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["gone.yaml"], "gone.yaml: no such file or folder"),
        (["rules/gone/"], "rules/gone/: no such file or folder"),
        (["auth-key-drif"], "did you mean 'auth-key-drift'?"),
        (["incident:logto-jwks-cash"], "did you mean 'logto-jwks-cache'?"),
        (["*.gone"], "*.gone: matches no file"),
        (["bare"], "bare: has no YAML file"),
        (["misspelt.yaml"], "misspelt.yaml:1: is neither a rule file (groups, or a PrometheusRule) nor a scenario"),
        (["misspelt.yaml"], "it begins with group, scenarios"),
        (["list.yaml"], "it is no mapping"),
        (["empty.yaml"], "empty.yaml: is empty"),
        (["broken.yaml"], "broken.yaml:3: is not valid YAML"),
        (["scenarios/contract.yaml"], "scenarios/contract.yaml:1: is a contract, and neither a rule file"),
        (["."], "give a pattern such as"),
        (["rules/plain.yaml"], "rules/plain.yaml: there is no scenario among these"),
    ],
)  # fmt: skip
def test_what_is_neither_is_one_clear_error(folder: Path, arguments: list[str], problem: str) -> None:
    if arguments == ["."]:  # the broken ones come first, and would be told of
        for name in ("broken", "empty", "list"):
            (folder / f"{name}.yaml").unlink()
    with pytest.raises(InputError) as caught:
        select(arguments)
    assert problem in str(caught.value)
