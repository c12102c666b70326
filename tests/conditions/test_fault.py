"""The base of every fault, its parameters and its impulses."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, dataclass
from typing import TYPE_CHECKING, Literal

import pytest

from simulator.conditions import (
    EVERYONE,
    Conditions,
    DropConnections,
    Fault,
    ResetCounters,
    Seconds,
    Share,
    description_of,
    parse_parameters,
    setting,
    summary_of,
)
from simulator.errors import InputError, Place

if TYPE_CHECKING:
    from simulator.conditions import Impulse


@dataclass(frozen=True, slots=True)
class Slow(Fault):
    """Frames are late.

    A person sees a spinner. Seen by: no alert.
    """

    by: Seconds = setting(1.0, "how late", at_least=0.1)
    way: Literal["both", "up"] = setting("both", "which way")

    def distort(self, conditions: Conditions, share: Share) -> Conditions:
        """Delay them."""
        return conditions.vary("network.latency", self.by, share)


@dataclass(frozen=True, slots=True)
class Bang(Fault):
    """Everything drops once."""

    def impulses(self, share: Share) -> tuple[Impulse, ...]:
        """Drop, and begin anew."""
        return (DropConnections(share), ResetCounters())


PLACE = Place("game.yaml", 12, "timeline.0")


def test_a_fault_of_its_own_changes_no_conditions_and_emits_nothing() -> None:
    conditions = Conditions()
    assert Fault().distort(conditions, EVERYONE) is conditions
    assert Fault().impulses(EVERYONE) == ()
    assert Fault.seen_by == ()


def test_a_fault_that_only_emits_impulses_is_momentary() -> None:
    assert Bang.is_momentary()
    assert not Slow.is_momentary()


def test_an_impulse_knows_whom_it_strikes() -> None:
    assert Bang().impulses(Share(0.5)) == (DropConnections(Share(0.5)), ResetCounters())


def test_the_description_has_a_line_for_each_paragraph_of_the_docstring() -> None:
    class Told(Slow):
        """Frames are late.

        By as much
        as one says.

        Seen by: nobody.
        """

    assert description_of(Told) == "Frames are late.\n\nBy as much as one says.\n\nSeen by: nobody."


def test_the_summary_is_the_first_line_of_the_docstring() -> None:
    assert summary_of(Slow) == "Frames are late."


def test_a_fault_is_a_value() -> None:
    assert Slow(2.0) == Slow(2.0) != Slow(3.0)
    with pytest.raises(FrozenInstanceError):
        Slow().by = 2.0  # type: ignore[misc]


def test_parameters_are_read_as_their_own_types_and_the_others_keep_their_defaults() -> None:
    assert parse_parameters(Slow, "network.slow", {"by": "250ms"}, PLACE) == Slow(0.25, "both")
    assert parse_parameters(Slow, "network.slow", {}, PLACE) == Slow()


def test_an_unknown_parameter_is_named_with_its_place_and_the_nearest() -> None:
    with pytest.raises(InputError) as caught:
        parse_parameters(Slow, "network.slow", {"wy": "up"}, PLACE)
    expected = "game.yaml:12: timeline.0.wy: unknown parameter of network.slow 'wy' (did you mean 'way'?)"
    assert str(caught.value) == expected


@pytest.mark.parametrize(("key", "value"), [("by", "soon"), ("by", "50ms"), ("way", "down"), ("way", None)])
def test_a_parameter_that_does_not_fit_is_refused_at_its_place(key: str, value: object) -> None:
    with pytest.raises(InputError, match=rf"^game\.yaml:12: timeline\.0\.{key}: "):
        parse_parameters(Slow, "network.slow", {key: value}, PLACE)


def test_without_a_key_path_the_place_is_the_parameter_alone() -> None:
    with pytest.raises(InputError, match=r"^--set: by: "):
        parse_parameters(Slow, "network.slow", {"by": "soon"}, Place("--set"))
