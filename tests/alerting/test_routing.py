"""The user's routing with our receivers: what survives, what does not, and what is refused."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from simulator.alerting.routing import DEFAULT_RECEIVER, Routing, default_routing, rewrite_routing
from simulator.alerting.toolchain import find_tool
from simulator.errors import InputError

URL = "http://127.0.0.1:4321/token"
BASE = "route: {receiver: a}\nreceivers: [{name: a}]\n"
FULL = """
global:
  resolve_timeout: 3m
  smtp_smarthost: mail.example.org:25
  smtp_from: SECRET@example.org
  smtp_auth_password: SECRET
  slack_api_url: https://hooks.slack.example.org/SECRET
  pagerduty_url: https://pagerduty.example.org/
  opsgenie_api_key: SECRET
  victorops_api_key: SECRET
  wechat_api_secret: SECRET
  telegram_api_url: https://telegram.example.org
  http_config: {proxy_url: 'http://SECRET.example.org'}
templates: ['/etc/SECRET/*.tmpl']
route:
  receiver: everybody
  group_by: [alertname, 'service']
  group_wait: 250ms
  group_interval: 1m30s
  repeat_interval: 1d
  routes:
    - matchers: [severity="page", team=~"core|edge"]
      receiver: pager
      continue: true
      mute_time_intervals: [nights]
      routes:
        - match: {service: 'sync', code: 0x10, on: yes}
          receiver: 'chat #1/ä'
          group_by: ['...']
    - match_re: {service: ^(a|b)$}
      active_time_intervals: [days]
      continue: no
inhibit_rules:
  - source_matchers: [severity="page"]
    target_matchers: [severity="warning"]
    equal: [service]
  - source_match: {a: b}
    target_match_re: {c: d}
receivers:
  - name: everybody
    email_configs: [{to: SECRET@example.org}]
    webhook_configs:
      - url: https://example.org/SECRET
        http_config: {basic_auth: {username: u, password: SECRET}}
      - url: https://example.org/SECRET2
  - name: pager
    pagerduty_configs: [{routing_key: SECRET}]
    opsgenie_configs: [{api_key: SECRET}]
    victorops_configs: [{routing_key: SECRET}]
    telegram_configs: [{bot_token: SECRET, chat_id: 1}]
    sns_configs: [{topic_arn: 'arn:SECRET', sigv4: {access_key: SECRET}}]
  - name: 'chat #1/ä'
    slack_configs: [{channel: '#SECRET'}]
    msteams_configs: [{webhook_url: 'https://example.org/SECRET'}]
    carrier_pigeon_configs: [{loft: SECRET}]
  - name: 'null'
mute_time_intervals:
  - name: nights
    time_intervals:
      - times: [{start_time: 21:00, end_time: 24:00}]
        weekdays: ['monday:friday']
        days_of_month: ['1:5', '-3:-1']
        months: [january]
        years: ['2020:2030', 2031]
        location: Europe/Vienna
time_intervals:
  - name: days
    time_intervals: [{times: [{start_time: 09:00, end_time: 17:00}]}]
