"""What `syncstorm verify` prints: a line for each expectation, each beginning with what it came to."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from simulator.errors import Place
from simulator.report.verdict import Result

if TYPE_CHECKING:
    from collections.abc import Iterator

    from simulator.report.verdict import ExpectationEntry
    from simulator.verification.result import Check, MutantEntry, Mutation, Verification

RESULTS = {"met": Result.PASS, "unmet": Result.FAIL, "inconclusive": Result.INCONCLUSIVE}
"""What an expectation's outcome is, in the words of a verdict."""


class Line(NamedTuple):
    """A line of text, and the word that it begins with: a result, or `SURVIVED`; none of what is beside the point."""

    word: str
    text: str


def result_of(check: Check, entry: ExpectationEntry) -> Result:
    """Return what an expectation came to: nothing that an invalid rehearsal shows counts."""
    return Result.INVALID if check.result is Result.INVALID else RESULTS[entry.outcome]


def lines_of(check: Check) -> Iterator[Line]:
    """Yield the lines of one scenario: why it is not to be relied on, its expectations, and the whole."""
    named = check.expectations()
    if check.result is Result.INVALID or check.result not in {result_of(check, entry) for entry in named.values()}:
        yield from (Line(check.result, f"{check.scenario}: {reason}") for reason in check.reasons)
    for name, entry in named.items():
        yield Line(result_of(check, entry), f"{check.scenario}: {name}: {entry.detail}")
    yield Line("", f"-- {check.scenario}: {check.result} in {check.seconds:.1f} s, files: {check.folder}")


def summary_of(done: Verification) -> Iterator[Line]:
    """Yield the last lines: what no scenario showed, and the result."""
    count = len({alert.alert for check in done.checks for alert in check.rehearsal.alerts})
    if done.never_fired and count:
        yield Line("", f"-- {len(done.never_fired)} of {count} alerts fired nowhere: {', '.join(done.never_fired)}")
    if done.mutation is not None:
        yield from _mutants(done.mutation)
    results = Counter(check.result for check in done.checks)
    outcomes = Counter(result_of(check, entry) for check in done.checks for entry in check.rehearsal.expectations)
    yield Line(
        "",
        f"-- {done.result}: {_tell(results, 'scenario')}; {_tell(outcomes, 'expectation')}; {done.seconds:.1f} s",
    )


def _mutants(mutation: Mutation) -> Iterator[Line]:
    """Yield the survivors, each rule's that have the same reason in one, and the score."""
    for (rule, hint), entries in _alike(mutation).items():
        if len(entries) > 1:
            yield Line("SURVIVED", f"{rule}: {', '.join(entry.change for entry in entries)}")
        else:
            yield Line("SURVIVED", f"{rule}: {entries[0].change}")
            yield Line("", f"    - {entries[0].before}")
            yield Line("", f"    + {entries[0].after}")
        yield Line("", f"    to kill {'these' if len(entries) > 1 else 'it'}: {hint}")
    same = f"; {mutation.same} more cannot behave otherwise, and do not count" if mutation.same else ""
    if mutation.result is Result.PASS:
        yield Line("", f"-- {mutation.reason}{same}; {mutation.seconds:.1f} s")
    else:
        yield Line(mutation.result, f"{mutation.reason}{same}")


def _alike(mutation: Mutation) -> dict[tuple[str, str], list[MutantEntry]]:
    found: dict[tuple[str, str], list[MutantEntry]] = {}
    for entry in mutation.mutants:
        if entry.killed_by is None:
            rule = str(Place(entry.file, entry.line, entry.rule))
            found.setdefault((rule, entry.hint or ""), []).append(entry)
    return found


def _tell(counts: Counter[Result], what: str) -> str:
    total = counts.total()
    parts = ", ".join(f"{counts[result]} {result}" for result in Result if counts[result])
    return f"{total} {what}{'' if total == 1 else 's'}" + (f" ({parts})" if parts else "")
