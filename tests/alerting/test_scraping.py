"""A Prometheus that scrapes: our own, and somebody else's that is only asked."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import promql_parser
import pytest

from simulator.alerting import borrowed
from simulator.alerting.borrowed import UserPrometheus
from simulator.alerting.querying import QueryRefused
from simulator.alerting.rules import AlertRule, Group, RecordingRule, RuleSet, load_rules
from simulator.alerting.scraping import LivePrometheus, Target
from simulator.alerting.watching import TargetHealth
from simulator.errors import EngineError, InputError
from simulator.shipped import find_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.alerting.conftest import Site, Trap, Workshop

    WaitFor = Callable[[Callable[[], object]], None]

CHILD = """
import sys, time
from pathlib import Path
from simulator.alerting.rules import load_rules
from simulator.alerting.scraping import LivePrometheus

rules = load_rules([Path(sys.argv[1])])
with LivePrometheus((), rules, scrape_interval_seconds=1, evaluation_interval_seconds=1) as prometheus:
    print(prometheus.pid, flush=True)
    time.sleep(600)
"""
OWN = """
groups:
  - name: openagents
    interval: 2s
    limit: 7
    rules:
      - {record: 'x:y', expr: x, labels: {a: b}}
      - {alert: Down, expr: up == 0, keep_firing_for: 1s, annotations: {summary: '{{ $value }} "ä"'}}
