"""README quotes every figure that `make bench` and `make soak` measure, with the limit that they hold it to."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from benchmarks import live, steering, tuning, virtual

if TYPE_CHECKING:
    from benchmarks.figures import Goal

TEXT = (Path(__file__).parent.parent.parent / "README.md").read_text(encoding="utf-8")
GOALS = (*virtual.GOALS, *live.GOALS, *steering.GOALS, *tuning.GOALS)


def rows() -> dict[str, str]:
    """Return the limit of each row of the tables of figures, by its first cell."""
    section = TEXT[TEXT.index("\n## Figures") : TEXT.index("\n## Further")]
    cells = [[cell.strip() for cell in line.split("|")] for line in re.findall(r"^\|.*\|$", section, re.MULTILINE)]
    return {row[1]: row[3] for row in cells if row[1] not in {"what", "---"}}


@pytest.mark.parametrize("goal", GOALS, ids=lambda goal: goal.name)
def test_a_figure_is_quoted_with_its_limit(goal: Goal) -> None:
    assert rows()[goal.name] == goal.limit


def test_no_figure_is_quoted_that_is_not_measured() -> None:
    assert set(rows()) == {goal.name for goal in GOALS}
