"""A verification as JUnit's test cases."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.report.junit import Case, dump_junit
from simulator.report.verdict import Result
from simulator.verification.lines import result_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from simulator.report.verdict import ExpectationEntry
    from simulator.verification.result import Check, Mutation, Verification

SUITE = "syncstorm verify"


def dump(done: Verification) -> str:
    """Return a verification as JUnit XML: a case for each rehearsal, which has its time, and for each expectation.

    One more is about the mutants, if there were any.
    FAIL is a failure; INVALID and INCONCLUSIVE are errors, for they are the test's own.
    """
    cases = [case for check in done.checks for case in _cases(check)]
    return dump_junit(SUITE, cases + ([] if done.mutation is None else [_of_mutants(done.mutation)]))


def dump_error(problem: str) -> str:
    """Return a report that says why there are no results."""
    return dump_junit(SUITE, [Case("verify", SUITE, error=problem)])


def _of_mutants(mutation: Mutation) -> Case:
    """Return the case of all mutants, with those that survived."""
    survivors = [f"{entry.rule}: {entry.change}" for entry in mutation.mutants if entry.killed_by is None]
    said = "\n".join((mutation.reason, *survivors))
    return Case(
        "mutants",
        "mutation",
        mutation.seconds,
        failure=said if mutation.result is Result.FAIL else None,
        error=said if mutation.result is Result.INCONCLUSIVE else None,
    )


def _cases(check: Check) -> Iterator[Case]:
    yield Case("rehearsal", check.scenario, check.seconds, error=_trouble(check), file=check.file)
    # There are no expectations to tell of where the rules could not be evaluated.
    for (name, entry), line in zip(check.expectations().items(), check.lines, strict=False):
        yield _case(check, name, entry, line)


def _trouble(check: Check) -> str | None:
    """Return why a rehearsal shows nothing, where that is not one of its expectations' fault."""
    results = {result_of(check, entry) for entry in check.rehearsal.expectations}
    alone = check.result is Result.INCONCLUSIVE and check.result not in results
    return "\n".join((check.result, *check.reasons)) if check.result is Result.INVALID or alone else None


def _case(check: Check, name: str, entry: ExpectationEntry, line: int | None) -> Case:
    result = result_of(check, entry)
    detail = f"{name}: {entry.detail}\nfiles: {check.folder}"
    return Case(
        name,
        check.scenario,
        failure=detail if result is Result.FAIL else None,
        error=f"{result}: {detail}" if result in (Result.INVALID, Result.INCONCLUSIVE) else None,
        file=check.file,
        line=line,
    )
