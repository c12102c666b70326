"""What was played in earlier runs, so that an interrupted sweep goes on where it stopped."""

from __future__ import annotations

import hashlib
import tempfile
import zlib
from dataclasses import asdict
from pathlib import Path
from typing import Any

import orjson

from simulator.alerting.exposition import Exposition, Family, Series
from simulator.errors import InputError, Place

_MAGIC = b"syncstorm-trial-1"
_SUFFIX = ".trial"


class Store:
    """A folder with one file for each trial that was played, under the key of all that determines it.

    A file that is damaged, was cut off, or belongs to another key is as good as none: the trial is played again.
    """

    def __init__(self, folder: Path) -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder):
                pass
        except OSError as error:
            raise InputError(f"cannot write there: {error.strerror}", Place(folder)) from None
        self.folder = folder

    def load(self, key: str) -> Exposition | None:
        """Return what was played under a key, None where there is nothing that can be trusted."""
        try:
            raw = self._file(key).read_bytes()
        except OSError:
            return None
        head, _, packed = raw.partition(b"\n")
        if head != _head(key, packed):
            return None
        try:
            return _read(orjson.loads(zlib.decompress(packed)))
        except (zlib.error, orjson.JSONDecodeError, KeyError, TypeError, ValueError):
            return None

    def save(self, key: str, exposition: Exposition) -> None:
        """Keep what was played under a key: the whole file is there, or none of it."""
        packed = zlib.compress(orjson.dumps(asdict(exposition)), 1)
        try:
            with tempfile.NamedTemporaryFile(dir=self.folder, prefix=".", delete=False) as out:
                new = Path(out.name)
                out.write(_head(key, packed) + b"\n" + packed)
            try:
                new.replace(self._file(key))
            finally:
                new.unlink(missing_ok=True)
        except OSError as error:
            raise InputError(f"cannot write there: {error.strerror}", Place(self.folder)) from None

    def _file(self, key: str) -> Path:
        return self.folder / f"{key}{_SUFFIX}"


def _head(key: str, packed: bytes) -> bytes:
    return b" ".join((_MAGIC, key.encode(), hashlib.sha256(packed).hexdigest().encode()))


def _read(raw: dict[str, Any]) -> Exposition:
    return Exposition(
        raw["scrape_interval_seconds"],
        raw["scrape_offset_seconds"],
        tuple(raw["times"]),
        tuple(
            Family(
                family["name"],
                family["kind"],
                family["help"],
                tuple(
                    Series(series["name"], tuple((name, value) for name, value in series["labels"]), series["values"])
                    for series in family["series"]
                ),
            )
            for family in raw["families"]
        ),
    )
