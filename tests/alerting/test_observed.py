"""Alerts read back: a live run through the real Prometheus and Alertmanager, and everything that can spoil one."""

from __future__ import annotations

import os
import signal
import textwrap
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.alerting.alertmanager import PrivateAlertmanager
from simulator.alerting.attendance import check_attendance
from simulator.alerting.borrowed import UserPrometheus
from simulator.alerting.observed import observe, receivers_of
from simulator.alerting.recorded import Point, Recorded, recorded_episodes
from simulator.alerting.routing import rewrite_routing
from simulator.alerting.rules import AlertRule, load_rules
from simulator.alerting.scraping import LivePrometheus, Target
from simulator.alerting.states import Episode, episodes
from simulator.alerting.webhook import Webhook
from simulator.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from simulator.alerting.ruleset import RuleSet
    from simulator.alerting.timeline import AlertTimeline, RuleTimeline
    from simulator.alerting.webhook import Notification
    from tests.alerting.conftest import Site, Workshop

    WaitFor = Callable[[Callable[[], object]], None]

RULES = """
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata: {name: r}
spec:
  groups:
    - name: fast
      rules:
        - {record: job:errors:max, expr: max(errors)}
        - {alert: Errors, expr: errors > 1, for: 1s, labels: {severity: warning, at: '{{ $labels.instance }}'}}
        - {alert: Errors, expr: errors > 5, for: 1s, labels: {severity: critical}}
        - {alert: Recorded, expr: job:errors:max > 1}
        - {alert: Kept, expr: errors > 1, keep_firing_for: 2s}
        - {alert: TooShort, expr: errors > 1, for: 1h}
        - {alert: Never, expr: errors > 100}
        - {alert: Blind, expr: nowhere > 1}
        - {alert: Watchdog, expr: vector(1)}
    - name: slow
      interval: 2s
      rules:
        - {alert: Slow, expr: errors > 1, for: 2s, labels: {severity: critical}}
"""
ROUTES = """
route:
  receiver: rest
  group_by: [alertname]
  group_wait: 50ms
  group_interval: 300ms
  routes:
    - {matchers: [severity="critical"], receiver: pager}
    - {matchers: [severity="warning"], receiver: chat}
receivers:
  - {name: rest}
  - {name: pager, pagerduty_configs: [{routing_key: k}]}
  - {name: chat, slack_configs: [{channel: '#c', api_url: 'http://127.0.0.1:1'}]}
"""


@dataclass
class World:
    """A live run that is over, and the Prometheus that has seen it."""

    prometheus: LivePrometheus
    alertmanager: PrivateAlertmanager
    ruleset: RuleSet
    notifications: tuple[Notification, ...]
    start: float
    hit: float
    end: float
    timeline: AlertTimeline

    def line(self, alert: str, **labels: str) -> RuleTimeline:
        """Return the timeline of one rule."""
        (found,) = (
            line
            for line in self.timeline.rules
            if line.rule.alert == alert and labels.items() <= dict(line.rule.labels).items()
        )
        return found


def evaluated(prometheus: LivePrometheus, ruleset: RuleSet) -> bool:
    """Whether every rule was evaluated."""
    states = prometheus.rule_states(ruleset)
    return all(state is not None and state.evaluated_at is not None for state in states)


def active(prometheus: LivePrometheus, state: str) -> set[tuple[str, str]]:
    """Return name and severity of the alerts in a state."""
    alerts = prometheus.alerts_now()
    return {(alert.name, dict(alert.labels).get("severity", "")) for alert in alerts if alert.state == state}


@pytest.fixture(scope="module")
def world(shared_workshop: Workshop, shared_site: Site, wait_for: WaitFor) -> Iterator[World]:
    """Return a run in which the errors rise and fall."""
    ruleset = load_rules([shared_workshop.file(RULES)])
    targets = (Target(shared_site.address, {"job": "runtime", "instance": "one"}),)
    shared_site.show(errors=0)
    with (
        Webhook() as webhook,
        PrivateAlertmanager(rewrite_routing(ROUTES, webhook.url)) as alertmanager,
        LivePrometheus(
            targets,
            ruleset,
            scrape_interval_seconds=0.5,
            evaluation_interval_seconds=1,
            alertmanager_address=alertmanager.address,
        ) as prometheus,
    ):
        wait_for(lambda: evaluated(prometheus, ruleset))
        start = time.time()
        time.sleep(1)
        hit = time.time()
        shared_site.show(errors=9)
        everything = {
            ("Errors", "warning"),
            ("Errors", "critical"),
            ("Recorded", ""),
            ("Kept", ""),
            ("Slow", "critical"),
        }
        wait_for(lambda: active(prometheus, "firing") == {*everything, ("Watchdog", "")})
        shared_site.show(errors=0)
        wait_for(lambda: active(prometheus, "firing") == {("Watchdog", "")})
        wait_for(lambda: len(resolved(webhook.notifications)) == len(everything))
        end = time.time()
        timeline = observe(prometheus, ruleset, start, end, scrape_interval_seconds=0.5, evaluation_interval_seconds=1)
        assert (alertmanager.complaints(), webhook.complaints) == ((), ())
        yield World(prometheus, alertmanager, ruleset, webhook.notifications, start, hit, end, timeline)


