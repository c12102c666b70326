"""The verdict: what makes a rehearsal invalid, failed, inconclusive or passed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from simulator.alerting.timeline import Certification
from simulator.core.losses import SILENT_LOSSES
from simulator.report.decision import decide
from simulator.report.verdict import SCHEMA_VERSION, Result, SilentLosses, Verdict

if TYPE_CHECKING:
    from simulator.report.decision import Evidence
    from tests.report.conftest import Desk

FIRES: Any = {"fires": {"alert": "Auth"}}
UNMET: Any = {"fires": {"alert": "Timeout"}}
OPEN: Any = {"silent": {"alert": "Blind"}}


def broken(desk: Desk, how: str, *expect: Any) -> Evidence:
    """Return evidence of a rehearsal that is broken in one way."""
    rules = (desk.rule("Auth", (400, 700, 1000)), desk.rule("Timeout"), desk.rule("Blind", no_data=True))
    evidence = desk.evidence(*expect, rules=rules)
    mismatch = Certification(ok=False, mismatches=("ALERTS at 5m: expected [], promtool has [x]",))
    changes: dict[str, dict[str, Any]] = {
        "untouched": {"reached": replace(evidence.reached, touched={"drift": frozenset()})},
        "unknown": {"reached": replace(evidence.reached, touched={})},
        "harmed": {"reached": replace(evidence.reached, control_harmed=2)},
        "engine": {"timeline": None, "trouble": ("prometheus is not installed",)},
        "silent engine": {"timeline": None},
        "uncertified": {"timeline": replace(desk.timeline(*rules), certification=None)},
        "doubtful": {"timeline": replace(desk.timeline(*rules), trouble=("the target server-1 was down",))},
        "mismatch": {"timeline": desk.timeline(*rules, certification=mismatch)},
        "mismatch without words": {"timeline": desk.timeline(*rules, certification=Certification(ok=False))},
        "nothing": {},
    }
    return replace(evidence, **changes[how])


def test_a_rehearsal_that_met_every_expectation_passes_and_says_what_was_shown(desk: Desk) -> None:
    verdict = desk.verdict(FIRES, {"silent": {"alert": "Timeout"}}, "no_other_alerts")
    assert verdict.verdict is Result.PASS
    assert verdict.reasons == (
        "Auth: fired at 11m40s, 6m40s after drift began",
        "Timeout: stayed silent",
        "other alerts: none fired",
    )


def test_a_rehearsal_with_an_unmet_expectation_fails_and_says_which(desk: Desk) -> None:
    verdict = desk.verdict(FIRES, UNMET)
    assert (verdict.verdict, verdict.reasons) == (Result.FAIL, ("Timeout: stayed silent",))


def test_the_verdict_names_the_targets_whose_scrapes_failed(desk: Desk) -> None:
    (failed,) = desk.verdict(timeline=desk.half_seen()).failed_scrapes
    assert failed.model_dump() == {
        "target": {"instance": "one", "job": "sync"},
        "failed": 4,
        "scrapes": 120,
        "first_s": 1000.0,
        "last_s": 1045.0,
    }


def test_a_receiver_can_be_told_only_where_an_alertmanager_of_ours_routes(desk: Desk) -> None:
    routed: Any = {"fires": {"alert": "Auth", "routed_to": "pager"}}
    assert desk.verdict(routed, mode="live").verdict is Result.INCONCLUSIVE
    assert desk.verdict(routed, mode="live", notifications=()).verdict is Result.FAIL


def test_a_rehearsal_with_an_open_expectation_is_inconclusive_and_says_which(desk: Desk) -> None:
    verdict = decide(broken(desk, "nothing", FIRES, OPEN))
    assert verdict.verdict is Result.INCONCLUSIVE
    assert verdict.reasons == ("Blind: no data: nothing matched openagents_runtime_sync_other",)


def test_a_rehearsal_that_expects_nothing_is_inconclusive(desk: Desk) -> None:
    verdict = desk.verdict()
    assert (verdict.verdict, verdict.reasons) == (
        Result.INCONCLUSIVE,
        ("the scenario expects nothing, so nothing was shown",),
    )


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ("untouched", "drift reached no client"),
        ("unknown", "drift reached no client"),
        ("harmed", "2 of the 250 clients that no injection reached were refused or timed out"),
        ("engine", "prometheus is not installed"),
        ("silent engine", "the rules were not evaluated"),
        ("mismatch", "promtool disagrees: ALERTS at 5m: expected [], promtool has [x]"),
        ("uncertified", "the alert timeline was not certified"),
        ("doubtful", "the target server-1 was down"),
        ("mismatch without words", "promtool disagrees about the alert timeline"),
    ],
)
@pytest.mark.parametrize("expect", [(FIRES,), (UNMET,), (OPEN,), ()])
def test_a_broken_rehearsal_is_invalid_whatever_its_alerts_did(desk: Desk, how: str, reason: str, expect: Any) -> None:
    verdict = decide(broken(desk, how, *expect))
    assert (verdict.verdict, verdict.reasons) == (Result.INVALID, (reason,))


def test_every_reason_why_a_rehearsal_is_broken_is_given(desk: Desk) -> None:
    evidence = broken(desk, "mismatch")
    evidence = replace(evidence, reached=replace(evidence.reached, touched={}, control_harmed=1))
    assert len(decide(evidence).reasons) == 3


def test_a_live_timeline_needs_no_certificate(desk: Desk) -> None:
    evidence = replace(broken(desk, "uncertified", FIRES), mode="live", digest=None)
    verdict = decide(evidence)
    assert (verdict.verdict, verdict.digest, verdict.certification) == (Result.PASS, None, None)


def test_failed_comes_before_inconclusive(desk: Desk) -> None:
    verdict = decide(broken(desk, "nothing", OPEN, UNMET, FIRES))
    assert (verdict.verdict, verdict.reasons) == (Result.FAIL, ("Timeout: stayed silent",))


def test_every_result_has_its_exit_code() -> None:
    assert {result.value: result.exit_code for result in Result} == {
        "PASS": 0,
        "FAIL": 1,
        "INVALID": 3,
        "INCONCLUSIVE": 4,
    }


# --- what else stands in it


def test_the_verdict_holds_what_it_rests_on(desk: Desk) -> None:
    verdict = desk.verdict(FIRES)
    assert (verdict.scenario, verdict.summary, verdict.seed, verdict.clients) == ("x", "What happens.", 7, 500)
    assert (verdict.duration_s, verdict.simulate_s, verdict.evaluate_s) == (1800, 0.123, 0.568)
    assert verdict.engine is not None
    assert (verdict.engine.name, verdict.engine.version) == ("Prometheus", "2.53.0")
    assert verdict.digest == desk.evidence().digest
    assert verdict.control_clients == 250
    assert verdict.schema_version == SCHEMA_VERSION


def test_an_injection_has_its_parameters_and_how_many_it_reached(desk: Desk) -> None:
    shared = replace(desk.injection("part", "liveness.short-timeout"), share=0.5)
    knobs = desk.injection("knobs", "set")
    first, second = desk.verdict(injections=(shared, knobs)).injections
    assert (first.id, first.fault, first.at_s, first.until_s) == ("part", "liveness.short-timeout", 300, 900)
    assert (first.level, first.touched, first.parameters) == (0.25, 3, {"timeout": "10s"})
    assert second.parameters == {}


def test_rules_without_data_are_listed_as_not_covered(desk: Desk) -> None:
    verdict = decide(broken(desk, "nothing", FIRES))
    assert verdict.not_covered == ("Blind",)
    blind = verdict.alerts[2]
    assert (blind.state, blind.missing, blind.note) == ("no_data", ("openagents_runtime_sync_other",), "no series")


def test_an_alert_says_where_its_rule_stands(desk: Desk) -> None:
    rule = desk.rule("Auth", labels={"severity": "warning"}, file=Path("rules.yaml"))
    (alert,) = desk.verdict(rules=(rule,)).alerts
    assert (alert.group, alert.labels, alert.file, alert.line) == ("g", {"severity": "warning"}, "rules.yaml", 3)


def test_certification_names_its_files_and_mismatches(desk: Desk) -> None:
    made = Certification(ok=False, mismatches=("no",), files=(Path("/somewhere/promtool.yaml"),))
    certification = desk.verdict(timeline=desk.timeline(desk.rule("Auth"), certification=made)).certification
    assert certification is not None
    assert certification.model_dump() == {"certified": False, "files": ("promtool.yaml",), "mismatches": ("no",)}


def test_without_an_engine_there_are_no_alerts_and_no_expectations(desk: Desk) -> None:
    verdict = decide(broken(desk, "engine", FIRES))
    assert (verdict.alerts, verdict.expectations, verdict.engine, verdict.certification) == ((), (), None, None)
    assert verdict.digest


# --- verdict.json

PROMISED = {
    "": "verdict reasons scenario seed digest duration_s simulate_s evaluate_s engine alerts injections expectations",
    "engine": "name version",
    "alerts": "alert expected state pending_at_s firing_at_s resolved_at_s lateness_s injection",
    "injections": "fault at_s until_s level touched",
}


@pytest.mark.parametrize("how", ["nothing", "untouched", "engine", "mismatch"])
def test_verdict_json_fits_its_own_schema_and_can_be_read_back(desk: Desk, how: str) -> None:
    verdict = decide(broken(desk, how, FIRES, OPEN, "no_other_alerts"))
    schema = Verdict.model_json_schema()
    Draft202012Validator.check_schema(schema)
    Draft202012Validator(schema).validate(verdict.model_dump(mode="json"))
    assert Verdict.model_validate_json(verdict.to_json()) == verdict


def test_verdict_json_has_every_key_that_is_promised(desk: Desk) -> None:
    written = decide(broken(desk, "nothing", FIRES)).model_dump(mode="json")
    for part, keys in PROMISED.items():
        entry = written if not part else written[part][0] if isinstance(written[part], list) else written[part]
        assert set(keys.split()) <= set(entry), part


def test_verdict_json_has_null_where_something_was_not_reached(desk: Desk) -> None:
    auth, timeout, blind = decide(broken(desk, "nothing")).model_dump(mode="json")["alerts"]
    times = ("pending_at_s", "firing_at_s", "resolved_at_s", "lateness_s", "injection")
    assert [auth[key] for key in times] == [400, 700, 1000, -200, "drift"]
    assert [timeout[key] for key in times] == [None] * 5
    assert (timeout["expected"], timeout["state"], blind["state"]) == (None, "silent", "no_data")


def test_silent_losses_are_counted_by_client_and_are_null_where_nobody_knows(desk: Desk) -> None:
    known = desk.verdict(losses={"purged_gap": {1, 2, 3}, "starved": set()})
    assert known.silent_losses is not None
    assert known.silent_losses.struck() == {"purged_gap": 3}
    assert desk.verdict(losses=None).silent_losses is None


def test_every_kind_of_silent_loss_is_a_field_of_the_verdict() -> None:
    assert list(SilentLosses.model_fields) == list(SILENT_LOSSES)
