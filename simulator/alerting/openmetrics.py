"""Read back what `metrics.om` has of a run, also where the run was cut short while it was being written."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from simulator.alerting.backfill import time_text
from simulator.alerting.exposition import Exposition, Family, Series
from simulator.errors import InputError, Place

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from simulator.alerting.exposition import Labels

EOF = "# EOF"
_LINE = re.compile(r"([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+) (-?[0-9.]+)")
_LABEL = re.compile(r'([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"(?:,|$)')
_ESCAPED = re.compile(r"\\(.)")
_TARGET = ("instance", "job")

Samples = dict[tuple[str, "Labels"], dict[int, str]]
"""By name and labels of a series: the value as it stands in the file at each time, in milliseconds."""


@dataclass(frozen=True, slots=True)
class RecordedMetrics:
    """What a file has: its samples, whether it is whole, and the last time in it, in seconds."""

    samples: Samples
    is_whole: bool
    last: float | None

    def by_target(self) -> tuple[Exposition, ...]:
        """Return what each target showed: a series that a scrape of its target did not have is None then."""
        targets: dict[Labels, Samples] = defaultdict(dict)
        for (name, labels), values in self.samples.items():
            targets[_target(labels)][name, labels] = values
        return tuple(_expose(found) for found in targets.values())

    def write(self, file: Path) -> None:
        """Write them as an OpenMetrics file that promtool reads, without the declarations."""
        with file.open("w", encoding="utf-8", newline="\n") as out:
            for (name, labels), values in self.samples.items():
                out.writelines(sample_lines(name, labels, sorted(values.items())))
            out.write(f"{EOF}\n")


def read_openmetrics(file: Path) -> RecordedMetrics:
    """Return the samples of a file; of one that was cut off, those of its whole scrapes.

    Raises:
        InputError: the file cannot be read, or a line in the middle of it is no sample.
    """
    try:
        text = file.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", Place(file)) from None
    samples: Samples = defaultdict(dict)
    lines = text.split("\n")
    known: dict[str, tuple[str, Labels]] = {}
    for number, line in enumerate(lines[:-1], start=1):  # what follows the last line break was cut off
        if not line or line.startswith("#"):
            continue
        match = _LINE.fullmatch(line)
        if match is None:
            raise InputError("is no sample", Place(file, number))
        name, inner, value, time = match.groups()
        head = line[: match.end(2) if inner is not None else match.end(1)]
        if head not in known:
            known[head] = (name, _labels(inner or ""))
        samples[known[head]][int(float(time) * 1000 + 0.01)] = value
    is_whole = lines[-2:] == [EOF, ""]
    kept = dict(samples) if is_whole else _whole_scrapes(samples)
    last = max((at for values in kept.values() for at in values), default=None)
    return RecordedMetrics(kept, is_whole, None if last is None else last / 1000)


def _whole_scrapes(samples: Samples) -> Samples:
    """Return the samples of the scrapes that are there with their `up`: of others some series may have been cut off."""
    scraped: dict[Labels, set[int]] = defaultdict(set)
    for (name, labels), values in samples.items():
        if name == "up":
            scraped[_target(labels)].update(values)
    trimmed = {
        (name, labels): {at: value for at, value in values.items() if at in scraped[_target(labels)]}
        for (name, labels), values in samples.items()
    }
    return {series: values for series, values in trimmed.items() if values} if scraped else samples


def _target(labels: Labels) -> Labels:
    return tuple(pair for pair in labels if pair[0] in _TARGET)


def sample_lines(name: str, labels: Labels, samples: Iterable[tuple[int, str]]) -> Iterator[str]:
    """Yield the lines of a series: its values as Prometheus writes them, by their times in milliseconds."""
    inner = ",".join(f'{key}="{_escape(value)}"' for key, value in labels)
    for at, value in samples:
        yield f"{name}{{{inner}}} {value} {time_text(at)}\n"


def _labels(inner: str) -> Labels:
    return tuple(sorted((name, _ESCAPED.sub(_unescape, value)) for name, value in _LABEL.findall(inner)))


def _unescape(match: re.Match[str]) -> str:
    return {"n": "\n"}.get(match[1], match[1])


def _escape(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def _expose(samples: Samples) -> Exposition:
    times = sorted({at for values in samples.values() for at in values})
    series = tuple(
        Series(name, labels, [None if (value := values.get(at)) is None else float(value) for at in times])
        for (name, labels), values in samples.items()
    )
    family = Family("recorded", "unknown", "", series)
    return Exposition(0.0, 0.0, tuple(at / 1000 for at in times), (family,))
