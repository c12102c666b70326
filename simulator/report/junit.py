"""JUnit XML, which every CI system reads."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class Case:
    """One test case: passed, unless it says why it failed, could not be decided (`error`), or was skipped.

    `group` becomes JUnit's `classname`; `file` and `line` say where the tested thing stands.
    """

    name: str
    group: str
    seconds: float = 0.0
    failure: str | None = None
    error: str | None = None
    skipped: str | None = None
    file: str | None = None
    line: int | None = None


def dump_junit(name: str, cases: Sequence[Case]) -> str:
    """Return a report of one suite as XML."""
    suite = ET.Element(
        "testsuite",
        name=name,
        tests=str(len(cases)),
        failures=str(sum(case.failure is not None for case in cases)),
        errors=str(sum(case.error is not None for case in cases)),
        skipped=str(sum(case.skipped is not None for case in cases)),
        time=f"{sum(case.seconds for case in cases):.3f}",
    )
    suite.extend(map(_element, cases))
    suites = ET.Element("testsuites")
    suites.append(suite)
    ET.indent(suites)
    return ET.tostring(suites, encoding="unicode", xml_declaration=True) + "\n"


def _element(case: Case) -> ET.Element:
    element = ET.Element("testcase", name=_clean(case.name), classname=_clean(case.group), time=f"{case.seconds:.3f}")
    if case.file is not None:
        element.set("file", _clean(case.file))
    if case.line is not None:
        element.set("line", str(case.line))
    for tag, text in (("failure", case.failure), ("error", case.error), ("skipped", case.skipped)):
        if text is not None:
            said = ET.SubElement(element, tag, message=_clean(text.splitlines()[0] if text else ""))
            said.text = _clean(text)
    return element


def _clean(text: str) -> str:
    """Return a text without the characters that XML cannot hold."""
    return "".join(c if c in "\t\n" or (c >= " " and not "\ud800" <= c <= "\udfff") else "\ufffd" for c in text)