tracing: {endpoint: SECRET}
event_recorder: {outputs: [{webhook_url: SECRET}]}
"""


def load(text: str) -> Any:
    """Return what a YAML text holds."""
    return YAML(typ="safe", pure=True).load(text)


def ours(name: str, quoted: str) -> dict[str, Any]:
    """Return the only form that a receiver may have."""
    url = f"{URL}?receiver={quoted}"
    return {"name": name, "webhook_configs": [{"url": url, "send_resolved": True, "max_alerts": 0}]}


@pytest.fixture(scope="module")
def amtool() -> Path:
    """Return amtool, which comes with Alertmanager."""
    beside = find_tool("alertmanager").path.resolve().parent / "amtool"
    found = str(beside) if beside.exists() else shutil.which("amtool")
    if found is None:
        pytest.skip("amtool is not installed")
    return Path(found)


def check(amtool: Path, text: str, folder: Path) -> str:
    """Have amtool check a configuration; return what it says against it."""
    file = folder / "checked.yml"
    file.write_text(text, encoding="utf-8")
    done = subprocess.run([amtool, "check-config", file], capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else done.stdout + done.stderr


def test_keeps_the_whole_routing_tree() -> None:
    before, after = load(FULL), load(rewrite_routing(FULL, URL).text)

    # Alertmanager reads these as the text that stands in the file, so they must stay that.
    before["route"]["routes"][0]["routes"][0]["match"] = {"service": "sync", "code": "0x10", "on": "yes"}
    before["route"]["routes"][1]["continue"] = False
    before["mute_time_intervals"][0]["time_intervals"][0]["years"][1] = "2031"
    for key in ("route", "inhibit_rules", "mute_time_intervals", "time_intervals"):
        assert after[key] == before[key]


def test_every_receiver_has_our_webhook_and_nothing_else() -> None:
    after = load(rewrite_routing(FULL, URL).text)

    assert after["receivers"] == [
        ours("everybody", "everybody"),
        ours("pager", "pager"),
        ours("chat #1/ä", "chat%20%231%2F%C3%A4"),
        ours("null", "null"),
    ]


def test_nothing_else_of_the_file_survives_and_a_note_says_so() -> None:
    routing = rewrite_routing(FULL, URL, "am.yml")

    dropped = sorted(set(load(FULL)["global"]) - {"resolve_timeout"})
    assert "SECRET" not in routing.text
    assert "example.org" not in routing.text
    assert load(routing.text)["global"] == {"resolve_timeout": "3m"}
    assert routing.receivers == ("everybody", "pager", "chat #1/ä", "null")
    assert routing.silent == ("null",)
    assert routing.file == "am.yml"
    assert routing.notes == (
        f"global settings are left out: {', '.join(dropped)}",
        "templates is left out",
        "tracing is left out",
        "event_recorder is left out",
    )


def test_alertmanager_accepts_what_comes_out(amtool: Path, tmp_path: Path) -> None:
    assert check(amtool, rewrite_routing(FULL, URL).text, tmp_path) == ""
    assert check(amtool, default_routing(URL).text, tmp_path) == ""


def test_without_a_file_everything_goes_to_one_receiver() -> None:
    routing = default_routing(URL)

    assert load(routing.text)["receivers"] == [ours(DEFAULT_RECEIVER, DEFAULT_RECEIVER)]
    assert routing.receivers == (DEFAULT_RECEIVER,)


def test_anchors_and_merge_keys_are_followed() -> None:
    text = """
        x: &x {receiver: a, group_wait: 5s, continue: true}
        route:
          receiver: a
          routes:
            - <<: *x
              group_wait: 7s
            - <<: [{receiver: b}, *x]
        receivers: [{name: a}, {name: b}]
    """
    after = load(rewrite_routing(dedent(text).replace("x: &x", "global: &x", 1), URL).text)

    assert after["route"]["routes"] == [
        {"receiver": "a", "group_wait": "7s", "continue": True},
        {"receiver": "b", "group_wait": "5s", "continue": True},
    ]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "am.yml: is empty"),
        ("# nothing\n", "am.yml: is empty"),
        ("- a\n", "am.yml:1: must be a mapping"),
        (f"{BASE}---\n{BASE}", "am.yml: has more than one YAML document"),
        ("route: [", "am.yml:1: is not valid YAML"),
        (f"{BASE}recievers: []\n", "am.yml:3: recievers: unknown key 'recievers' (did you mean 'receivers'?)"),
        (
            "apiVersion: v1\nkind: Secret\n",
            "am.yml:1: apiVersion: is a Kubernetes object, not an Alertmanager configuration (give",
        ),
        ("receivers: [{name: a}]\n", "am.yml:1: the key 'route' is missing"),
        (
            "receivers: [{name: a}]\nroute:\n  group_wait: 1s\n",
            "am.yml:2: route.receiver: the root route needs a receiver",
        ),
        ("receivers: [{name: a}, {}]\n", "am.yml:1: receivers[1].name: a receiver needs a name"),
        ("receivers:\n- name: a\n- name: a\n", "am.yml:3: receivers[1].name: receiver 'a' is there twice"),
        ("receivers: {}\n", "am.yml:1: receivers: must be a list, not a mapping"),
        ("receivers: [a]\n", "am.yml:1: receivers[0]: must be a mapping, not a text"),
        (
            "receivers: [{name: team}]\nroute:\n  receiver: teem\n",
            "am.yml:3: route.receiver: unknown receiver 'teem' (did you mean 'team'?)",
        ),
        (
            BASE.replace("a}", "a, matchers: [b=c]}", 1),
            "am.yml:1: route.matchers: the root route takes every alert, and so cannot have this",
        ),
        (BASE.replace("a}", "a, continue: yes}", 1), "am.yml:1: route.continue: the root route cannot have this"),
        (BASE.replace("a}", "a, continue: perhaps}", 1), "am.yml:1: route.continue: must be true or false"),
        (BASE.replace("a}", "a, group_by: x}", 1), "am.yml:1: route.group_by: must be a list of texts"),
        (BASE.replace("a}", "a, group_by: [[x]]}", 1), "am.yml:1: route.group_by: must be a list of texts"),
        (
            BASE.replace("a}", "a, group_wait: soon}", 1),
            "am.yml:1: route.group_wait: 'soon' is not a duration (write it like 15s, 5m or 1h30m)",
        ),
        (
            BASE.replace("a}", "a, routes: [{match: [x]}]}", 1),
            "am.yml:1: route.routes[0].match: must be a mapping, not a list",
        ),
        (
            BASE.replace("a}", "a, routes: [{mute_time_intervals: [x]}]}", 1),
            "am.yml:1: route.routes[0].mute_time_intervals: unknown time interval 'x' (known: none)",
        ),
        (
            BASE.replace("a}", "a, routes: [{routs: []}]}", 1),
            "am.yml:1: route.routes[0].routs: unknown key 'routs' (did you mean 'routes'?)",
        ),
        (f"{BASE}time_intervals: [{{}}]\n", "am.yml:3: time_intervals[0].name: a time interval needs a name"),
        (
            f"{BASE}time_intervals: [{{name: x}}]\nmute_time_intervals: [{{name: x}}]\n",
            "am.yml:3: time_intervals[0].name: time interval 'x' is there twice",
        ),
        (
            f"{BASE}inhibit_rules: [{{source: x}}]\n",
            "am.yml:3: inhibit_rules[0].source: unknown key 'source' (did you mean 'source_match'?)",
        ),
        (f"{BASE}? [a]\n: b\n", "am.yml:3: a key must be a text"),
    ],
)
def test_what_does_not_hold_together_is_named_with_its_line_and_key(text: str, complaint: str) -> None:
    with pytest.raises(InputError) as caught:
        rewrite_routing(text, URL, "am.yml")

    assert str(caught.value).startswith(complaint)


def test_a_small_file_that_stands_for_a_huge_one_is_refused() -> None:
    lines = ["receivers: &a0 [x]"] + [f"x{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]

    with pytest.raises(InputError, match="too large with all its aliases"):
        rewrite_routing("\n".join(lines), URL)
    with pytest.raises(InputError, match="nested too deeply"):
        rewrite_routing("route: &a {routes: [*a]}", URL)


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-9, 9)
    | st.sampled_from(["a", "b", "1s", "SECRET", "a=b", "[", "\u2028\x7f\U0001f600"])
)
KEYS = st.sampled_from(
    [
        *("global", "route", "routes", "receivers", "inhibit_rules", "time_intervals", "mute_time_intervals"),
        *("receiver", "name", "matchers", "match", "group_by", "group_wait", "continue", "labels", "templates"),
        *("webhook_configs", "slack_configs", "url", "api_url", "x_configs", "http_config", "equal", "times"),
    ]
)
TREES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=5), max_leaves=25
)


def assert_only_ours(routing: Routing) -> None:
    """Assert that a configuration notifies nobody but us."""
    after = load(routing.text)
    assert set(after) <= {"global", "route", "inhibit_rules", "receivers", "time_intervals", "mute_time_intervals"}
    assert set(after.get("global", {})) <= {"resolve_timeout"}
    for receiver in after["receivers"]:
        assert set(receiver) == {"name", "webhook_configs"}
        (entry,) = receiver["webhook_configs"]
        assert set(entry) == {"url", "send_resolved", "max_alerts"}
        assert entry["url"].startswith(f"{URL}?receiver=")


def assert_harmless(text: str) -> None:
    """Assert that a file is refused in one line, or notifies nobody but us."""
    problem = None
    try:
        assert_only_ours(rewrite_routing(text, URL))
    except InputError as error:
        problem = str(error)
    assert problem is None or "\n" not in problem


@given(TREES | st.dictionaries(KEYS, TREES, max_size=6))
@settings(max_examples=120, deadline=None)
def test_whatever_the_file_holds_the_outcome_is_one_line_or_only_ours(tree: Any) -> None:
    assert_harmless(json.dumps(tree))


@given(st.text())
@settings(max_examples=120, deadline=None)
@example("a: !!binary x")
@example("a: !!python/object:x y")
@example("%YAML 9.9\n---\na: b")
@example("<<: 1\nroute: {receiver: a}")
def test_whatever_the_text_is_the_outcome_is_one_line_or_only_ours(text: str) -> None:
    assert_harmless(text)
    assert_harmless(f"{BASE}{text}")


@st.composite
def configurations(draw: st.DrawFn) -> dict[str, Any]:
    """Return configurations that Alertmanager accepts, with notifiers of several kinds."""
    names = draw(st.lists(st.sampled_from(["a", "b", "c d", "ü/#?&", "null", "1.0", "yes"]), min_size=1, unique=True))
    notifiers = st.fixed_dictionaries(
        {},
        optional={
            "webhook_configs": st.just([{"url": "http://example.org/SECRET"}]),
            "slack_configs": st.just([{"api_url": "http://example.org/SECRET", "channel": "SECRET"}]),
            "pagerduty_configs": st.just([{"routing_key": "SECRET"}]),
        },
    )
    values = st.sampled_from(["x", "y", "", "1.0", "ä b"])
    matchers = st.builds(
        lambda label, operator, value: f"{label}{operator}{json.dumps(value, ensure_ascii=False)}",
        st.sampled_from(["severity", "team"]),
        st.sampled_from(["=", "!=", "=~", "!~"]),
        values,
    )
    leaves = st.fixed_dictionaries(
        {"receiver": st.sampled_from(names)},
        optional={
            "continue": st.booleans(),
            "matchers": st.lists(matchers, max_size=2),
            "match": st.dictionaries(st.sampled_from(["severity", "team"]), values, max_size=2),
            "group_wait": st.sampled_from(["0s", "5s", "1m30s"]),
            "group_by": st.just(["alertname"]),
        },
    )
    routes = draw(st.lists(leaves, max_size=4))
    for route in routes:
        route["routes"] = draw(st.lists(leaves, max_size=2))
    return {
        "route": {"receiver": names[0], "routes": routes},
        "receivers": [{"name": name, **draw(notifiers)} for name in names],
    }


@given(configurations(), st.sampled_from(["x", "y", "1.0"]), st.sampled_from(["x", "ä b"]))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_an_alert_is_routed_to_the_same_receivers_as_before(
    amtool: Path, tmp_path: Path, config: dict[str, Any], severity: str, team: str
) -> None:
    def receivers(text: str) -> str:
        file = tmp_path / "routed.yml"
        file.write_text(text, encoding="utf-8")
        command = [
            str(amtool),
            "config",
            "routes",
            "test",
            f"--config.file={file}",
            f"severity={severity}",
            f'team="{team}"',
        ]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    before = json.dumps(config, ensure_ascii=False)
    after = rewrite_routing(before, URL).text

    assert "SECRET" not in after
    assert receivers(after) == receivers(before) != ""
