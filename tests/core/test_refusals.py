"""Refusals that say more than a code: their form on the wire, and hostile ones."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.core.codec import decode_message, encode_message
from simulator.core.messages import ErrorPush, Frame, Problem, Reply
from simulator.core.refusals import (
    INCOMPATIBLE,
    RateLimited,
    Revoked,
    SlowConsumer,
    SupportWindow,
    read_detail,
    write_detail,
)
from simulator.core.responses import read_problem, write_problem
from simulator.errors import FrameError

REVOKED = {
    "code": "reauth_required",
    "message": "session access was revoked; sign in again",
    "reauth_required": True,
    "reason": "admin_revoked",
}
TOO_OLD = {
    "code": "upgrade_required",
    "message": "too old",
    "retryable": False,
    "upgrade_required": True,
    "surface": "khala_websocket",
    "min_client_build_id": "20260221T000000Z",
    "max_client_build_id": None,
    "min_schema_version": 1,
    "max_schema_version": 2,
    "protocol_version": "khala.ws.v1",
}
SLOW = {
    "code": "slow_consumer",
    "message": "client cannot keep up with live fanout",
    "action": "disconnect",
    "topic": "a",
    "queue_depth": 2,
    "queue_limit": 2,
    "reconnect_after_ms": 2000,
    "full_resync_required": True,
}
LIMITED = {"code": "rate_limited", "message": "m", "reason_code": "poll_interval_guard", "retry_after_ms": 250}

GOLDEN: list[tuple[dict[str, Any], Problem]] = [
    (
        REVOKED,
        Problem("reauth_required", "session access was revoked; sign in again", detail=Revoked("admin_revoked")),
    ),
    (
        TOO_OLD,
        Problem("upgrade_required", "too old", detail=SupportWindow("khala.ws.v1", "20260221T000000Z", "", 1, 2)),
    ),
    (
        {**TOO_OLD, "code": "unsupported_client_build", "max_client_build_id": "b"},
        Problem(
            "unsupported_client_build",
            "too old",
            detail=SupportWindow("khala.ws.v1", "20260221T000000Z", "b", 1, 2),
        ),
    ),
    (
        SLOW,
        Problem(
            "slow_consumer",
            "client cannot keep up with live fanout",
            detail=SlowConsumer("disconnect", "a", 2, 2, 2000),
        ),
    ),
    (
        {**SLOW, "action": "throttle", "full_resync_required": False},
        Problem(
            "slow_consumer",
            "client cannot keep up with live fanout",
            detail=SlowConsumer("throttle", "a", 2, 2, 2000),
        ),
    ),
    (LIMITED, Problem("rate_limited", "m", detail=RateLimited("poll_interval_guard", 250))),
]


@pytest.mark.parametrize(("payload", "problem"), GOLDEN, ids=lambda value: getattr(value, "code", ""))
def test_a_refusal_has_the_fields_of_the_original(payload: dict[str, Any], problem: Problem) -> None:
    assert write_problem(problem) == payload
    assert read_problem(payload) == problem


@pytest.mark.parametrize("problem", [problem for _, problem in GOLDEN])
def test_a_refusal_survives_as_reply_push_and_frame(problem: Problem) -> None:
    for message in (Reply("1", problem), ErrorPush(problem), Frame("ERROR", "sync.auth", 0, problem)):
        assert decode_message(encode_message(message, "1")).message == message


def test_only_a_slow_consumer_is_asked_to_stay_away_for_a_while() -> None:
    assert [problem.reconnect_after_ms for _, problem in GOLDEN] == [None, None, None, 2000, 2000, None]


HOSTILE = [
    ({**REVOKED, "reauth_required": 1}, "reauth_required is true or false"),
    ({**REVOKED, "reauth_required": False}, "reauth_required is true"),
    ({**REVOKED, "reason": None}, "reason is text"),
    ({**TOO_OLD, "upgrade_required": False}, "upgrade_required is true"),
    ({**TOO_OLD, "min_client_build_id": 7}, "min_client_build_id is text"),
    ({**TOO_OLD, "max_client_build_id": []}, "max_client_build_id is text"),
    ({**TOO_OLD, "max_schema_version": -1}, "max_schema_version is a whole number"),
    ({**SLOW, "action": "stall"}, "action is throttle or disconnect"),
    ({**SLOW, "full_resync_required": False}, "full_resync_required goes with the action disconnect"),
    ({**SLOW, "reconnect_after_ms": 2.5}, "reconnect_after_ms is a whole number"),
    ({**SLOW, "queue_depth": True}, "queue_depth is a whole number"),
    ({**LIMITED, "retry_after_ms": "soon"}, "retry_after_ms is a whole number"),
]


@pytest.mark.parametrize(("payload", "message"), HOSTILE, ids=[message for _, message in HOSTILE])
def test_a_hostile_refusal_is_one_clean_error(payload: dict[str, Any], message: str) -> None:
    with pytest.raises(FrameError, match=message):
        read_problem(payload)


@pytest.mark.parametrize("payload", [REVOKED, TOO_OLD, SLOW, LIMITED], ids=lambda payload: payload["code"])
def test_a_refusal_that_lacks_a_field_is_one_clean_error(payload: dict[str, Any]) -> None:
    for name in payload.keys() - {"code", "message", "surface", "retryable", "max_client_build_id"}:
        with pytest.raises(FrameError, match=name):
            read_problem({key: value for key, value in payload.items() if key != name})


def test_a_code_that_says_no_more_is_read_without() -> None:
    assert read_detail("forbidden_topic", {"reason": 7}) is None


TEXT = st.text(max_size=20)
NUMBER = st.integers(0, 2**63 - 1)
DETAILS = st.one_of(
    st.builds(Revoked, TEXT).map(lambda detail: ("reauth_required", detail)),
    st.tuples(st.sampled_from(INCOMPATIBLE), st.builds(SupportWindow, TEXT, TEXT, TEXT, NUMBER, NUMBER)),
    st.builds(SlowConsumer, st.sampled_from(("throttle", "disconnect")), TEXT, NUMBER, NUMBER, NUMBER).map(
        lambda detail: ("slow_consumer", detail)
    ),
    st.builds(RateLimited, TEXT, NUMBER).map(lambda detail: ("rate_limited", detail)),
)


@given(DETAILS)
def test_what_is_written_is_read(entry: tuple[str, Any]) -> None:
    code, detail = entry
    assert read_detail(code, write_detail(detail)) == detail
