"""How the clients of a game day that are to come over the bus are started."""

from __future__ import annotations

import shlex
import socket

from simulator.gameday.invitation import invite
from simulator.scenario.schema import Scenario

FLEET = {"clients": 9, "session_lifetime": "90s", "offline": "500ms", "ramp": "1m", "profiles": {"reference": 1}}


def make_scenario(**fleet: object) -> Scenario:
    return Scenario.model_validate(
        {"scenario": "s", "summary": "S.", "seed": 4, "duration": "1m", "fleet": {**FLEET, **fleet}}
    )


def test_each_span_of_clients_has_a_command_with_the_scenarios_own_habits() -> None:
    first, second = invite(make_scenario(), "10.0.0.1", (4000, 4001), {0, 1, 5})
    assert first == (
        "syncstorm fleet --url ws://10.0.0.1:4000/socket/websocket --tokens http://10.0.0.1:4001 --clients 9 --seed 4 "
        "--members 0-1 --session-lifetime 1m30s --offline 500ms --ramp 1m --profile reference=1.0"
    )
    assert "--members 5-5" in second


def test_shares_of_profiles_lose_nothing_and_other_topics_are_named() -> None:
    scenario = make_scenario(profiles={"reference": 1 / 3, "desktop": 2 / 3}, topics=["a", "b c"])
    (line,) = invite(scenario, "h", (1, 2), {0})
    words = shlex.split(line)
    assert words[words.index("--profile") :] == ["--profile", f"reference={1 / 3}", f"desktop={2 / 3}"]
    assert [words[place + 1] for place, word in enumerate(words) if word == "--topic"] == ["a", "b c"]


def test_a_server_that_listens_everywhere_is_reached_by_this_machines_name() -> None:
    (line,) = invite(make_scenario(), "0.0.0.0", (1, 2), {0})
    assert f"ws://{socket.gethostname()}:1/" in line
