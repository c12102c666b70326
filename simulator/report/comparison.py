"""Two rehearsals side by side: what differs in what went in, and what differs in what came out."""

from __future__ import annotations

import difflib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from simulator.report.account import Account
    from simulator.report.verdict import AlertEntry, Verdict


@dataclass(frozen=True, slots=True)
class Times:
    """What one rule did in one of the runs; `number` is its place in that run's verdict."""

    number: int
    alert: AlertEntry
    detected_s: float | None
    resolved_s: float | None

    @property
    def lateness_s(self) -> float | None:
        """Firing minus the incident's end."""
        return self.alert.lateness_s


@dataclass(frozen=True, slots=True)
class Pair:
    """One rule in both runs; None in the run that does not have it."""

    name: str
    before: Times | None
    after: Times | None

    def is_worth_a_row(self) -> bool:
        """Whether it was active in one of the runs, or is not the same in both."""
        sides = (self.before, self.after)
        if None in sides:
            return True
        states = {side.alert.state for side in sides if side is not None}
        return len(states) > 1 or any(side.alert.episodes or side.alert.expected for side in sides if side is not None)


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two rehearsals; `differences` are those of what went in: what, before, after; `rules_diff` that of the rules."""

    names: tuple[str, str]
    accounts: tuple[Account, Account]
    pairs: tuple[Pair, ...]
    differences: tuple[tuple[str, str, str], ...]
    rules_diff: tuple[str, ...]
    warnings: tuple[str, ...]

    @property
    def verdicts(self) -> tuple[Verdict, Verdict]:
        """The verdicts."""
        return self.accounts[0].verdict, self.accounts[1].verdict

    @property
    def duration_seconds(self) -> float:
        """How long the longer one was."""
        return max(verdict.duration_s for verdict in self.verdicts)


def compare(before: Account, after: Account, names: tuple[str, str]) -> Comparison:
    """Return what differs between two rehearsals; the names say which is which."""
    return Comparison(
        names=names,
        accounts=(before, after),
        pairs=tuple(_pairs(before.verdict, after.verdict)),
        differences=tuple(_differences(before, after)),
        rules_diff=_rules_diff(before, after),
        warnings=tuple(_warnings(before, after)),
    )


def _warnings(before: Account, after: Account) -> Iterator[str]:
    first, second = before.verdict, after.verdict
    if first.scenario != second.scenario:
        yield (
            f"these are different scenarios, {first.scenario} and {second.scenario}: their times are not about the same"
            " incident, and only rules and alerts of the same name can be held against each other"
        )
    for verdict, which in ((first, "first"), (second, "second")):
        if verdict.verdict == "INVALID":
            yield f"the {which} one is INVALID: {verdict.reasons[0] if verdict.reasons else 'it shows nothing'}"
    if first.mode != second.mode:
        yield f"the first is {first.mode} and the second {second.mode}: evaluations are at other times"


def _pairs(before: Verdict, after: Verdict) -> Iterator[Pair]:
    """Yield the rules of both runs; several of one name are told apart by their order."""
    first, second = _by_key(before), _by_key(after)
    for key in dict.fromkeys((*first, *second)):
        yield Pair(key[0] if key[1] == 0 else f"{key[0]} (rule {key[1] + 1})", first.get(key), second.get(key))


def _by_key(verdict: Verdict) -> dict[tuple[str, int], Times]:
    found: dict[tuple[str, int], Times] = {}
    spans = {entry.id: (entry.at_s, entry.until_s) for entry in verdict.injections}
    for number, alert in enumerate(verdict.alerts):
        place = sum(name == alert.alert for name, _ in found)
        at, until = spans.get(alert.injection or "", (None, None))
        found[alert.alert, place] = Times(
            number, alert, _minus(alert.firing_at_s, at), _minus(alert.resolved_at_s, until, fired=alert.firing_at_s)
        )
    return found


def _minus(at: float | None, since: float | None, fired: float | None = 0.0) -> float | None:
    return None if at is None or since is None or fired is None else round(at - since, 3)


def _differences(before: Account, after: Account) -> Iterator[tuple[str, str, str]]:
    first, second = before.verdict, after.verdict
    for what, one, other in (
        ("scenario", first.scenario, second.scenario),
        ("seed", first.seed, second.seed),
        ("syncstorm", first.version, second.version),
        ("mode", first.mode, second.mode),
        ("digest", _short(first.digest), _short(second.digest)),
    ):
        if one != other:
            yield what, _show(one), _show(other)
    plain = [{} if account.inputs is None else account.inputs.scenario for account in (before, after)]
    flat = [dict(_flatten(data)) for data in plain]
    for key in dict.fromkeys((*flat[0], *flat[1])):
        if flat[0].get(key) != flat[1].get(key) and key not in ("scenario", "seed"):
            yield key, _show(flat[0].get(key)), _show(flat[1].get(key))


def _flatten(data: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(data, dict) and data:
        for key, value in data.items():
            yield from _flatten(value, f"{path}.{key}" if path else str(key))
    elif isinstance(data, list) and data:
        for index, value in enumerate(data):
            yield from _flatten(value, f"{path}[{index}]")
    elif not isinstance(data, dict | list):
        yield path, data


def _short(digest: str | None) -> str | None:
    return None if digest is None else f"{digest[:12]}..."


def _show(value: object) -> str:
    if value is None:
        return "-"
    return value if isinstance(value, str) else json.dumps(value)


def _rules_diff(before: Account, after: Account) -> tuple[str, ...]:
    first, second = ([] if a.inputs is None else a.inputs.rules.splitlines() for a in (before, after))
    return tuple(difflib.unified_diff(first, second, "before", "after", lineterm="", n=2))
