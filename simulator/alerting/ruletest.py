"""`promtool test rules`: write its files, run them, read what it says."""

from __future__ import annotations

import ast
import json
import math
import re
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

from simulator.alerting.backfill import number
from simulator.alerting.folder import scratch_environment
from simulator.alerting.ruleset import dump_rules
from simulator.alerting.staleness import stale_indexes
from simulator.durations import format_duration
from simulator.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from pathlib import Path

    from simulator.alerting.exposition import Exposition, Labels, Series
    from simulator.alerting.ruleset import RuleSet

_RUN_SECONDS = 600.0
# Promtool keeps 24 bytes for every slot of every series, filled or not.
_SLOTS = 20_000_000
_FAILURE = re.compile(
    r'^ +(?:name: .*\n +)?expr: (?P<expr>"(?:[^"\\]|\\.)*"), time: (?P<time>\S+),\n'
    r" +exp: (?P<expected>.*)\n +got: (?P<got>.*)$",
    re.MULTILINE,
)
_ELEMENT = re.compile(r'\{((?:[^"{}]|"(?:[^"\\]|\\.)*")*)\} \S+')
_PAIR = re.compile(r'([^\s,="]+)=("(?:[^"\\]|\\.)*")')
_ERROR = re.compile(r"^.*\berr: .*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Expectation:
    """What an expression is to give at a time in milliseconds: each element's metric and value."""

    expr: str
    at_ms: int
    samples: tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True)
class Failure:
    """An expectation that was not met, in promtool's words."""

    expr: str
    time: str
    expected: str
    got: str


def metric_text(name: str, labels: Labels | Mapping[str, str]) -> str:
    """Return a series as promtool reads it: `name{label="value"}`."""
    pairs = labels.items() if not isinstance(labels, tuple) else labels
    inner = ",".join(f"{key}={json.dumps(value, ensure_ascii=False)}" for key, value in pairs)
    return f"{name}{{{inner}}}"


def write_test(  # noqa: PLR0913  # the parts of the file
    file: Path,
    rules_file: Path,
    ruleset: RuleSet,
    exposition: Exposition,
    *,
    names: Collection[str],
    interval_seconds: float,
    expectations: Sequence[Expectation],
) -> None:
    """Write a test file and the rule file beside it; `names` are the metrics that its rules read.

    Promtool knows one evaluation interval per file, and ignores those that groups have.

    Raises:
        EngineError: the scrape times have no common step that is coarse enough.
    """
    unique = ruleset.with_unique_groups()
    rules_file.write_text(dump_rules(unique), encoding="utf-8")
    series = [one for one in exposition.series() if one.name in names]
    times = [round(time * 1000) for time in exposition.times]
    step = math.gcd(*times) or round(interval_seconds * 1000)
    _refuse_too_fine(step, times, len(series))
    slots = [time // step for time in times]
    with file.open("w", encoding="utf-8", newline="\n") as out:
        out.write(f"rule_files: [{json.dumps(rules_file.name)}]\n")
        out.write(f"evaluation_interval: {format_duration(interval_seconds)}\n")
        # Without an order promtool takes groups at random, and some may read what others record.
        out.write(f"group_eval_order: {_json([group.name for group in unique.groups])}\n")
        # Series start at zero and have one fixed step: the scrapes between its multiples are `_`.
        out.write(f"tests:\n  - interval: {format_duration(step / 1000)}\n    input_series:")
        out.write("\n" if series else " []\n")
        for one in series:
            out.write(f"      - series: {_json(metric_text(one.name, one.labels))}\n")
            out.write(f'        values: "{" ".join(_values(one, slots))}"\n')
        out.write("    promql_expr_test:\n")
        for expectation in expectations:
            out.write(_plain_expectation(expectation))


def run_test(file: Path, promtool: Path) -> list[Failure]:
    """Run a test file, and return which of its expectations were not met.

    Raises:
        EngineError: promtool failed for another reason: a rule that cannot be evaluated, an unreadable file.
    """
    try:
        with scratch_environment() as environment:
            done = subprocess.run(  # noqa: S603  # a program that was searched for
                [promtool, "test", "rules", file],
                capture_output=True,
                text=True,
                errors="replace",
                check=False,
                timeout=_RUN_SECONDS,
                env=environment,
            )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise EngineError(f"promtool could not test the rules: {error}") from error
    said = done.stdout + done.stderr
    if done.returncode == 0:
        return []
    failures = [
        Failure(json.loads(found["expr"]), found["time"], found["expected"], found["got"])
        for found in _FAILURE.finditer(said)
    ]
    broken = _ERROR.search(said)
    if broken is not None or not failures:
        problem = said.strip() if broken is None else broken[0].strip()
        raise EngineError(f"promtool could not test the rules: {problem[:500]}")
    return failures


def elements(vector: str) -> Iterator[dict[str, str]]:
    """Yield the labels of each element of a vector as promtool prints it."""
    for inner in _ELEMENT.findall(vector):
        # Go and Python quote strings alike.
        yield {name: str(ast.literal_eval(value)) for name, value in _PAIR.findall(inner)}


def _refuse_too_fine(step: int, times: Sequence[int], series: int) -> None:
    if times and times[-1] // step * series > _SLOTS:
        raise EngineError(
            f"promtool cannot certify alerts over scrapes at multiples of no more than {step} ms; "
            "choose a scrape offset that is a multiple of 150 ms or more"
        )


def _plain_expectation(expectation: Expectation) -> str:
    samples = [
        f"\n          - {{labels: {_json(metric)}, value: {number(value)}}}" for metric, value in expectation.samples
    ]
    return (
        f"      - expr: {_json(expectation.expr)}\n"
        f"        eval_time: {format_duration(expectation.at_ms / 1000)}\n"
        f"        exp_samples:{''.join(samples) or ' []'}\n"
    )


def _values(series: Series, slots: Sequence[int]) -> Iterator[str]:
    gone = set(stale_indexes(series))
    next_slot = 0
    for index, (slot, value) in enumerate(zip(slots, series.values, strict=True)):
        if value is None and index not in gone:
            continue
        if slot > next_slot:
            yield f"_x{slot - next_slot}"
        yield "stale" if value is None else number(value)
        next_slot = slot + 1


def _json(value: object) -> str:
    # JSON is YAML, and leaves no question about quotes.
    return json.dumps(value, ensure_ascii=False)
