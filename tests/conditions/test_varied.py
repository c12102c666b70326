"""The conditions in force: a baseline folded through the active faults."""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.conditions import (
    EVERYONE,
    KNOBS,
    Conditions,
    Fault,
    Population,
    Settings,
    Share,
    Variation,
    setting,
    vary_interval,
)
from simulator.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable

CLIENTS = Population(20, 3)
HALF = Share(0.5)
BASELINE = Settings()


@dataclass(frozen=True, slots=True)
class Kid(Fault):
    """The issuer names another key."""

    kid: str = setting("k2", "key id")

    def distort(self, conditions: Conditions, share: Share) -> Conditions:
        """Vary the knob."""
        return conditions.vary("issuer.kid", self.kid, share)


@dataclass(frozen=True, slots=True)
class Audience(Fault):
    """The issuer names another audience."""

    def distort(self, conditions: Conditions, share: Share) -> Conditions:
        """Vary the knob."""
        return conditions.vary("issuer.audience", "drifted", share)


@dataclass(frozen=True, slots=True)
class Cut(Fault):
    """The horizon moves."""

    horizon: float = setting(5.0, "horizon")

    def distort(self, conditions: Conditions, share: Share) -> Conditions:
        """Shift the knob."""
        return conditions.shift("retention.horizon", self.horizon, share)


def kids(conditions: Conditions) -> list[str]:
    """Return the key id that each client meets."""
    return [settings.issuer.kid for settings, _ in conditions.settings_by_client(CLIENTS)]


# --- varying a knob


def test_without_variations_everyone_meets_the_baseline() -> None:
    conditions = Conditions(BASELINE)
    assert conditions.settings() == BASELINE
    assert conditions.settings_by_client(CLIENTS) == [(BASELINE, {})] * 20


def test_a_share_of_the_clients_meets_the_other_value_and_the_rest_the_baseline() -> None:
    members = CLIENTS.members(Share(0.3))
    conditions = Conditions().vary("issuer.kid", "k2", Share(0.3))
    assert kids(conditions) == ["k2" if client in members else "sync-auth-v1" for client in range(20)]
    assert len(members) == 6


def test_what_holds_for_a_share_does_not_hold_for_everyone() -> None:
    assert Conditions().vary("issuer.kid", "k2", HALF).settings() == BASELINE
    assert Conditions().vary("issuer.kid", "k2").settings().issuer.kid == "k2"


def test_varying_leaves_the_conditions_it_came_from_alone() -> None:
    before = Conditions()
    before.vary("issuer.kid", "k2")
    assert before == Conditions()


def test_a_share_of_nobody_varies_nothing() -> None:
    assert Conditions().vary("issuer.kid", "k2", Share(0.0)) == Conditions()


def test_where_variations_of_a_knob_overlap_the_later_holds() -> None:
    conditions = Conditions().vary("issuer.kid", "k2").vary("issuer.kid", "k3", HALF)
    members = CLIENTS.members(HALF)
    assert kids(conditions) == ["k3" if client in members else "k2" for client in range(20)]


def test_cohorts_overlap_by_chance_and_each_has_its_own_members() -> None:
    conditions = Conditions().vary("issuer.kid", "k2", Share(0.5, "one")).vary("issuer.audience", "a2", Share(0.5, "x"))
    met = [(s.issuer.kid, s.issuer.audience) for s, _ in conditions.settings_by_client(CLIENTS)]
    assert [kid == "k2" for kid, _ in met] == [CLIENTS.includes(client, Share(0.5, "one")) for client in range(20)]
    assert [audience == "a2" for _, audience in met] == [
        CLIENTS.includes(client, Share(0.5, "x")) for client in range(20)
    ]


def test_an_unknown_knob_is_refused_with_the_nearest() -> None:
    with pytest.raises(InputError, match=r"did you mean 'issuer\.kid'"):
        Conditions().vary("issuer.kidd", "k2")


@pytest.mark.parametrize("path", [path for path, knob in KNOBS.items() if knob.shared])
def test_a_knob_that_all_share_takes_no_share(path: str) -> None:
    with pytest.raises(ValueError, match="one setting for the whole system"):
        Conditions().vary(path, 1, HALF)
    assert Conditions().vary(path, 1).settings().get(path) == 1


# --- shifting a knob that all share


def test_a_shift_moves_a_knob_for_everyone_by_the_shares_fraction() -> None:
    base = BASELINE.with_value("retention.horizon", 100.0)
    assert Conditions(base).shift("retention.horizon", 20.0, Share(0.25)).settings().retention.horizon == 80.0
    assert Conditions(base).shift("retention.horizon", 20.0, EVERYONE).settings().retention.horizon == 20.0