def resolved(notifications: tuple[Notification, ...]) -> set[object]:
    """Return the labels of every alert that was said to be over."""
    return {alert.labels for one in notifications for alert in one.alerts if alert.status == "resolved"}


def test_a_live_run_gives_every_rule_its_state(world: World) -> None:
    assert [(line.rule.alert, line.state) for line in world.timeline.rules] == [
        ("Errors", "fired"),
        ("Errors", "fired"),
        ("Recorded", "fired"),
        ("Kept", "fired"),
        ("TooShort", "pending"),
        ("Never", "silent"),
        ("Blind", "no_data"),
        ("Watchdog", "fired"),
        ("Slow", "fired"),
    ]
    assert world.line("Blind").missing == ("nowhere",)
    assert world.timeline.certification is None


def test_a_live_run_in_which_nothing_went_wrong_has_no_trouble(world: World) -> None:
    assert world.timeline.trouble == ()


def test_times_are_those_of_the_evaluations(world: World) -> None:
    errors, kept, slow, recorded = (
        line.episodes[0]
        for line in (
            world.line("Errors", severity="warning"),
            world.line("Kept"),
            world.line("Slow"),
            world.line("Recorded"),
        )
    )

    assert world.hit - world.start < errors.pending_at < world.end - world.start
    assert lasted(errors.pending_at, errors.firing_at) == 1
    assert lasted(slow.pending_at, slow.firing_at) == 2
    assert recorded.pending_at == recorded.firing_at == errors.pending_at
    assert lasted(errors.resolved_at, kept.resolved_at) == 2
    assert lasted(slow.pending_at, slow.resolved_at) % 2 == 0


def lasted(start: float | None, end: float | None) -> float:
    """Return the milliseconds between two times as seconds."""
    assert start is not None
    assert end is not None
    return round(end - start, 2)


def test_times_agree_with_what_prometheus_told_the_alertmanager(world: World) -> None:
    known = {
        episode.labels: (episode.firing_at, episode.resolved_at)
        for line in world.timeline.rules
        for episode in line.episodes
    }
    compared = 0
    for notification in world.notifications:
        for alert in notification.alerts:
            labels = tuple(label for label in alert.labels if label != ("drill", "syncstorm"))
            firing_at, resolved_at = known[labels]
            if dict(labels)["alertname"] != "Watchdog":
                compared += 1
                assert firing_at == pytest.approx(alert.starts_at - world.start, abs=0.002)
                assert alert.ends_at is None or resolved_at == pytest.approx(alert.ends_at - world.start, abs=0.002)
    assert compared >= 10


def test_rules_of_the_same_name_are_told_apart(world: World) -> None:
    warning, critical = world.line("Errors", severity="warning"), world.line("Errors", severity="critical")

    common = (("alertname", "Errors"),)
    tail = (("instance", "one"), ("job", "runtime"))
    assert [episode.labels for episode in warning.episodes] == [
        (*common, ("at", "one"), *tail, ("severity", "warning"))
    ]
    assert [episode.labels for episode in critical.episodes] == [(*common, *tail, ("severity", "critical"))]


def test_alerts_arrive_at_the_receivers_that_the_users_routes_name(world: World) -> None:
    def told(line: RuleTimeline) -> tuple[str, ...]:
        return receivers_of(line, world.notifications, world.prometheus.external_labels)

    assert told(world.line("Errors", severity="warning")) == ("chat",)
    assert told(world.line("Errors", severity="critical")) == ("pager",)
    assert told(world.line("Recorded")) == ("rest",)
    assert told(world.line("TooShort")) == told(world.line("Never")) == ()


def test_alerts_carry_the_drill_label_to_the_receiver_and_nowhere_else(world: World) -> None:
    sent = [dict(alert.labels) for one in world.notifications for alert in one.alerts]

    assert {labels["drill"] for labels in sent} == {"syncstorm"}
    assert all("drill" not in dict(episode.labels) for line in world.timeline.rules for episode in line.episodes)


def test_what_was_active_before_the_run_says_so(world: World) -> None:
    line = world.line("Watchdog")

    assert line.pending_at is not None
    assert line.pending_at < 0
    assert line.resolved_at is None
    assert line.reason == "it was active before the run began"


