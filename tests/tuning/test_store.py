from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from simulator.alerting.exposition import Exposition, Family, Series
from simulator.errors import InputError
from simulator.tuning.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

EXPOSITION = Exposition(
    15.0,
    5.0,
    (5.0, 20.0),
    (Family("a", "counter", "An a.", (Series("a", (("b", "c"),), [1, None]), Series("a", (), [0.5, 2]))),),
)


def test_what_was_saved_is_loaded_as_it_was(tmp_path: Path) -> None:
    store = Store(tmp_path / "new")
    store.save("key", EXPOSITION)

    assert Store(tmp_path / "new").load("key") == EXPOSITION
    assert store.load("other") is None
    assert len(list((tmp_path / "new").iterdir())) == 1


@pytest.mark.parametrize(
    "damage",
    [
        lambda raw: raw[:-1],
        lambda raw: raw[:20],
        lambda _raw: b"",
        lambda raw: raw[:-3] + bytes([raw[-3] ^ 1]) + raw[-2:],
        lambda raw: raw.replace(b"syncstorm-trial-1", b"syncstorm-trial-0"),
    ],
    ids=["cut off", "only a head", "empty", "one bit", "another format"],
)
def test_what_is_damaged_is_as_good_as_none(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    store = Store(tmp_path)
    store.save("key", EXPOSITION)
    (file,) = tmp_path.iterdir()
    file.write_bytes(damage(file.read_bytes()))

    assert store.load("key") is None
    store.save("key", EXPOSITION)
    assert store.load("key") == EXPOSITION


def test_what_was_saved_under_another_key_is_not_taken_for_it(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.save("other", EXPOSITION)
    (file,) = tmp_path.iterdir()
    file.rename(tmp_path / "key.trial")

    assert store.load("key") is None


def test_a_folder_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(InputError, match="cannot write there"):
        Store(tmp_path / "file" / "folder")
