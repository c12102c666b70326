"""The secrets of a system in containers."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from simulator.control.secrets_file import write_secrets
from simulator.errors import InputError

if TYPE_CHECKING:
    from typing import NoReturn

COMPOSE = Path(__file__).parents[2] / "docker-compose.yml"


def read(file: Path) -> dict[str, str]:
    """Read the variables of an `.env` file."""
    lines = [line for line in file.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    return dict(line.split("=", 1) for line in lines)


def test_makes_every_secret_that_compose_demands(tmp_path: Path) -> None:
    demanded = set(re.findall(r"\$\{(\w+):\?", COMPOSE.read_text(encoding="utf-8")))

    assert set(read(write_secrets(tmp_path / ".env"))) == demanded


def test_returns_the_file_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    assert write_secrets(tmp_path / ".env") == tmp_path / ".env"
    assert list(tmp_path.iterdir()) == [tmp_path / ".env"]


def test_nobody_but_the_owner_may_read_it_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        write_secrets(tmp_path / ".env")
    finally:
        os.umask(before)

    assert stat.S_IMODE((tmp_path / ".env").stat().st_mode) == 0o600


def test_each_secret_is_long_its_own_and_safe_in_an_address_and_in_a_shell(tmp_path: Path) -> None:
    made = [read(write_secrets(tmp_path / name)) for name in ("one", "two")]
    values = [value for secrets in made for name, value in secrets.items() if name != "MQTT_USER"]

    assert len(set(values)) == len(values)
    assert all(re.fullmatch(r"[0-9a-f]{64}", value) for value in values)


def test_what_is_there_stays_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("mine")

    with pytest.raises(InputError) as caught:
        write_secrets(file)

    assert str(caught.value) == (
        f"{file}: is there already (--force replaces it, and locks out what still runs with the old secrets)"
    )
    assert file.read_text() == "mine"
    assert list(tmp_path.iterdir()) == [file]


def test_force_replaces_it_and_tightens_its_permissions(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("mine")
    file.chmod(0o644)

    write_secrets(file, force=True)

    assert "SYNCSTORM_TOKEN" in read(file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "theirs").write_text("theirs")
    (tmp_path / ".env").symlink_to(tmp_path / "theirs")

    with pytest.raises(InputError, match="is there already"):
        write_secrets(tmp_path / ".env")
    write_secrets(tmp_path / ".env", force=True)

    assert (tmp_path / "theirs").read_text() == "theirs"


@pytest.mark.parametrize("force", [False, True])
@pytest.mark.parametrize("name", ["gone/.env", "file/.env", "x" * 300])
def test_a_place_that_takes_no_file_is_named_in_one_line(tmp_path: Path, name: str, *, force: bool) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(InputError, match="cannot write there") as caught:
        write_secrets(tmp_path / name, force=force)

    assert str(tmp_path / name) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == [tmp_path / "file"]


def test_a_folder_in_its_place_is_kept(tmp_path: Path) -> None:
    (tmp_path / ".env").mkdir()

    with pytest.raises(InputError, match="cannot write there"):
        write_secrets(tmp_path / ".env", force=True)

    assert list(tmp_path.iterdir()) == [tmp_path / ".env"]


def test_a_crash_while_writing_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_secrets(tmp_path / ".env")
    before = (tmp_path / ".env").read_text()

    def crash(_descriptor: int) -> NoReturn:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", crash)
    with pytest.raises(KeyboardInterrupt):
        write_secrets(tmp_path / ".env", force=True)

    assert (tmp_path / ".env").read_text() == before
    assert list(tmp_path.iterdir()) == [tmp_path / ".env"]