def test_somebodys_own_prometheus_shows_the_same(world: World) -> None:
    labels = {"job": "runtime", "instance": "one"}
    with UserPrometheus(f"http://{world.prometheus.address}/", targets=(labels,)) as prometheus:
        ruleset = prometheus.ruleset()
        timeline = observe(
            prometheus, ruleset, world.start, world.end, scrape_interval_seconds=0.5, evaluation_interval_seconds=1
        )

    def plain(lines: AlertTimeline) -> set[tuple[object, ...]]:
        return {(line.rule.alert, line.state, line.episodes, line.missing) for line in lines.rules}

    assert plain(timeline) == plain(world.timeline)
    assert timeline.trouble == ()
    assert timeline.engine_version == world.timeline.engine_version


def test_a_target_that_fails_is_trouble_unless_a_fault_explains_it(world: World) -> None:
    def trouble(start: float, *excused: tuple[float, float]) -> tuple[str, ...]:
        return check_attendance(world.prometheus, start, world.end, 0.5, excused).trouble

    assert trouble(world.start) == ()
    early = trouble(world.start - 60)
    assert len(early) == 1
    assert early[0].startswith("the target runtime at one was not scraped from 0.0 s to ")


def test_a_live_rule_that_loses_its_data_is_no_data_and_one_that_fired_was_blind(
    world: World, shared_site: Site, wait_for: WaitFor
) -> None:
    def is_up(value: int) -> bool:
        return world.prometheus.query(f'up{{instance="one"}} == {value}') != []

    shared_site.show(errors=9)
    wait_for(lambda: ("Errors", "critical") in active(world.prometheus, "firing"))
    start = time.time()
    time.sleep(2)
    shared_site.pages["/metrics"] = (500, "text/plain", "broken")
    wait_for(lambda: is_up(0) and not active(world.prometheus, "firing") - {("Watchdog", ""), ("Kept", "")})
    time.sleep(2)
    shared_site.show(errors=0)
    wait_for(lambda: is_up(1))
    time.sleep(2)
    timeline = observe(
        world.prometheus, world.ruleset, start, time.time(), scrape_interval_seconds=0.5, evaluation_interval_seconds=1
    )
    by_name = {line.rule.alert: line for line in timeline.rules}
    assert by_name["Never"].state == "no_data"
    ((begin, end),) = by_name["Never"].blind
    assert 1 <= begin < end
    assert by_name["Errors"].state == "fired"
    assert by_name["Errors"].blind == by_name["Never"].blind
    assert by_name["Watchdog"].blind == ()
    assert any("could not be scraped" in one for one in timeline.trouble)


SICK_RULES = """
groups:
  - name: sick
    rules:
      - {alert: Fails, expr: up / on() up > 0}
      - {alert: Twin, expr: up == 1}
      - {alert: Twin, expr: up >= 1}
      - {alert: Sure, expr: 'vector(1)', labels: {severity: page}}
      - {alert: Sure, expr: 'label_replace(vector(0), "severity", "page", "", "") > 0'}
"""


def test_nothing_that_spoils_a_live_run_is_silent(workshop: Workshop, site: Site, wait_for: WaitFor) -> None:
    ruleset = load_rules([workshop.file(SICK_RULES)])
    site.show(errors=0)
    site.pages["/gone"] = (500, "text/plain", "gone")
    targets = (Target(site.address, {"instance": "good"}), Target(site.address, {"instance": "bad"}, "/gone"))
    with LivePrometheus(targets, ruleset, scrape_interval_seconds=0.5, evaluation_interval_seconds=0.5) as prometheus:
        wait_for(lambda: evaluated(prometheus, ruleset))
        start = time.time()
        time.sleep(1.2)
        os.kill(prometheus.pid, signal.SIGSTOP)
        time.sleep(2)
        os.kill(prometheus.pid, signal.SIGCONT)
        time.sleep(1.2)
        end = time.time()
        timeline = observe(
            prometheus, ruleset, start, end, scrape_interval_seconds=0.5, evaluation_interval_seconds=0.5
        )
        explained = check_attendance(prometheus, start, end, 0.5, [(-10, 100)]).trouble

        trouble = "\n".join(timeline.trouble)
        for line in (
            "Fails cannot be evaluated: found duplicate series",
            "the target syncstorm at bad could not be scraped from",
            "the target syncstorm at good was not scraped from",
            "the target syncstorm at bad was not scraped from",
            "evaluations of rules failed",
            "evaluations of rule groups did not take place",
            'the alert {alertname="Twin",instance="good",job="syncstorm"} fits 2 rules, which cannot be told apart',
        ):
            assert line in trouble
        assert "Sure" not in trouble
        assert [line.state for line in timeline.rules if line.rule.alert == "Sure"] == ["fired", "silent"]
        assert len(explained) == 2
        (absence,) = timeline.absences
        assert dict(absence.target)["instance"] == "bad"
        assert 1 < absence.failed == absence.scrapes
        assert 0 <= absence.first < absence.last
        assert all("was not scraped" in line for line in explained)

        os.kill(prometheus.pid, signal.SIGKILL)
        with pytest.raises(EngineError, match=r"Prometheus (died|does not answer)"):
            prometheus.rule_states(ruleset)


