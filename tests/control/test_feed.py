"""The node's message as bytes: what is written is read, anything else is refused with its place."""

from __future__ import annotations

import asyncio
import json
import os
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from faults import load_faults
from simulator.conditions import (
    KNOBS,
    Conditions,
    DropConnections,
    PurgeTopics,
    ResetCounters,
    ResetSequences,
    Settings,
    Share,
)
from simulator.control.feed import MOST_BYTES, Lines, decode, encode, read_feed
from simulator.control.lease import NodeMessage, Struck
from simulator.errors import InputError

FAULTS = load_faults()
MESSAGE = NodeMessage(
    "run-1",
    7,
    30.0,
    Conditions.fold(
        Settings().with_value("retention.horizon", 120.0),
        [
            ("drift", FAULTS["auth.key-drift"](), Share(0.3, "east")),
            ("cut", FAULTS["cursor.retention-cut"](), Share(1)),
        ],
    ),
    (
        Struck("i1", "restart", DropConnections(Share(0.5, "x"))),
        Struck("i2", "restart", ResetCounters()),
        Struck("i3", "purge", PurgeTopics()),
        Struck("i4", "restore", ResetSequences(0.25)),
    ),
)
PLAIN = json.loads(encode(MESSAGE))


def test_a_message_says_what_the_plan_of_the_feed_says() -> None:
    assert set(PLAIN) == {"v", "controller", "serial", "lease_s", "conditions", "impulses"}
    assert PLAIN["impulses"][0] == {
        "id": "i1",
        "injection": "restart",
        "kind": "drop_connections",
        "share": {"fraction": 0.5, "cohort": "x"},
    }
    assert b"\n" not in encode(MESSAGE)


def test_what_is_written_is_read() -> None:
    assert decode(encode(MESSAGE)) == MESSAGE


@pytest.mark.parametrize("name", FAULTS)
def test_every_fault_survives_the_way_to_a_node(name: str) -> None:
    fault, share = FAULTS[name](), Share(0.4, "c")
    impulses = tuple(Struck(f"i{n}", "i", impulse) for n, impulse in enumerate(fault.impulses(share)))
    message = NodeMessage("c", 1, 5.0, Conditions.fold(Settings(), [("i", fault, share)]), impulses)
    assert decode(encode(message)) == message


def _changed(path: tuple[str | int, ...], value: Any) -> bytes:
    data = json.loads(encode(MESSAGE))
    target = data
    for key in path[:-1]:
        target = target[key]
    target[path[-1]] = value
    return json.dumps(data).encode()


