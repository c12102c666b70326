"""What has to come of the day in which clients tell about themselves, live and in virtual time."""

from __future__ import annotations

from typing import Any


def check_told(verdict: dict[str, Any]) -> None:
    """Check that both alerts fired, the one by build for the build that was struck alone."""
    assert verdict["verdict"] == "PASS", verdict["reasons"]
    assert {entry["alert"]: entry["state"] for entry in verdict["alerts"]} == {
        "ClientReconnectSpike": "fired",
        "ClientAuthFailureByBuild": "fired",
    }
    (by_build,) = (entry for entry in verdict["alerts"] if entry["alert"] == "ClientAuthFailureByBuild")
    assert {episode["labels"]["app_version"] for episode in by_build["episodes"]} == {"20260301T000000Z"}
