"""A game day through the console, in a real browser: the facilitator's page, the participant's, and who is kept out."""

from __future__ import annotations

import json
import re
import signal
import subprocess
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import httpx
import pytest
from playwright.sync_api import sync_playwright
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from tests.console.chromium import find_chromium
from tests.console.game import ARGUMENTS, Game, at_browser
from tests.gameday.days import command, wait

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Browser

    from tests.console.game import Person

FAULT = "auth.missing-token"
ALERT = "SocketAuthFailureRatioHigh"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Start the browser."""
    with sync_playwright() as playwright:
        running = find_chromium().launch(playwright)
        yield running
        running.close()


@pytest.fixture(scope="module")
def game(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Game]:
    """Run the game day that all tests of this file look at."""
    game = Game(tmp_path_factory.mktemp("console"), list(ARGUMENTS))
    game.begin()
    yield game
    game.kill()


@pytest.fixture(scope="module")
def people(browser: Browser, game: Game) -> Iterator[dict[str, Person]]:
    """Sit a facilitator and a participant down."""
    with ExitStack() as stack:
        sit = {name: stack.enter_context(at_browser(browser)) for name in ("Ann", "Bob")}
        sit["Ann"].enter(game.links["facilitators"], "Ann")
        sit["Bob"].enter(game.links["participants"], "Bob")
        yield sit


def test_a_token_in_a_link_is_not_left_in_the_address(people: dict[str, Person], game: Game) -> None:
    assert people["Ann"].page.url == f"{game.url}/"
    assert people["Bob"].page.url == f"{game.url}/participant"


def test_a_game_day_is_steered_from_the_form_and_followed_to_its_alert(people: dict[str, Person]) -> None:
    ann, bob = people["Ann"], people["Bob"]
    ann.choose_fault("cursor.long-offline")
    ann.button("Prepare, hidden").click()
    ann.see("cursor.long-offline at 1")

    ann.choose_fault(FAULT)
    level = ann.page.get_by_role("slider", name="Level")
    level.focus()
    for _ in range(4):
        ann.page.keyboard.press("ArrowLeft")
    ann.see("80 %")
    ann.button("Inject now").click()
    ann.page.get_by_text(re.compile(r"level 0\.8 .* ends in \dm\d+s .* lease \d+s")).wait_for()

    ann.see("pending")
    ann.page.get_by_text(re.compile(r"^fires in \d+s$")).wait_for()
    bob.see("FIRING")
    ann.see("FIRING")


def test_a_participant_responds_with_the_keyboard_alone(people: dict[str, Person]) -> None:
    ann, bob = people["Ann"], people["Bob"]
    bob.button(f"Acknowledge {ALERT}").focus()
    for key in ("Shift+Tab", "Tab"):  # browsers show the focus of whoever uses the keyboard
        bob.page.keyboard.press(key)
    assert bob.page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    bob.page.keyboard.press("Enter")
    bob.see(f"acknowledged {ALERT}")
    bob.see("Auth and token failures, for " + ALERT)
    bob.page.get_by_text("give the verifier the issuer's key").wait_for()  # the step that comes next
    bob.button("Ask for a hint").click()
    ann.see("asked for a hint")
    ann.page.get_by_label("A hint for the participants").fill("Compare what <b>both</b> sides call the key.")
    ann.button("Give hint").click()
    bob.see("Compare what <b>both</b> sides call the key.")
    ann.page.get_by_label("What you see or do").fill("Cem has the floor from here")
    ann.button("Hand over").click()
    ann.see("facilitators only")
    bob.page.get_by_label("What you see or do").fill("rolled the issuer back")
    bob.button("Mitigated").click()
    ann.see("rolled the issuer back")
    ann.page.get_by_text(re.compile(r"^to mitigate: \d+s$")).wait_for()


def test_participants_were_told_nothing_of_the_injection(people: dict[str, Person], game: Game) -> None:
    bob = people["Bob"]
    told = "\n".join([*bob.told, bob.page.content()])
    assert ALERT in told
    for secret in (FAULT, "missing-token", "long-offline", "Cem has the floor", game.token("facilitators")):
        assert secret not in told


def test_pictures_of_both_pages_are_left(people: dict[str, Person]) -> None:
    people["Ann"].shoot("facilitator")
    people["Bob"].shoot("participant")


def test_what_was_entered_survives_a_reload(people: dict[str, Person]) -> None:
    ann = people["Ann"]
    ann.button("Theme: as the system").click()
    ann.button("Theme: dark").wait_for()
    ann.page.reload()
    ann.see("rolled the issuer back")
    ann.button("Theme: dark").wait_for()
    assert ann.page.get_by_label("Fault", exact=True).input_value() == FAULT
    ann.see("80 %")


def test_a_halt_ends_everything_and_is_seen_by_all(people: dict[str, Person], browser: Browser, game: Game) -> None:
    ann, bob = people["Ann"], people["Bob"]
    ann.page.set_viewport_size({"width": 390, "height": 844})
    ann.page.evaluate("scrollTo(0, document.body.scrollHeight)")
    halt = ann.page.get_by_role("button", name="Halt: end every fault and refuse new ones")
    box = halt.bounding_box()
    assert box is not None
    assert 0 <= box["y"] < 844 - box["height"]  # in view, wherever the page is
    with at_browser(browser) as cem:
        cem.enter(game.links["facilitators"], "Cem")  # another facilitator, at another browser
        cem.button(f"End {FAULT}-1").wait_for()
        halt.click()
        for person in (ann, bob, cem):
            person.see("HALTED")
        cem.see("No fault is active.")
    ann.choose_fault(FAULT)
    ann.button("Inject now").click()
    ann.page.get_by_text("halted: no fault can be injected").wait_for()
    ann.button("Release").click()
    ann.button("Halt: end every fault and refuse new ones").wait_for()
    ann.page.set_viewport_size({"width": 1280, "height": 900})


def test_once_it_is_revealed_participants_see_the_injection(people: dict[str, Person]) -> None:
    ann, bob = people["Ann"], people["Bob"]
    bob.see("Nothing is revealed yet.")
    ann.button(f"Reveal {FAULT}-1").click()
    bob.see(FAULT)
    assert "long-offline" not in bob.page.content()


# --- who is kept out


def _log_in(game: Game, token: str) -> httpx.Response:
    return httpx.post(
        f"{game.url}/login", data={"token": token, "name": "Eve"}, headers={"Origin": game.url}, trust_env=False
    )


def _cookie(game: Game, who: str) -> str:
    return _log_in(game, game.token(who)).headers["set-cookie"].partition(";")[0]


def test_a_session_is_kept_from_scripts_and_from_other_sites(game: Game) -> None:
    cookie = _log_in(game, game.token("participants")).headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert game.token("participants").lower() not in cookie


@pytest.mark.parametrize("path", ["/", "/participant", "/_nicegui_ws/socket.io/?EIO=4&transport=polling", "/none"])
def test_without_a_session_there_is_nothing(game: Game, path: str) -> None:
    answer = httpx.get(f"{game.url}{path}", trust_env=False)
    assert answer.status_code == 401
    answer = httpx.get(f"{game.url}{path}", headers={"Accept": "text/html"}, trust_env=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/login")


def test_a_wrong_token_is_refused(game: Game) -> None:
    answer = _log_in(game, "guess")
    assert answer.status_code == 401
    assert "set-cookie" not in answer.headers


def test_a_participant_is_led_to_the_participants_page(game: Game) -> None:
    headers = {"Cookie": _cookie(game, "participants")}
    answer = httpx.get(f"{game.url}/", headers=headers, trust_env=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/participant")


def test_a_participants_token_does_nothing_at_the_control_api_but_what_is_for_participants(game: Game) -> None:
    headers = {"Authorization": f"Bearer {game.token('participants')}"}
    url = game.control_url()
    assert httpx.post(f"{url}/halt", headers=headers, trust_env=False).status_code == 403
    assert httpx.get(f"{url}/journal", headers=headers, trust_env=False).status_code == 403
    assert httpx.get(f"{url}/oncall", headers=headers, trust_env=False).status_code == 200


@contextmanager
def _socket(game: Game, cookie: str) -> Iterator[Callable[[str], bool]]:
    """Open a socket as the pages do; what is returned asks to speak for a page, and tells whether that was granted."""
    url = f"{game.url.replace('http', 'ws')}/_nicegui_ws/socket.io/?EIO=4&transport=websocket"
    with connect(url, additional_headers={"Cookie": cookie, "Origin": game.url}, proxy=None) as socket:
        socket.recv(10)
        socket.send("40")
        assert str(socket.recv(10)).startswith("40")

        def shake_hands(client: str) -> bool:
            message = {"client_id": client, "tab_id": "t", "document_id": "d", "next_message_id": 0}
            socket.send("421" + json.dumps(["handshake", message]))
            while not (said := str(socket.recv(10))).startswith("431"):
                pass
            return bool(json.loads(said[3:])[0])

        yield shake_hands


def _page_of(game: Game, cookie: str, path: str) -> str:
    html = httpx.get(f"{game.url}{path}", headers={"Cookie": cookie}, trust_env=False).text
    found = re.search(r"client_id\W{1,20}([0-9a-f]{8}-[0-9a-f-]{27})", html)
    assert found is not None
    return found[1]


def test_no_socket_can_speak_for_a_page_of_another_session(game: Game) -> None:
    facilitator, participant = _cookie(game, "facilitators"), _cookie(game, "participants")
    theirs = _page_of(game, facilitator, "/")
    with _socket(game, participant) as eve, _socket(game, facilitator) as ann:
        assert not eve(theirs)
        assert ann(theirs)  # the same words, from the session that opened it
        assert eve(_page_of(game, participant, "/participant"))


@pytest.mark.parametrize("origin", ["http://127.0.0.1:9", "http://evil.example", "null"])
def test_another_page_cannot_open_a_socket_or_send_a_form(game: Game, origin: str) -> None:
    cookie = _cookie(game, "facilitators")
    url = f"{game.url.replace('http', 'ws')}/_nicegui_ws/socket.io/?EIO=4&transport=websocket"
    headers = {"Cookie": cookie, "Origin": origin}
    with pytest.raises(InvalidStatus, match="403"), connect(url, additional_headers=headers, proxy=None):
        pass
    assert httpx.get(f"{game.url}/participant", headers=headers, trust_env=False).status_code == 403
    assert httpx.post(f"{game.url}/login", headers=headers, data={}, trust_env=False).status_code == 403


# --- `syncstorm console`


def _start_console(game: Game, **environment: str) -> subprocess.Popen[str]:
    around = {**game.environment, "SYNCSTORM_URL": game.control_url(), **environment}
    return subprocess.Popen(command("console"), env=around, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_a_game_day_that_runs_already_gets_a_console(game: Game) -> None:
    process = _start_console(game, SYNCSTORM_TOKEN=game.token("facilitators"))
    try:
        assert process.stdout is not None
        links = [process.stdout.readline().split()[1] for _ in range(2)]
        assert [link.partition("#token=")[2] for link in links] == [
            game.token("facilitators"),
            game.token("participants"),
        ]
        assert httpx.get(links[0], trust_env=False).status_code == 200
    finally:
        process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert (process.returncode, errors) == (130, "syncstorm: interrupted\n")
    assert len(game.processes("simulator.console")) == 1


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"SYNCSTORM_TOKEN": "guess"}, "the control API refuses the token"),
        ({"SYNCSTORM_URL": "http://127.0.0.1:9"}, "no control API at http://127.0.0.1:9"),
    ],
)
def test_a_console_of_nothing_is_refused_in_one_line(game: Game, environment: dict[str, str], said: str) -> None:
    _, errors = _start_console(game, **{"SYNCSTORM_TOKEN": "x", **environment}).communicate(timeout=60)
    assert said in errors
    assert errors.count("\n") == 1


# --- the end; this comes last


def test_the_page_says_when_the_game_day_is_over(people: dict[str, Person], game: Game) -> None:
    assert {host for person in people.values() for host in person.hosts} == {game.url.removeprefix("http://")}
    assert [problem for person in people.values() for problem in person.problems] == []
    children = game.processes("simulator.console")
    assert children
    game.process.send_signal(2)
    people["Ann"].page.get_by_text(re.compile(r"^The game day is over: [A-Z]+\.")).wait_for()
    people["Bob"].page.get_by_text(re.compile(r"^The game day is over\.")).wait_for()
    outcome = game.end()
    done = [(entry["who"], entry["what"]) for entry in outcome.journal if entry["event"] == "action"]
    assert done == [
        ("Bob", "acknowledge"),
        ("Bob", "ask"),
        ("Ann", "hint"),
        ("Ann", "handover"),
        ("Bob", "mitigate"),
        ("Ann", "reveal"),
    ]
    wait(lambda: not game.processes(), "the end of every process")
    for token in (game.token("participants"), game.token("facilitators")):
        left = [file for file in (game.folder / "out").rglob("*") if file.is_file() and token in file.read_text()]
        assert left == []