"""


@pytest.fixture(scope="module")
def ruleset(shared_workshop: Workshop) -> RuleSet:
    """Return the shipped rules and one file beside them that has a group of the same name."""
    shipped = find_file("rules", "openagents-runtime")
    own = load_rules([shared_workshop.file(OWN.replace("openagents", "runtime.slo"))])
    return RuleSet((*load_rules([shipped]).groups, *own.groups))


@pytest.fixture(scope="module")
def live(ruleset: RuleSet, shared_site: Site) -> Iterator[LivePrometheus]:
    """Return a server that scrapes one target that is there and one that is not."""
    shared_site.show(x=4)
    shared_site.pages["/other"] = (200, "text/plain", "x 5\n")
    targets = (
        Target(shared_site.address, {"job": "a", "zone": "z"}),
        Target(shared_site.address, {"job": "b"}, path="/other"),
        Target("127.0.0.1:1"),
    )
    with LivePrometheus(targets, ruleset, scrape_interval_seconds=0.5, evaluation_interval_seconds=1) as running:
        yield running


def test_scrapes_each_target_with_its_labels_and_path(live: LivePrometheus, shared_site: Site) -> None:
    found = live.query("x")

    labels = {"__name__": "x", "instance": shared_site.address}
    assert {value for _, (_, value) in found} == {"4", "5"}
    assert [one for one, _ in found] == [{**labels, "job": "a", "zone": "z"}, {**labels, "job": "b"}]


def test_says_which_targets_are_up(live: LivePrometheus, shared_site: Site) -> None:
    gone, other, one = sorted(live.targets_health(), key=lambda target: target.url)[:3]

    instance = ("instance", shared_site.address)
    assert {target.up for target in (one, other)} == {True}
    labels = (instance, ("job", "a"), ("zone", "z"))
    assert TargetHealth(labels, f"{shared_site.url}/metrics", up=True, last_error="", interval_seconds=0.5) in {
        one,
        other,
        gone,
    }
    down = next(target for target in (gone, other, one) if target.up is False)
    assert down.labels == (("instance", "127.0.0.1:1"), ("job", "syncstorm"))
    assert "connection refused" in down.last_error


def test_shows_the_alerts_that_are_active(live: LivePrometheus, wait_for: WaitFor) -> None:
    wait_for(live.alerts_now)

    (alert,) = live.alerts_now()
    assert (alert.name, alert.state) == ("Down", "firing")
    assert alert.labels == (("alertname", "Down"), ("instance", "127.0.0.1:1"), ("job", "syncstorm"))
    assert alert.active_at == pytest.approx(float(live.query("time()")[0][1][1]), abs=60)


def test_evaluates_the_rules_as_they_stand(live: LivePrometheus, ruleset: RuleSet) -> None:
    with UserPrometheus(f"http://{live.address}") as prometheus:
        loaded = prometheus.ruleset()

    def plain(groups: tuple[Group, ...]) -> dict[str, list[object]]:
        return {group.name: [group.limit, group.interval_seconds or 1, *map(bare, group.rules)] for group in groups}

    def bare(rule: AlertRule | RecordingRule) -> AlertRule | RecordingRule:
        text = promql_parser.parse(rule.expr).prettify()
        return replace(rule, expr=text, file=None, line=None, group="")

    assert plain(loaded.groups) == plain(ruleset.with_unique_groups().groups)
    assert list(plain(loaded.groups)) == ["runtime.slo", "runtime.slo (2)"]


def test_has_an_evaluation_of_every_rule(live: LivePrometheus, ruleset: RuleSet, wait_for: WaitFor) -> None:
    def is_evaluated() -> bool:
        return all(state is not None and state.evaluated_at for state in live.rule_states(ruleset))

    wait_for(is_evaluated)
    assert all(state is not None and state.healthy for state in live.rule_states(ruleset))
    assert live.complaints(ruleset, 0, 0) == ()


def test_reads_samples_at_the_times_at_which_they_were_scraped(live: LivePrometheus, wait_for: WaitFor) -> None:
    def samples() -> list[float]:
        ((_, (now, _)),) = live.query("time()")
        return [time for _, found in live.samples("x{job='a'}", now - 7300, now) for time, _ in found]

    wait_for(lambda: len(samples()) > 5)
    times = samples()
    assert times == sorted(set(times))
    assert {round(after - before, 1) for before, after in pairwise(times)} == {0.5}
    assert live.samples("x{job='a'}", times[1], times[2])[0][1] == [(times[1], "4"), (times[2], "4")]
    assert live.samples("x{job='none'}", times[0], times[1]) == []


def test_two_targets_with_the_same_labels_are_refused(ruleset: RuleSet) -> None:
    twins = (Target("127.0.0.1:1", {"instance": "x"}), Target("127.0.0.1:2", {"instance": "x"}))

    with pytest.raises(EngineError, match="two targets have the same labels"):
        LivePrometheus(twins, ruleset, scrape_interval_seconds=1, evaluation_interval_seconds=1)


def test_a_rule_that_prometheus_refuses_is_the_users_error(workshop: Workshop) -> None:
    rules = workshop.rules("- {alert: A, expr: 'x > 1', annotations: {a: '{{ nothing }}'}}")

    with (
        pytest.raises(InputError, match=r"rules\.yaml:4: g: A: .*nothing"),
        LivePrometheus((), rules, scrape_interval_seconds=1, evaluation_interval_seconds=1),
    ):
        pass


def test_leaves_nothing_behind_when_its_parent_is_killed(
    workshop: Workshop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wait_for: WaitFor
) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setenv("TMPDIR", str(scratch))
    command = [sys.executable, "-c", CHILD, str(workshop.file(OWN))]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        pid = int(child.stdout.readline())
        assert list(scratch.iterdir())
        child.kill()

    wait_for(lambda: not list(scratch.iterdir()))
    wait_for(lambda: not Path(f"/proc/{pid}").exists() or "Z" in Path(f"/proc/{pid}/stat").read_text())


@pytest.mark.parametrize("url", ["", "localhost:9090", "ftp://x", "http://", "http://a:b:c", "http://x:99999"])
def test_what_is_no_url_is_the_users_error(url: str) -> None:
    with pytest.raises(InputError, match=r"^--prometheus: "), UserPrometheus(url):
        pass


@pytest.mark.parametrize(
    ("page", "error", "complaint"),
    [
        ((401, "text/plain", ""), InputError, r"lets nobody in without credentials \(401\) \(put name and password"),
        ((403, "text/plain", ""), InputError, r"lets nobody in without credentials \(403\)"),
        ((302, "text/html", ""), InputError, r"redirects to another place \(302\) \(is there a login\?\)"),
        ((200, "text/html", "<html>"), InputError, "is not a Prometheus: it answered 200 with text/html"),
        ((404, "text/plain", "404"), InputError, r"is not a Prometheus: .* \(give the URL without /graph or /api\)"),
        ((407, "text/html", ""), EngineError, "a proxy on the way to .* answered 407"),
        ((502, "text/html", ""), EngineError, "a proxy on the way to .* answered 502"),
        ((200, "application/json", "{}"), EngineError, "Prometheus answered 200: {}"),
        ((200, "application/json", "]"), EngineError, "Prometheus answered 200: ]"),
        (
            (503, "application/json", json.dumps({"status": "error", "errorType": "unavailable", "error": "later"})),
            QueryRefused,
            "later",
        ),
    ],
)
def test_what_keeps_us_from_somebodys_prometheus_is_said_in_one_line(
    site: Site, page: tuple[int, str, str], error: type[Exception], complaint: str
) -> None:
    site.pages["/prefix/api/v1/query"] = page

    url = site.url.replace("http://", "http://me:hunter2@") + "/prefix/"
    with pytest.raises(error, match=complaint) as caught, UserPrometheus(url):
        pass

    assert "hunter2" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_server_that_is_not_there_is_an_engine_error() -> None:
    with (
        pytest.raises(EngineError, match=r"http://127\.0\.0\.1:1 does not answer"),
        UserPrometheus("http://127.0.0.1:1"),
    ):
        pass
    with pytest.raises(EngineError, match="not connected"):
        UserPrometheus("http://127.0.0.1:1").query("x")


def test_an_endless_answer_is_not_read_to_its_end(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(borrowed, "_ANSWER_BYTES", 1 << 20)
    site.pages["/api/v1/query"] = (200, "application/json", " " * (2 << 20))

    with pytest.raises(EngineError, match="answers with more than 1 MiB"), UserPrometheus(site.url):
        pass


def test_a_proxy_of_the_environment_is_not_asked_about_loopback(
    site: Site, make_trap: Callable[[], Trap], monkeypatch: pytest.MonkeyPatch
) -> None:
    trap = make_trap()
    monkeypatch.setenv("HTTP_PROXY", f"http://{trap.address}")
    answer = {"status": "success", "data": {"resultType": "vector", "result": [{"metric": {}, "value": [1, "1"]}]}}
    site.pages["/api/v1/query"] = (200, "application/json", json.dumps(answer))

    with UserPrometheus(site.url) as prometheus:
        assert prometheus.version == "unknown"
    with pytest.raises(EngineError, match=r"does not answer|the proxy"), UserPrometheus("http://prometheus.invalid"):
        pass

    assert trap.visits == 1


def test_asks_again_by_get_where_post_is_not_allowed(site: Site) -> None:
    answer = {"status": "success", "data": {"resultType": "scalar", "result": [1, "7"]}}
    page = (200, "application/json", json.dumps(answer))
    site.pages["/api/v1/query"] = page
    site.post_status = 405

    with UserPrometheus(site.url) as prometheus:
        assert prometheus.query("7", 1) == [({}, (1.0, "7"))]

    assert site.requests[-2:] == ["POST /api/v1/query", "GET /api/v1/query?query=7&time=1.000"]


def test_never_asks_for_anything_that_could_change_it(site: Site, ruleset: RuleSet) -> None:
    vector = {"status": "success", "data": {"resultType": "vector", "result": [{"metric": {}, "value": [1, "1"]}]}}
    for path, data in {"query": vector, "rules": {"groups": []}, "alerts": {"alerts": []}}.items():
        body = data if path == "query" else {"status": "success", "data": data}
        site.pages[f"/api/v1/{path}"] = (200, "application/json", json.dumps(body))
    with UserPrometheus(site.url, token="t") as prometheus:
        assert prometheus.ruleset() == RuleSet(())
        assert prometheus.alerts_now() == ()
        assert set(prometheus.rule_states(ruleset)) == {None}

    assert {request.split("?")[0] for request in site.requests} == {
        "POST /api/v1/query",
        "GET /api/v1/status/buildinfo",
        "GET /api/v1/rules",
        "GET /api/v1/alerts",
    }


@pytest.mark.parametrize("group", [{}, {"name": "g", "file": "f", "interval": "x", "rules": []}, {"rules": [{}]}])
def test_a_list_of_rules_that_makes_no_sense_is_an_engine_error(site: Site, group: dict[str, object]) -> None:
    answer = {"status": "success", "data": {"resultType": "scalar", "result": [1, "1"]}}
    site.pages["/api/v1/query"] = (200, "application/json", json.dumps(answer))
    listed = {"status": "success", "data": {"groups": [group]}}
    site.pages["/api/v1/rules"] = (200, "application/json", json.dumps(listed))

    with UserPrometheus(site.url) as prometheus, pytest.raises(EngineError, match="cannot be read"):
        prometheus.ruleset()


def test_what_somebodys_prometheus_counts_against_our_groups_is_said(site: Site) -> None:
    counted = [{"metric": {"rule_group": f"rules.yml;{name}"}, "value": [1, "2"]} for name in ("ours", "theirs")]
    answer = {"status": "success", "data": {"resultType": "vector", "result": counted}}
    site.pages["/api/v1/query"] = (200, "application/json", json.dumps(answer))
    ruleset = RuleSet((Group("ours", (), file=Path("rules.yml")),))

    with UserPrometheus(site.url) as prometheus:
        assert prometheus.complaints(ruleset, 0, 60) == (
            "Prometheus says that evaluations of rules failed in group ours",
            "Prometheus says that evaluations of rule groups did not take place in group ours",
        )
