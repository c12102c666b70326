"""The secrets of a system in containers: a `.env` of their own for every installation, made once."""

from __future__ import annotations

import contextlib
import os
import secrets
from typing import TYPE_CHECKING

from simulator.errors import InputError, Place

if TYPE_CHECKING:
    from pathlib import Path

_BYTES = 32
_HEADER = "# Made by `syncstorm secrets`; docker compose reads it. Keep it out of version control."


def write_secrets(path: Path, *, force: bool = False) -> Path:
    """Write new secrets for docker compose, readable by their owner only; `force` replaces what is there.

    Raises:
        InputError: there is something already, or it cannot be written.
    """
    fresh = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    try:
        _write(fresh, _make_text())
        if force:
            os.replace(fresh, path)  # noqa: PTH105  # in one step: compose never sees half of it
        else:
            # A link, unlike a rename, fails where something is.
            os.link(fresh, path)
    except FileExistsError:
        hint = "--force replaces it, and locks out what still runs with the old secrets"
        raise InputError("is there already", Place(path), hint) from None
    except OSError as error:
        raise InputError(f"cannot write there: {error.strerror}", Place(path)) from None
    finally:
        with contextlib.suppress(OSError):
            fresh.unlink()
    return path


def _make_text() -> str:
    entries = {
        "SYNCSTORM_TOKEN": secrets.token_hex(_BYTES),
        "SYNCSTORM_ACCESS_SECRET": secrets.token_hex(_BYTES),
        "SYNCSTORM_BUS_TOKEN": secrets.token_hex(_BYTES),
        "MQTT_USER": "syncstorm",
        "MQTT_PASSWORD": secrets.token_hex(_BYTES),
        "GRAFANA_ADMIN_PASSWORD": secrets.token_hex(_BYTES),
    }
    return "\n".join([_HEADER, *(f"{name}={value}" for name, value in entries.items()), ""])


def _write(file: Path, text: str) -> None:
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as out:
        out.write(text)
        out.flush()
        os.fsync(out.fileno())
