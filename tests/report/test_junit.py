"""JUnit XML: counts that agree with the cases, and texts that come back as they were."""

from __future__ import annotations

import xml.etree.ElementTree as ET

from simulator.report.junit import Case, dump_junit


def test_counts_each_kind_of_outcome() -> None:
    cases = [
        Case("passes", "g", 0.5),
        Case("fails", "g", failure="too late\nby 3 s"),
        Case("unclear", "g", error="no data"),
        Case("left out", "g", skipped="not asked for"),
    ]

    suite = ET.fromstring(dump_junit("verify", cases))[0]

    assert suite.attrib | {"time": ""} == {
        "name": "verify", "tests": "4", "failures": "1", "errors": "1", "skipped": "1", "time": "",
    }  # fmt: skip
    assert float(suite.attrib["time"]) == 0.5
    assert [[child.tag for child in case] for case in suite] == [[], ["failure"], ["error"], ["skipped"]]
    assert suite[1][0].attrib["message"] == "too late"
    assert suite[1][0].text == "too late\nby 3 s"


def test_says_where_a_case_stands() -> None:
    case = ET.fromstring(dump_junit("audit", [Case("a", "g", file="rules.yaml", line=7)]))[0][0]

    assert (case.attrib["file"], case.attrib["line"]) == ("rules.yaml", "7")


def test_survives_what_xml_cannot_hold() -> None:
    case = ET.fromstring(dump_junit("s", [Case('<&"\x00>', "g", failure="\x1b[31mred")]))[0][0]

    assert case.attrib["name"] == '<&"\ufffd>'
    assert case[0].text == "\ufffd[31mred"
