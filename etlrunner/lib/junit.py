"""JUnit XML, which every CI system reads: suites of cases, each passed, failed or in error."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from xml.etree import ElementTree

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 cannot hold, not even escaped."""


@dataclass(frozen=True)
class TestCase:
    """One case. `failure` is what a test found, `error` why it could not be run; empty is well.

    `output` goes with it whether it passed or not: JUnit knows no warnings.
    """

    __test__ = False

    name: str
    seconds: float = 0.0
    failure: str = ""
    error: str = ""
    output: str = ""


@dataclass(frozen=True)
class TestSuite:
    """The cases of one file."""

    __test__ = False

    name: str
    cases: Sequence[TestCase]


def text_of(suites: Sequence[TestSuite]) -> str:
    """The report as XML text."""
    top = ElementTree.Element("testsuites")
    for suite in suites:
        counts = {
            "tests": len(suite.cases),
            "failures": sum(bool(case.failure) for case in suite.cases),
            "errors": sum(bool(case.error) for case in suite.cases),
        }
        attributes = {key: str(count) for key, count in counts.items()}
        attributes["time"] = _seconds(sum(case.seconds for case in suite.cases))
        element = ElementTree.SubElement(
            top, "testsuite", {"name": _clean(suite.name), **attributes}
        )
        for case in suite.cases:
            _add(element, suite, case)
    ElementTree.indent(top)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(top, "unicode") + "\n"


def _add(suite_element: ElementTree.Element, suite: TestSuite, case: TestCase) -> None:
    element = ElementTree.SubElement(
        suite_element,
        "testcase",
        classname=_clean(suite.name),
        name=_clean(case.name),
        time=_seconds(case.seconds),
    )
    for kind, text in (("failure", case.failure), ("error", case.error)):
        if text:
            first = _clean(text.splitlines()[0])
            ElementTree.SubElement(element, kind, message=first, type=kind).text = _clean(text)
    if case.output:
        ElementTree.SubElement(element, "system-out").text = _clean(case.output)


def _seconds(value: float) -> str:
    return f"{value:.3f}"


def _clean(text: str) -> str:
    """Characters that XML has no way to write become the replacement character."""
    return _NOT_XML.sub("\ufffd", text)
