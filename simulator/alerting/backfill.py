"""A run's metrics as OpenMetrics text with timestamps, and as blocks that Prometheus can open.

The run's second zero is Prometheus' second zero (1970): a time means the same in the scenario, in the private
Prometheus and in promtool's unit tests, which start there and nowhere else.
"""

from __future__ import annotations

import math
import subprocess
from typing import TYPE_CHECKING

from simulator.alerting.folder import scratch_environment
from simulator.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from simulator.alerting.exposition import Exposition, Family, Series

# One block for the whole run: by default the file is read again for every two hours of it.
_BLOCK_DURATION = "13122h"
_BLOCKS_SECONDS = 600.0
_ESCAPES = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})


def write_openmetrics(exposition: Exposition, file: Path) -> None:
    """Write every sample of a run, with its time in seconds since the run's start."""
    times = [time_text(round(time * 1000)) for time in exposition.times]
    with file.open("w", encoding="utf-8", newline="\n") as out:
        for family in exposition.families:
            for name, kind, series in _declared(family):
                out.write(f"# HELP {name} {family.help.translate(_ESCAPES)}\n# TYPE {name} {kind}\n")
                for one in series:
                    out.writelines(_lines(one, times))
        out.write("# EOF\n")


def create_blocks(openmetrics_file: Path, data_dir: Path, promtool: Path) -> None:
    """Turn an OpenMetrics file into blocks in a data folder.

    Promtool drops samples that are out of order or there twice, and says nothing: count them afterwards.

    Raises:
        EngineError: promtool refuses the file or does not run.
    """
    data_dir.mkdir(parents=True, exist_ok=True)
    command = [str(promtool), "tsdb", "create-blocks-from", "openmetrics"]
    options = [f"--max-block-duration={_BLOCK_DURATION}", "-q", str(openmetrics_file), str(data_dir)]
    try:
        with scratch_environment() as environment:
            done = subprocess.run(  # noqa: S603  # a program that was searched for
                [*command, *options],
                capture_output=True,
                text=True,
                errors="replace",
                check=False,
                timeout=_BLOCKS_SECONDS,
                env=environment,
            )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise EngineError(f"promtool could not read the metrics: {error}") from error
    if done.returncode != 0:
        raise EngineError(f"promtool refuses the metrics: {(done.stderr or done.stdout).strip()}")


def _declared(family: Family) -> Iterator[tuple[str, str, list[Series]]]:
    """Split a family into those that OpenMetrics lets us declare: name, type and series."""
    names = list(dict.fromkeys(series.name for series in family.series))
    base = family.name.removesuffix("_total")
    if family.kind == "counter" and names == [f"{base}_total"]:
        yield base, "counter", list(family.series)
        return
    # OpenMetrics demands a suffix of counters that the names of somebody's rules may not have. A summary would
    # have to interleave its count and sum by time, which its reference parser then takes for duplicates.
    kind = "gauge" if family.kind == "gauge" else "unknown"
    for name in names:
        yield name, kind, [series for series in family.series if series.name == name]


def _lines(series: Series, times: Sequence[str]) -> Iterator[str]:
    labels = ",".join(f'{name}="{value.translate(_ESCAPES)}"' for name, value in series.labels)
    head = f"{series.name}{{{labels}}}" if labels else series.name
    for value, time in zip(series.values, times, strict=True):
        if value is not None:
            yield f"{head} {number(value)} {time}\n"


def time_text(milliseconds: int) -> str:
    """Return a time in seconds that promtool reads as exactly this many milliseconds.

    It multiplies by 1000 and cuts off the rest, so that 1.001 would be 1000 ms without one more digit.
    """
    text = f"{milliseconds / 1000:.3f}"
    return text if int(float(text) * 1000) == milliseconds else f"{text}1"


def number(value: float) -> str:
    """Return a value as Prometheus reads it."""
    if isinstance(value, int):
        return str(value)
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return repr(value)
