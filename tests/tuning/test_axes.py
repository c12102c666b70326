from __future__ import annotations

import pytest

from simulator.alerting.outcomes import Setting
from simulator.errors import InputError
from simulator.tuning.axes import default_axes, parse_sweep, show_axes, with_sweep
from simulator.tuning.stage import Blip

TODAY = Setting(0.05, 300.0, 600.0)


def test_the_defaults_lie_around_todays_setting_and_have_it_in_them() -> None:
    axes = default_axes(TODAY, 15.0)

    assert axes.thresholds == (0.013, 0.025, 0.05, 0.075, 0.1, 0.2)
    assert axes.windows == (60.0, 120.0, 180.0, 300.0, 420.0, 600.0)
    assert axes.fors == (0.0, 60.0, 120.0, 180.0, 300.0, 420.0, 600.0)
    assert axes.keeps == (0.0,)
    assert axes.durations == (300.0, 480.0, 900.0)


def test_a_rule_without_hold_and_range_gets_holds_and_no_windows() -> None:
    axes = default_axes(Setting(0.0, None, 0.0), 15.0)

    assert axes.windows == ()
    assert axes.fors == (0.0, 60.0, 120.0, 180.0, 300.0)
    assert axes.thresholds == (0.0, 1.0)


def test_no_default_window_is_too_short_for_the_scrapes() -> None:
    assert default_axes(TODAY, 60.0).windows[0] == 300.0


def test_a_sweep_replaces_the_axes_that_it_names_and_no_others() -> None:
    given = parse_sweep(
        ["level=0.1,1 duration=5m,90s clients=100", "seeds=3 threshold=0.1 for=0 blip=0.5@1m blips=2/d"]
    )
    axes = with_sweep(default_axes(TODAY, 15.0), given)

    assert (axes.levels, axes.durations, axes.clients, axes.seeds) == ((0.1, 1.0), (300.0, 90.0), (100,), 3)
    assert (axes.thresholds, axes.fors) == ((0.1,), (0.0,))
    assert (axes.blips.kinds, axes.blips.per_day) == ((Blip(0.5, 60.0),), 2.0)
    assert axes.windows == default_axes(TODAY, 15.0).windows


def test_what_is_shown_can_be_given_back() -> None:
    axes = default_axes(TODAY, 15.0)
    texts = [f"{key}={value}" for key, value in show_axes(axes).items()]

    assert with_sweep(axes, parse_sweep(texts)) == axes


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("levle=1", "--sweep: unknown axis 'levle' (did you mean 'level'?)"),
        ("level", "--sweep: 'level' is not KEY=VALUES (write it like level=0.25,1)"),
        ("level=0", "--sweep: level: '0' is no level; it takes a number above 0 and up to 1"),
        ("level=nan", "--sweep: level: 'nan' is not a finite number"),
        ("level=1 level=2", "--sweep: level: is there twice (write its values with commas)"),
        ("duration=5x", "--sweep: duration: '5x' is not a duration; write it like 15s, 5m or 1h30m"),
        ("window=0s", "--sweep: window: '0s' is no time; it takes more than 0s"),
        ("clients=0", "--sweep: clients: '0' does not fit; it takes a whole number from 1 to 100000"),
        ("seeds=2,3", "--sweep: seeds: takes one value, not 2"),
        ("seeds=²", "--sweep: seeds: '²' does not fit; it takes a whole number from 1 to 1000"),
        ("threshold=a", "--sweep: threshold: 'a' is not a number"),
        ("quiet_days=0", "--sweep: quiet_days: '0' does not fit; it takes a number from 0.25 to 1000"),
        ("blip=0.5", "--sweep: blip: '0.5' is no blip; write it as LEVEL@DURATION, like 0.05@2m"),
    ],
)
def test_what_does_not_fit_is_named(text: str, said: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_sweep([text])

    assert str(caught.value) == said
