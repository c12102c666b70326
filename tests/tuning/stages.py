"""What tests of sweeps share: a small stage of the auth rule."""

from __future__ import annotations

from dataclasses import replace

from faults import load_faults
from simulator.alerting.ruleset import AlertRule
from simulator.tuning.cause import find_cause, with_monitoring
from simulator.tuning.stage import Blip, Blips, Stage
from simulator.tuning.trial import Trial

AUTH = "openagents_runtime_sync_socket_auth_count"
RULE = AlertRule(
    "OpenAgentsRuntimeSyncSocketAuthFailureRatioHigh",
    f'sum(rate({AUTH}{{status="error"}}[5m])) / clamp_min(sum(rate({AUTH}[5m])), 1) > 0.05',
    600.0,
)
INCIDENT = Trial("auth.key-drift", 1.0, 120.0, 20, 1, 300.0, 420.0, 900.0)
QUIET = Trial(None, 0.0, 0.0, 20, 1, None, None, 900.0)


def make_stage() -> Stage:
    """Return a stage of the auth rule with a blip in ten minutes."""
    cause = find_cause(RULE, load_faults())
    blips = Blips((Blip(1.0, 30.0),), 144.0)
    return with_monitoring(cause, interval_seconds=15.0, names=frozenset({AUTH}), blips=blips).stage


def make_trials() -> list[Trial]:
    """Return a few trials that take no time."""
    return [replace(trial, seed=seed) for seed in (1, 2, 3) for trial in (INCIDENT, QUIET)]


STAGE = make_stage()