@pytest.mark.parametrize(
    ("path", "value", "problem"),
    [
        (("v",), 2, "v: version '2' is not known"),
        (("serial",), -1, "serial: '-1' does not fit; it takes a whole number"),
        (("serial",), True, "serial: true does not fit"),
        (("serial",), 2**80, "serial: .* does not fit"),
        (("lease_s",), 0, "lease_s: a lease is above 0s"),
        (("lease_s",), 1e300, "lease_s: a lease is above 0s and at most 600s"),
        (("lease_s",), "30", "lease_s: '30' does not fit; it takes a number"),
        (("controller",), "", "controller: '' does not fit"),
        (("controller",), "x" * 1000, "controller: .* at most 300 characters"),
        (("surprise",), 1, "unknown key 'surprise'"),
        (("conditions",), [], "conditions: a list does not fit; it takes a mapping"),
        (("conditions", "baseline"), {"issuer.kit": "x"}, "unknown knob 'issuer.kit' .did you mean 'issuer.kid'"),
        (("conditions", "baseline"), {"issuer.ttl": "5m"}, "'5m' does not fit issuer.ttl"),
        (("conditions", "baseline"), {"issuer.ttl": 0}, "conditions.baseline.issuer.ttl: 0s is too small"),
        (("conditions", "baseline"), {"issuer.answer": 1}, "does not fit answer"),
        (("conditions", "variations", 0, "share"), 1.5, r"variations\[0\].share: a share is between 0 and 1"),
        (("conditions", "variations", 0, "knob"), "x.y", r"variations\[0\].knob: unknown knob"),
        (("conditions", "variations", 2, "share"), 0.5, r"variations\[2\].share: .* takes no share of the clients"),
        (("conditions", "variations"), [{}] * 2000, "variations: a list does not fit; it takes a list of at most"),
        (("impulses", 0, "kind"), "explode", r"impulses\[0\].kind: 'explode' is no kind of impulse"),
        (("impulses", 0, "share"), 0.5, r"impulses\[0\].share: '0.5' does not fit; it takes a mapping"),
        (("impulses", 0), None, r"impulses\[0\].kind: null is no kind"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_place(path: tuple[str | int, ...], value: Any, problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        decode(_changed(path, value))


@pytest.mark.parametrize("key", list(PLAIN))
def test_no_key_may_be_left_out(key: str) -> None:
    data = {name: value for name, value in PLAIN.items() if name != key}
    with pytest.raises(InputError, match=f"{key}: is missing"):
        decode(json.dumps(data).encode())


@pytest.mark.parametrize(
    "raw", [b"", b"nonsense", b"[" * 100_000, b"null", b"\xff\xfe", b'{"v": NaN}', b" " * (MOST_BYTES + 1)]
)
def test_what_is_no_message_at_all_is_refused(raw: bytes) -> None:
    with pytest.raises(InputError):
        decode(raw)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
_PATHS = st.sampled_from(
    [
        *((key,) for key in PLAIN),
        ("conditions", "baseline"),
        ("conditions", "variations"),
        *(("conditions", "variations", 0, key) for key in PLAIN["conditions"]["variations"][0]),
        ("impulses", 0),
        *(("impulses", 0, key) for key in PLAIN["impulses"][0]),
        ("impulses", 0, "share", "fraction"),
    ]
)


@settings(deadline=None)
@given(_PATHS, _JSON)
def test_any_value_at_any_place_is_read_or_refused_and_nothing_else(path: tuple[str | int, ...], value: Any) -> None:
    try:
        message = decode(_changed(path, value))
    except InputError:
        return
    assert decode(encode(message)) == message


@settings(deadline=None)
@given(st.sampled_from(sorted(KNOBS)), _JSON)
def test_any_value_of_any_knob_is_of_the_knobs_own_type_or_refused(knob: str, value: Any) -> None:
    try:
        message = decode(_changed(("conditions", "baseline"), {knob: value}))
    except InputError:
        return
    default = KNOBS[knob].setting.default
    assert isinstance(message.conditions.baseline.get(knob), type(default))


# --- the line protocol


@settings(deadline=None)
@given(st.lists(st.binary(max_size=30).map(lambda line: line.replace(b"\n", b""))), st.data())
def test_lines_come_out_whole_however_the_bytes_are_cut(lines: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(line + b"\n" for line in lines)
    cutter, found = Lines(most_bytes=20), []
    while stream:
        size = data.draw(st.integers(1, len(stream)))
        found += cutter.feed(stream[:size])
        stream = stream[size:]
    assert found == [line for line in lines if 0 < len(line) <= 20]
    assert cutter.dropped == sum(len(line) > 20 for line in lines)


def _read(*chunks: bytes) -> tuple[list[NodeMessage], list[str]]:
    async def run() -> tuple[list[NodeMessage], list[str]]:
        stream = asyncio.StreamReader()
        messages: list[NodeMessage] = []
        problems: list[str] = []
        for chunk in chunks:
            stream.feed_data(chunk)
        stream.feed_eof()
        async with asyncio.timeout(10):
            await read_feed(stream, messages.append, lambda error: problems.append(str(error)))
        return messages, problems

    return asyncio.run(run())


def test_messages_on_a_pipe_are_handed_on_until_it_ends() -> None:
    line = encode(MESSAGE) + b"\n"
    assert _read(line[:10], line[10:] + line, b"\n", line[:50]) == ([MESSAGE, MESSAGE], [])


def test_what_cannot_be_read_on_a_pipe_is_told_and_skipped() -> None:
    messages, problems = _read(b"junk\n", b"x" * (MOST_BYTES + 5), b"\n" + encode(MESSAGE) + b"\n")
    assert messages == [MESSAGE]
    assert [problem.split(":")[0] for problem in problems] == ["not JSON", "a line is too long; at most 262144 bytes"]


def test_a_real_pipe_whose_writer_dies_ends_the_reading() -> None:
    async def run() -> list[NodeMessage]:
        readable, writable = os.pipe()
        stream = asyncio.StreamReader()
        protocol = asyncio.StreamReaderProtocol(stream)
        with os.fdopen(readable, "rb", buffering=0) as pipe:
            transport, _ = await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, pipe)
            os.write(writable, encode(MESSAGE) + b"\n" + encode(MESSAGE)[:9])
            os.close(writable)
            messages: list[NodeMessage] = []
            async with asyncio.timeout(10):
                await read_feed(stream, messages.append, lambda error: pytest.fail(str(error)))
            transport.close()
        return messages

    assert asyncio.run(run()) == [MESSAGE]
