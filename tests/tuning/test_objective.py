"""An objective says what must page and what must not, and a mistake in it is told in one line."""

from __future__ import annotations

import pytest

from simulator.errors import InputError
from simulator.tuning.objective import (
    DEFAULT_MOMENTARY_OBJECTIVE,
    DEFAULT_OBJECTIVE,
    default_objective,
    parse_objective,
)
from tests.tuning.arithmetic import incident, quiet


def test_all_conditions_in_a_row_must_hold_and_durations_are_written_as_prometheus_does() -> None:
    objective = parse_objective("level>=0.25 duration>=8m and clients>=50")

    assert objective.role(incident(0.25, 480.0, clients=50)) == "page"
    assert objective.role(incident(0.24, 480.0, clients=50)) == "either"
    assert objective.role(incident(0.25, 479.0, clients=50)) == "either"
    assert objective.role(incident(0.25, 480.0, clients=49)) == "either"


def test_one_of_the_alternatives_is_enough_to_be_ignored() -> None:
    objective = parse_objective("page level > 0.5; ignore level<=0.02 or duration<=1m")

    assert objective.role(incident(0.02, 600.0)) == "ignore"
    assert objective.role(incident(0.4, 60.0)) == "ignore"
    assert objective.role(incident(0.4, 61.0)) == "either"
    assert objective.role(quiet()) == "quiet"


def test_the_defaults_mean_what_they_say_and_read_as_they_are_written() -> None:
    assert str(default_objective(momentary=False)) == DEFAULT_OBJECTIVE
    assert str(default_objective(momentary=True)) == DEFAULT_MOMENTARY_OBJECTIVE
    assert default_objective(momentary=False).role(incident(1.0, 480.0)) == "page"
    assert default_objective(momentary=True).role(incident(1.0, 0.0)) == "page"


def test_an_incident_that_must_page_and_must_not_is_an_error_of_the_user() -> None:
    objective = parse_objective("page level>=0.5; ignore duration<=1m")

    with pytest.raises(InputError, match=r"^--objective: wants that level 1 for 30s with 100 clients pages, and that"):
        objective.role(incident(1.0, 30.0))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "--objective: does not say what must page"),
        ("ignore level<=0.1", "--objective: does not say what must page"),
        ("levle>=0.1", "--objective: unknown quantity 'levle' (did you mean 'level'?)"),
        ("level>=lots", "--objective: level: 'lots' is not a number"),
        ("level>=25", "--objective: level: '25' is no level (a level is from 0 to 1)"),
        ("level>=nan", "--objective: level: 'nan' is no level"),
        ("clients>=inf", "--objective: clients: 'inf' does not fit"),
        ("clients>=-5", "--objective: clients: '-5' does not fit"),
        ("duration>=8 minutes", "--objective: 'minutes' is no condition"),
        ("duration>=8min", "--objective: duration: '8min' is not a duration; write it like 15s, 5m or 1h30m"),
        ("level>=0.1 or", "--objective: has a place without any condition"),
        ("page level>=0.1; page level>=0.2", "--objective: says twice what to page (join the two with 'or')"),
        ("level=>0.1", "--objective: level: '>0.1' is not a number"),
        ("always", "--objective: 'always' is no condition"),
    ],
)
def test_a_mistake_is_told_in_one_line_with_how_to_go_on(text: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_objective(text)

    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)
