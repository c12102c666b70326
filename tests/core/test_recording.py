"""What a run leaves."""

from __future__ import annotations

import hashlib

from simulator.core.recording import Recording


def recorded(*scrapes: tuple[float, dict[tuple[str, ...], int]]) -> Recording:
    recording = Recording(15.0, 5.0)
    for at, values in scrapes:
        recording.add(at, values)
    return recording


def test_scrapes_are_kept_in_order() -> None:
    recording = recorded((5.0, {("a",): 1}), (20.0, {("a",): 2}))
    assert recording.times == [5.0, 20.0]
    assert recording.scrapes == [{("a",): 1}, {("a",): 2}]


def test_the_series_are_those_of_every_scrape_sorted() -> None:
    recording = recorded((5.0, {("b", "x"): 1, ("a",): 1}), (20.0, {("a",): 1, ("b", "w"): 1}))
    assert recording.series_keys() == [("a",), ("b", "w"), ("b", "x")]


def test_the_digest_does_not_depend_on_the_order_in_which_series_were_born() -> None:
    one = recorded((5.0, {("a",): 1, ("b",): 2}))
    other = recorded((5.0, {("b",): 2, ("a",): 1}))
    assert one.digest() == other.digest()


def test_the_digest_sees_every_value_every_time_and_every_series() -> None:
    runs: list[list[tuple[float, dict[tuple[str, ...], int]]]] = [
        [],
        [(5.0, {})],
        [(5.0, {("a",): 1})],
        [(5.0, {("a",): 2})],
        [(6.0, {("a",): 1})],
        [(5.0, {("b",): 1})],
        [(5.0, {("a", "b"): 1})],
        [(5.0, {("a",): 1}), (20.0, {("a",): 1})],
        [(5.0, {("a",): 1, ("b",): 1})],
    ]
    assert len({recorded(*scrapes).digest() for scrapes in runs}) == len(runs)


def test_the_digest_is_the_sha256_of_a_line_for_every_sample() -> None:
    expected = hashlib.sha256(b"5.0\na|x=1\nb=2\n\n20.0\na|x=3\n\n").hexdigest()
    assert recorded((5.0, {("b",): 2, ("a", "x"): 1}), (20.0, {("a", "x"): 3})).digest() == expected
