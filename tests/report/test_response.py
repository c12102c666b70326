"""How people responded to alerts."""

from __future__ import annotations

from simulator.report.response import Deed, Firing, respond

FIRST = Firing("Auth", 100.0, 130.0, 300.0)


def test_times_count_from_the_injection_and_from_the_detection() -> None:
    deeds = [Deed(150.0, "acknowledge", "Auth"), Deed(200.0, "note"), Deed(250.0, "mitigate")]
    (response,) = respond([FIRST], deeds, [10.0, 90.0, 120.0])
    assert response.began_at == 90.0
    assert response.detect_seconds == 40.0
    assert response.acknowledge_seconds == 20.0
    assert response.mitigate_seconds == 120.0


def test_who_notices_before_the_alert_fires_has_detected_it() -> None:
    (response,) = respond([FIRST], [Deed(110.0, "detect")], [90.0])
    assert (response.detected_at, response.detect_seconds) == (110.0, 20.0)
    (late,) = respond([FIRST], [Deed(140.0, "detect")], [90.0])
    assert late.detected_at == 130.0


def test_what_did_not_happen_has_no_time() -> None:
    (response,) = respond([FIRST], [])
    assert response.detect_seconds is None
    assert response.acknowledge_seconds is None
    assert response.mitigate_seconds is None


def test_a_deed_about_another_alert_or_before_it_was_pending_does_not_count() -> None:
    deeds = [Deed(150.0, "acknowledge", "Stale"), Deed(99.0, "acknowledge", "Auth")]
    assert respond([FIRST], deeds)[0].acknowledged_at is None


def test_each_firing_of_an_alert_has_to_be_acknowledged_anew() -> None:
    second = Firing("Auth", 400.0, 430.0, None)
    first, again = respond([second, FIRST], [Deed(150.0, "acknowledge"), Deed(440.0, "acknowledge")])
    assert (first.acknowledged_at, again.acknowledged_at) == (150.0, 440.0)
    assert respond([second, FIRST], [Deed(150.0, "acknowledge")])[1].acknowledged_at is None


def test_who_acknowledges_while_it_is_pending_needs_no_time() -> None:
    assert respond([FIRST], [Deed(120.0, "acknowledge")])[0].acknowledge_seconds == 0.0