def test_a_rule_that_prometheus_does_not_have_is_trouble(world: World, tmp_path: Path) -> None:
    file = tmp_path / "other.yaml"
    file.write_text(textwrap.dedent("groups: [{name: g, rules: [{alert: A, expr: errors > 7}]}]"))
    with UserPrometheus(f"http://{world.prometheus.address}") as prometheus:
        timeline = observe(
            prometheus,
            load_rules([file]),
            world.start,
            world.end,
            scrape_interval_seconds=0.5,
            evaluation_interval_seconds=1,
        )

    assert timeline.trouble == (f"{file}:1: A is not among the rules that Prometheus has loaded",)


def test_an_alertmanager_that_dies_is_trouble(world: World, wait_for: WaitFor) -> None:
    before = world.prometheus.complaints(world.ruleset, world.start, world.end)
    os.kill(world.alertmanager.pid, signal.SIGKILL)

    def complaints() -> str:
        return "\n".join(world.prometheus.complaints(world.ruleset, world.start, world.end))

    wait_for(complaints)
    assert before == ()
    assert "messages about alerts did not reach the Alertmanager" in complaints()
    with pytest.raises(EngineError, match=r"Alertmanager (died|does not answer)"):
        world.alertmanager.complaints()


LABELS = (("alertname", "A"),)


def fires(at: float, since: float | None) -> Point:
    """Return an evaluation at which an alert fires."""
    return Point(at, firing=True, since=since)


def waits(at: float, since: float | None) -> Point:
    """Return an evaluation at which an alert is pending."""
    return Point(at, firing=False, since=since)


def read(points: list[Point], rule: AlertRule, start: float = 0.0, known_until: float = 100.0) -> tuple[Episode, ...]:
    """Return the episodes of an alert that is evaluated every second."""
    return tuple(recorded_episodes(Recorded(LABELS, tuple(points)), rule, 1.0, start, known_until))


@given(st.lists(st.booleans(), min_size=1, max_size=60), st.sampled_from([0, 1, 3]), st.sampled_from([0, 2]))
def test_what_is_recorded_gives_back_the_episodes_that_the_state_machine_makes(
    holds: list[bool], hold: int, keep: int
) -> None:
    rule = AlertRule("A", "x", hold, keep)
    expected = episodes(rule, {LABELS: {k for k, held in enumerate(holds) if held}}, 1.0, len(holds) - 1)

    points = [
        Point(1000.3 + k, episode.firing_at is not None and k >= episode.firing_at, 1000 + episode.pending_at)
        for episode in expected
        for k in range(int(episode.pending_at), len(holds) if episode.resolved_at is None else int(episode.resolved_at))
    ]
    found = read(points, rule, 1000.3, 1000.3 + len(holds) - 1) if points else ()

    assert found == expected


def test_an_evaluation_that_is_missing_does_not_end_an_episode() -> None:
    points = [waits(10.5, 10), fires(11.5, 10), fires(14.5, 10)]

    assert read(points, AlertRule("A", "x", 1)) == (Episode(LABELS, 10.5, 11.5, 15.5),)


def test_an_alert_that_came_back_in_the_meantime_is_another_episode() -> None:
    points = [fires(10.5, 10), fires(14.5, 14)]

    assert read(points, AlertRule("A", "x")) == (Episode(LABELS, 10.5, 10.5, 11.5), Episode(LABELS, 14.5, 14.5, 15.5))


def test_an_episode_that_began_before_the_run_has_its_own_beginning() -> None:
    firing, pending = fires(100.5, 90), waits(100.5, 90)

    assert read([firing], AlertRule("A", "x", 2.5), start=100) == (Episode(LABELS, -9.5, -6.5, None),)
    assert read([firing], AlertRule("A", "x", 60), start=100) == (Episode(LABELS, -9.5, 0.5, None),)
    assert read([pending], AlertRule("A", "x", 60), start=100) == (Episode(LABELS, -9.5, None, None),)
    assert read([fires(100.5, None)], AlertRule("A", "x", 60), start=100) == (Episode(LABELS, 0.5, 0.5, None),)