def test_a_shift_by_nothing_or_to_where_it_is_changes_nothing() -> None:
    assert Conditions().shift("retention.horizon", 20.0, Share(0.0)) == Conditions()
    assert Conditions().shift("retention.horizon", 86400.0, HALF) == Conditions()


def test_a_shift_goes_on_from_where_the_last_one_left() -> None:
    base = BASELINE.with_value("retention.horizon", 100.0)
    shifted = Conditions(base).shift("retention.horizon", 0.001, HALF).shift("retention.horizon", 100.0005, HALF)
    assert shifted.settings().retention.horizon == pytest.approx(75.0005)


def test_a_shift_of_a_whole_number_stays_one() -> None:
    moved = Conditions().shift("retention.max_events", 10, Share(0.3)).settings().retention.max_events
    assert type(moved) is int
    assert moved == 700_003


# --- who altered what


def test_each_client_knows_the_injections_that_altered_its_knobs() -> None:
    conditions = Conditions.fold(BASELINE, [("drift", Kid(), HALF), ("aud", Audience(), EVERYONE)])
    members = CLIENTS.members(HALF)
    for client, (_, altered) in enumerate(conditions.settings_by_client(CLIENTS)):
        assert altered == {"issuer.audience": "aud"} | ({"issuer.kid": "drift"} if client in members else {})


def test_the_later_of_two_injections_is_the_one_that_altered_a_knob() -> None:
    conditions = Conditions.fold(BASELINE, [("one", Kid("k2"), EVERYONE), ("two", Kid("k3"), EVERYONE)])
    assert conditions.settings_by_client(CLIENTS)[0][1] == {"issuer.kid": "two"}


def test_an_injection_that_puts_a_knob_where_it_is_alters_nothing() -> None:
    conditions = Conditions.fold(BASELINE, [("same", Kid("sync-auth-v1"), EVERYONE)])
    assert conditions.settings_by_client(CLIENTS) == [(BASELINE, {})] * 20


# --- the fold


def test_the_fold_of_no_faults_is_the_baseline() -> None:
    assert Conditions.fold(BASELINE, []) == Conditions(BASELINE)


def test_two_faults_on_one_knob_the_later_injection_wins() -> None:
    one, two = ("one", Kid("k2"), EVERYONE), ("two", Kid("k3"), EVERYONE)
    assert Conditions.fold(BASELINE, [one, two]).settings().issuer.kid == "k3"
    assert Conditions.fold(BASELINE, [two, one]).settings().issuer.kid == "k2"


@given(st.lists(st.tuples(st.sampled_from(["a", "b", "c"]), st.floats(0, 1), st.sampled_from(["", "x"])), max_size=6))
def test_where_faults_on_one_knob_overlap_each_client_has_what_the_last_one_that_takes_it_says(
    entries: list[tuple[str, float, str]],
) -> None:
    injections = [(f"i{n}", Kid(kid), Share(part, cohort)) for n, (kid, part, cohort) in enumerate(entries)]
    expected = []
    for client in range(20):
        taken = [kid for (kid, part, cohort) in entries if CLIENTS.includes(client, Share(part, cohort))]
        expected.append(taken[-1] if taken else BASELINE.issuer.kid)
    assert kids(Conditions.fold(BASELINE, injections)) == expected


@given(st.lists(st.tuples(st.floats(1, 9e4), st.floats(0, 1)), max_size=5))
def test_faults_that_shift_one_knob_shift_it_one_after_another(entries: list[tuple[float, float]]) -> None:
    injections = [(f"i{n}", Cut(horizon), Share(part)) for n, (horizon, part) in enumerate(entries)]
    expected = BASELINE.retention.horizon
    for horizon, part in entries:
        expected += (horizon - expected) * part
    assert Conditions.fold(BASELINE, injections).settings().retention.horizon == pytest.approx(expected)


def test_two_shifts_halfway_to_one_value_come_nearer_than_one_and_their_order_counts() -> None:
    base = BASELINE.with_value("retention.horizon", 100.0)
    half = Share(0.5)
    twice = Conditions.fold(base, [("one", Cut(0.0), half), ("two", Cut(0.0), half)])
    assert twice.settings().retention.horizon == 25
    forth = Conditions.fold(base, [("one", Cut(0.0), half), ("two", Cut(200.0), half)])
    back = Conditions.fold(base, [("two", Cut(200.0), half), ("one", Cut(0.0), half)])
    assert (forth.settings().retention.horizon, back.settings().retention.horizon) == (125, 75)


def test_when_the_earlier_of_two_shifts_ends_the_later_starts_from_the_baseline() -> None:
    base = BASELINE.with_value("retention.horizon", 100.0)
    left = Conditions.fold(base, [("two", Cut(0.0), Share(0.5))])
    assert left.settings().retention.horizon == 50


