"""The secret of a run: from it come all keys of its tokens."""

from __future__ import annotations

import hashlib
import secrets


def run_secret_of(access_secret: str | None) -> bytes:
    """Return a run's secret: new, or what the secret that it shares with servers and fleets elsewhere stands for."""
    if access_secret is None:
        return secrets.token_bytes(32)
    return hashlib.sha256(access_secret.encode()).digest()
