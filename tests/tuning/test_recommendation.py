"""A plateau beats a lucky spike, held-out runs have the last word, and what fails is named with its margin."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.alerting.outcomes import Setting
from simulator.errors import InputError
from simulator.tuning.frontier import find_front
from simulator.tuning.plateau import Grid, measure_depths
from simulator.tuning.policy import Policy, check_policy
from simulator.tuning.recommendation import Recommendation, describe_change, recommend
from simulator.tuning.scores import Aftermath, Detection, FalseAlarms, Recall, Score, Unwanted
from simulator.tuning.statistics import Interval, poisson_rate, wilson

LINE = tuple(Setting(threshold, 300.0, 0.0) for threshold in (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7))
POLICY = Policy(min_recall=0.9, max_false_per_day=0.5, max_detection_seconds=300.0)


def made(
    setting: Setting,
    recall: float = 1.0,
    false: float = 0.0,
    detection: float = 100.0,
    *,
    incidents: int = 1000,
    days: float = 1000.0,
    at_most: float | None = None,
) -> Score:
    """Return a score of so much data, and `false` is per day."""
    paged = recall * incidents
    return Score(
        setting,
        Recall(
            incidents, paged, 0, 0, incidents - paged, recall if incidents else None, wilson(paged, incidents), recall
        ),
        FalseAlarms(false * days, 0, days, false if days else None, poisson_rate(false * days, days)),
        Unwanted(0, 0, None, None),
        Detection(
            incidents,
            detection / 2,
            detection,
            Interval(detection / 2 - 5, detection / 2 + 5),
            Interval(detection - 5, detection + 5),
            detection,
            at_most,
        ),
        Aftermath(0, 0, None, None, 0),
        None,
    )


def line(recalls: list[float], **more: float) -> list[Score]:
    return [made(setting, recall, **more) for setting, recall in zip(LINE, recalls, strict=True)]  # type: ignore[arg-type]


def choose(tuning: list[Score], held_out: list[Score] | None = None, *, policy: Policy = POLICY) -> Recommendation:
    return recommend(policy, tuning, tuning if held_out is None else held_out, 0)


# --- the choice


def test_a_lucky_spike_next_to_bad_neighbours_loses_against_a_plateau() -> None:
    #                    today  spike        plateau
    found = choose(line([0.2, 1.0, 0.2, 0.96, 0.96, 0.96, 0.2]))

    assert found.outcome == "change"
    assert found.chosen is not None
    assert found.chosen.number == 4
    assert found.chosen.failing_neighbours == 0
    assert found.chosen.depth == 2


def test_a_spike_that_is_all_there_is_comes_with_a_warning() -> None:
    found = choose(line([0.2, 0.2, 1.0, 0.2, 0.2, 0.2, 0.2]))

    assert found.chosen is not None
    assert found.chosen.number == 2
    assert any(text.startswith("2 settings beside it break the policy (recall at least 0.9") for text in found.caveats)


def test_the_worst_case_among_neighbours_decides_between_equal_plateaus() -> None:
    wider = tuple(Setting(x / 10, 300.0, 0.0) for x in range(11))
    scores = [made(setting, recall) for setting, recall in
              zip(wider, [0.1, 0.95, 0.99, 0.95, 0.1, 0.1, 0.98, 0.98, 0.98, 0.1, 0.1], strict=True)]  # fmt: skip

    found = choose(scores)

    assert found.chosen is not None
    assert found.chosen.number == 7  # the peak of the other one is higher, its neighbours are worse


def test_held_out_runs_refute_the_first_choice_and_the_next_one_is_taken() -> None:
    tuning = line([0.2, 0.2, 0.99, 0.99, 0.99, 0.99, 0.99])
    held_out = line([0.2, 0.2, 0.99, 0.99, 0.5, 0.99, 0.99])

    assert choose(tuning).chosen.number == 4  # type: ignore[union-attr]
    found = choose(tuning, held_out)

    assert found.outcome == "change"
    assert [candidate.number for candidate in found.refuted] == [4]
    assert found.chosen is not None
    assert found.chosen.number in (3, 5)
    assert not found.chosen.is_refuted


def test_where_held_out_runs_refute_every_choice_none_is_recommended() -> None:
    found = choose(line([0.2, 0.99, 0.99, 0.99, 0.2, 0.2, 0.2]), line([0.2, 0.5, 0.7, 0.6, 0.2, 0.2, 0.2]))

    assert found.outcome == "refuted"
    assert found.chosen is None
    assert found.best is not None
    assert found.best.number == 2
    assert "recall at least 0.9: measured 0.7" in found.reason
    assert "on held-out runs" in found.reason


def test_today_is_refuted_like_every_other_setting() -> None:
    found = choose(line([0.99, 0.2, 0.2, 0.2, 0.2, 0.2, 0.2]), line([0.4, 0.2, 0.2, 0.2, 0.2, 0.2, 0.2]))

    assert found.outcome == "refuted"
    assert found.best is not None
    assert found.best.number == 0


# --- no change


def test_a_setting_that_keeps_the_policy_stays_where_nothing_is_better_beyond_its_intervals() -> None:
    found = choose(line([0.97, 0.972, 0.975, 0.975, 0.972, 0.97, 0.97]))

    assert found.outcome == "no_change"
    assert found.chosen is None
    assert found.reason.startswith("No change: today's setting keeps the policy")


def test_a_setting_that_keeps_the_policy_goes_where_one_is_better_beyond_its_intervals() -> None:
    found = choose(line([0.93, 0.93, 0.999, 0.999, 0.999, 0.93, 0.93]))

    assert found.outcome == "change"
    assert found.chosen is not None
    assert found.chosen.number == 3
    assert "better beyond the intervals: recall" in found.reason


def test_what_is_better_in_one_thing_and_worse_in_another_is_no_reason_to_change() -> None:
    better = line([0.93] + [0.999] * 6)
    worse_too = [better[0], *(made(score.setting, 0.999, false=0.2) for score in better[1:])]

    assert choose(better).outcome == "change"
    assert choose(worse_too).outcome == "no_change"


# --- what fails, line by line


@pytest.mark.parametrize(
    ("best", "others", "reason"),
    [
        (
            {"recall": 0.8},
            {"recall": 0.3},
            "recall at least 0.9: measured 0.8, at least 0.774 with 95 % confidence, missed by 0.126",
        ),
        (
            {"false": 1.0},
            {"false": 9.0},
            "false alarms a day at most 0.5: measured 1, at most 1.06 with 95 % confidence, missed by 0.564",
        ),
        (
            {"detection": 420.0},
            {"detection": 900.0},
            "detection (p95) within 5m: measured 7m, missed by 2m",
        ),
        (
            {"detection": 290.0, "at_most": 310.0},
            {"detection": 900.0},
            "detection (p95) within 5m: measured 4m50s, at most 5m10s with 95 % confidence, missed by 10s",
        ),
    ],
)
def test_where_nothing_satisfies_the_nearest_names_the_line_and_the_margin(
    best: dict[str, float], others: dict[str, float], reason: str
) -> None:
    scores = [made(setting, **(best if number == 3 else others)) for number, setting in enumerate(LINE)]  # type: ignore[arg-type]

    found = choose(scores)

    assert found.outcome == "nothing_satisfies"
    assert found.chosen is None
    assert found.best is not None
    assert found.best.number == 3
    assert found.reason == (f"Nothing satisfies the policy. The nearest is threshold 0.4, window 5m, for 0s: {reason}.")


@pytest.mark.parametrize(
    ("incidents", "days", "word"), [(0, 1000.0, "an incident that must page"), (1000, 0.0, "quiet days")]
)
def test_no_data_is_never_a_pass(incidents: int, days: float, word: str) -> None:
    empty = [made(setting, incidents=incidents, days=days) for setting in LINE]
    full = [made(setting) for setting in LINE]

    for found in (choose(empty, full), choose(full, empty)):
        assert found.outcome == "inconclusive"
        assert found.chosen is None
        assert word in found.reason


# --- how far it can be trusted


def test_with_enough_data_the_worse_end_of_the_interval_decides() -> None:
    check = check_policy(Policy(0.9, None), made(LINE[0], 0.905))[0]

    assert (check.result, check.used) == ("violated", "interval")
    assert check.judged == pytest.approx(0.885, abs=1e-3)


def test_with_little_data_a_bound_is_kept_but_not_shown_and_the_report_says_what_it_takes() -> None:
    policy = Policy(min_recall=0.95, max_false_per_day=0.1, max_detection_seconds=300.0)
    found = choose(line([0.2] + [1.0] * 6, incidents=20, days=2.0), policy=policy)

    assert found.outcome == "change"
    assert found.chosen is not None
    assert {check.result for check in found.chosen.tuning} == {"unshown"}
    assert found.caveats[-1].startswith(
        "Kept on the runs for choosing and held-out runs, with too little data to show it"
    )
    assert "false alarms a day at most 0.1 (it takes 36.9 quiet days, not 2.0)" in found.caveats[-1]
    assert "recall at least 0.95 (it takes 73 incidents, not 20)" in found.caveats[-1]


@given(st.floats(0, 3), st.floats(0.1, 500))
def test_a_rate_is_shown_only_if_its_whole_interval_is_under_the_bound(rate: float, days: float) -> None:
    score = made(LINE[0], false=rate, days=days)
    check = check_policy(Policy(None, 0.5), score)[0]

    assert score.false_alarms.interval is not None
    assert (check.result == "shown") == (score.false_alarms.interval.high <= 0.5)
    assert not check.holds or rate <= 0.5


@pytest.mark.parametrize(
    ("given_policy", "message"),
    [
        ({"min_recall": 1.0}, "--min-recall: '1.0' can never be shown by a finite number of runs"),
        ({"max_false_per_day": 0.0}, "--max-false-per-day: '0.0' can never be shown"),
        ({"max_detection_seconds": float("nan")}, "--max-detection: 'nan' can never be shown"),
        ({"min_recall": None, "max_false_per_day": None}, "the policy demands nothing"),
    ],
)
def test_a_policy_that_nothing_can_show_is_refused(given_policy: dict[str, float | None], message: str) -> None:
    with pytest.raises(InputError) as caught:
        Policy(**given_policy)

    assert str(caught.value).startswith(message)


# --- the grid


def test_holes_are_stepped_over_so_that_todays_odd_setting_does_not_part_neighbours() -> None:
    grid = Grid.of([*LINE, Setting(0.45, 60.0, 37.0)])

    assert grid.neighbours(3) == (2, 4)
    assert grid.neighbours(7) == ()
    assert grid.is_at_edge(7)


def test_beyond_the_grid_nothing_is_known_and_a_hold_of_zero_is_its_end_but_not_its_edge() -> None:
    grid = Grid.of([Setting(0.1, None, hold) for hold in (0.0, 60.0, 120.0, 180.0)])

    assert [grid.is_at_edge(number) for number in range(4)] == [False, False, False, True]
    assert measure_depths(grid, [True] * 4) == (1, 2, 2, 1)
    assert measure_depths(grid, [True, True, True, False]) == (1, 2, 1, 0)


@given(st.lists(st.booleans(), min_size=7, max_size=7))
def test_the_depth_of_a_setting_is_its_distance_to_what_is_bad_or_unknown(good: list[bool]) -> None:
    depths = measure_depths(Grid.of(LINE), good)

    bad = [-1, *(number for number, is_good in enumerate(good) if not is_good), len(LINE)]
    assert list(depths) == [min(abs(number - other) for other in bad) for number in range(len(LINE))]


# --- the front


MEASURES = st.tuples(st.sampled_from([0.5, 0.8, 1.0]), st.sampled_from([0.0, 1.0, 2.0]), st.integers(1, 4))


@given(st.lists(MEASURES, min_size=1, max_size=8))
@settings(max_examples=40, deadline=None)
def test_no_setting_on_the_front_is_beaten_and_every_one_off_it_is(values: list[tuple[float, float, int]]) -> None:
    scores = [made(replace(LINE[0], threshold=float(n)), r, f, float(d)) for n, (r, f, d) in enumerate(values)]
    front = find_front(scores)

    def beats(one: int, other: int) -> bool:
        (r1, f1, d1), (r2, f2, d2) = values[one], values[other]
        return r1 >= r2 and f1 <= f2 and d1 <= d2 and values[one] != values[other]

    for number in range(len(values)):
        assert (number in front) != any(beats(other, number) for other in range(len(values)))


def test_a_change_is_told_by_what_is_different() -> None:
    assert describe_change(Setting(0.05, 300.0, 600.0), Setting(0.1, 120.0, 180.0)) == (
        "the threshold from 0.05 to 0.1, the window from 5m to 2m and for from 10m to 3m"
    )