def test_faults_that_add_words_to_one_knob_all_hold() -> None:
    conditions = Conditions().append("exporter.unfed", "socket_auth", HALF).append("exporter.unfed", "token_mint", HALF)
    assert conditions.settings().exporter.unfed == "socket_auth token_mint"
    assert conditions.append("exporter.unfed", "x", Share(0.0)) == conditions


def test_faults_on_different_knobs_do_not_mind_their_order() -> None:
    one, two = ("one", Kid(), HALF), ("two", Audience(), EVERYONE)
    forth, back = Conditions.fold(BASELINE, [one, two]), Conditions.fold(BASELINE, [two, one])
    assert forth.settings_by_client(CLIENTS) == back.settings_by_client(CLIENTS)


def test_a_fault_with_a_share_of_nobody_is_not_in_the_fold() -> None:
    assert Conditions.fold(BASELINE, [("none", Kid(), Share(0.0))]) == Conditions(BASELINE)


def test_the_fold_leaves_no_injection_open() -> None:
    folded = Conditions.fold(BASELINE, [("one", Kid(), EVERYONE)])
    assert folded.injection == ""
    assert folded.variations == (Variation("issuer.kid", "k2", EVERYONE, "one"),)


VARIED: list[tuple[str, Callable[[Conditions, Share], Conditions]]] = [
    ("kid 2", lambda conditions, share: conditions.vary("issuer.kid", "k2", share)),
    ("kid 3", lambda conditions, share: conditions.vary("issuer.kid", "k3", share)),
    ("silence", lambda conditions, share: conditions.vary("clients.heartbeats", value=False, share=share)),
    ("cut", lambda conditions, share: conditions.shift("retention.horizon", 5.0, share)),
]


@dataclass(frozen=True, slots=True)
class Chosen(Fault):
    """One of the distortions above."""

    number: int = setting(0, "which")

    def distort(self, conditions: Conditions, share: Share) -> Conditions:
        """Distort."""
        return VARIED[self.number][1](conditions, share)


INJECTIONS = st.lists(
    st.tuples(
        st.integers(0, len(VARIED) - 1).map(Chosen), st.builds(Share, st.floats(0, 1), st.sampled_from(["", "canary"]))
    ),
    max_size=5,
)


@given(INJECTIONS, INJECTIONS)
def test_halting_a_fault_is_as_if_it_had_never_been(kept: list[Any], halted: list[Any]) -> None:
    """There is nothing to roll back: the fold without a fault does not know that it was ever active."""
    named = [(f"kept-{number}", *entry) for number, entry in enumerate(kept)]
    others = [(f"halted-{number}", *entry) for number, entry in enumerate(halted)]
    mixed = [entry for pair in itertools.zip_longest(named, others) for entry in pair if entry is not None]
    before = Conditions.fold(BASELINE, named)
    Conditions.fold(BASELINE, mixed)
    remaining = [entry for entry in mixed if entry[0].startswith("kept")]
    assert Conditions.fold(BASELINE, remaining) == before
    assert Conditions.fold(BASELINE, []) == Conditions(BASELINE)


@given(INJECTIONS)
def test_conditions_survive_the_way_through_json(active: list[Any]) -> None:
    base = BASELINE.with_value("retention.horizon", 600.0).with_value("issuer.kid", "k0")
    conditions = Conditions.fold(base, [(f"i-{number}", *entry) for number, entry in enumerate(active)])
    assert Conditions.from_dict(json.loads(json.dumps(conditions.to_dict()))) == conditions


def test_conditions_in_good_health_are_almost_nothing_as_data() -> None:
    assert Conditions().to_dict() == {"baseline": {}, "variations": []}


def test_conditions_as_data_say_what_is_varied_for_whom_and_by_which_injection() -> None:
    conditions = Conditions.fold(BASELINE.with_value("liveness.tick", 5.0), [("one", Kid(), Share(0.5, "canary"))])
    assert conditions.to_dict() == {
        "baseline": {"liveness.tick": 5.0},
        "variations": [
            {"knob": "issuer.kid", "value": "k2", "share": 0.5, "cohort": "canary", "injection": "one"},
        ],
    }


def test_an_interval_grows_as_the_level_falls_and_level_zero_is_none() -> None:
    calm = Conditions()
    values = [
        vary_interval(calm, "publishing.failed", 5, Share(level)).settings().publishing.failed
        for level in (1, 0.5, 0.1)
    ]
    assert values == [5, 10, 50]
    assert vary_interval(calm, "publishing.failed", 5, Share(0.0)) == calm
