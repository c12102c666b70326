"""What must page and what must not: the user's own words about the incidents of a sweep."""

from __future__ import annotations

import math
import operator
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from simulator.durations import format_duration, parse_duration
from simulator.errors import InputError, Place, show, unknown_name

if TYPE_CHECKING:
    from collections.abc import Callable

    from simulator.tuning.trial import Trial

DEFAULT_OBJECTIVE = "page level>=0.25 duration>=8m; ignore level<=0.02 or duration<=1m"
"""A quarter of the clients for eight minutes must page, 2 % of them or one minute must not; between, either is fine."""

DEFAULT_MOMENTARY_OBJECTIVE = "page level>=0.25; ignore level<=0.02"
"""The same for what happens once and has no duration."""

Role = Literal["quiet", "page", "ignore", "either"]
"""What is wanted of an alert in a trial."""

_FLAG = Place("--objective")
_EXAMPLE = "write it like 'page level>=0.25 duration>=8m; ignore level<=0.02 or duration<=1m'"
_OPERATORS: dict[str, Callable[[float, float], bool]] = {
    ">=": operator.ge, "<=": operator.le, ">": operator.gt, "<": operator.lt, "=": operator.eq,
}  # fmt: skip
_CONDITION = re.compile(r"(?P<what>[a-z_]+)\s*(?P<sign>>=|<=|>|<|=)\s*(?P<value>\S+)")


@dataclass(frozen=True, slots=True)
class Condition:
    """One comparison, such as `level>=0.25`; durations are seconds."""

    what: str
    sign: str
    value: float

    def holds(self, trial: Trial) -> bool:
        """Tell whether a trial is so."""
        return _OPERATORS[self.sign](_QUANTITIES[self.what](trial), self.value)

    def __str__(self) -> str:
        text = format_duration(self.value) if self.what == "duration" else f"{self.value:g}"
        return f"{self.what}{self.sign}{text}"


@dataclass(frozen=True, slots=True)
class Region:
    """The incidents for which all conditions of one of the alternatives hold."""

    alternatives: tuple[tuple[Condition, ...], ...] = ()

    def holds(self, trial: Trial) -> bool:
        """Tell whether a trial is in it."""
        return any(all(one.holds(trial) for one in conditions) for conditions in self.alternatives)

    def __str__(self) -> str:
        return " or ".join(" ".join(map(str, conditions)) for conditions in self.alternatives)


@dataclass(frozen=True, slots=True)
class Objective:
    """Which incidents must page and which must not; of all others, either is fine."""

    page: Region
    ignore: Region = Region()

    def role(self, trial: Trial) -> Role:
        """Return what is wanted in a trial.

        Raises:
            InputError: the objective wants that the trial pages, and that it does not.
        """
        if trial.is_quiet:
            return "quiet"
        page, ignore = self.page.holds(trial), self.ignore.holds(trial)
        if page and ignore:
            incident = (
                f"level {trial.level:g} for {format_duration(trial.duration_seconds)} with {trial.clients} clients"
            )
            raise InputError(f"wants that {incident} pages, and that it does not", _FLAG, "make one of them narrower")
        return "page" if page else "ignore" if ignore else "either"

    def __str__(self) -> str:
        return f"page {self.page}" + (f"; ignore {self.ignore}" if self.ignore.alternatives else "")


def parse_objective(text: str) -> Objective:
    """Return the objective in a text such as `level>=0.25 duration>=8m`, which says what must page.

    `; ignore ...` says what must not. Conditions in a row must all hold; `or` divides alternatives. `level` is 0 to 1,
    `duration` is written as Prometheus does, `clients` is how many there are; compared with >=, <=, >, <, =.

    Raises:
        InputError: it cannot be read, or does not say what must page.
    """
    regions: dict[str, Region] = {}
    for part in filter(None, (part.strip() for part in text.split(";"))):
        word, _, rest = part.partition(" ")
        name, body = (word, rest) if word in ("page", "ignore") else ("page", part)
        if name in regions:
            raise InputError(f"says twice what to {name}", _FLAG, "join the two with 'or'")
        regions[name] = Region(tuple(_conjunction(one) for one in re.split(r"\bor\b", body)))
    if "page" not in regions:
        raise InputError("does not say what must page", _FLAG, _EXAMPLE)
    return Objective(**regions)


def default_objective(*, momentary: bool) -> Objective:
    """Return what is wanted where the user does not say."""
    return parse_objective(DEFAULT_MOMENTARY_OBJECTIVE if momentary else DEFAULT_OBJECTIVE)


def _conjunction(text: str) -> tuple[Condition, ...]:
    """Return the conditions in a text, of which there is at least one and nothing else."""
    found, end = [], 0
    for match in _CONDITION.finditer(text):
        _expect_nothing(text[end : match.start()])
        found.append(_condition(match["what"], match["sign"], match["value"]))
        end = match.end()
    _expect_nothing(text[end:])
    if not found:
        raise InputError("has a place without any condition", _FLAG, _EXAMPLE)
    return tuple(found)


def _expect_nothing(text: str) -> None:
    if rest := text.replace(" and ", " ").strip():
        raise InputError(f"{show(rest)} is no condition", _FLAG, _EXAMPLE)


def _condition(what: str, sign: str, text: str) -> Condition:
    if what not in _QUANTITIES:
        raise unknown_name("quantity", what, _QUANTITIES, _FLAG)
    place = Place("--objective", None, what)
    try:
        value = parse_duration(text) if what == "duration" else float(text)
    except ValueError as error:
        problem = str(error) if what == "duration" else f"{show(text)} is not a number"
        raise InputError(problem, place) from None
    if what == "level" and not 0 <= value <= 1:
        raise InputError(f"{show(text)} is no level", place, "a level is from 0 to 1")
    if not math.isfinite(value) or value < 0:
        raise InputError(f"{show(text)} does not fit", place, "it takes zero or more")
    return Condition(what, sign, value)


_QUANTITIES: dict[str, Callable[[Trial], float]] = {
    "level": lambda trial: trial.level,
    "duration": lambda trial: trial.duration_seconds,
    "clients": lambda trial: trial.clients,
}
