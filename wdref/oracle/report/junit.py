"""JUnit's XML, which every CI shows: a suite a dtype, a test a case.

What every reader takes and no more, the schema of Jenkins' xUnit plugin: no time, no file, no line.
"""

import re
from collections.abc import Mapping
from itertools import groupby
from typing import Any
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from ..judge.verdict import FAILED
from .cases import Document, claimed, line_of, unheard

# what XML 1.0 has no way to write, not even escaped
REFUSED = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
ELEMENTS = {"deviates": "failure", "imprecise": "failure", "unsupported": "skipped",
            **dict.fromkeys(FAILED, "error")}  # fmt: skip


def junit(document: Document) -> str:
    """Return the document as JUnit's XML; a target that could not be asked is an error in it."""
    root = Element("testsuites", name="wdref check")
    for dtype, rows in groupby(document["cases"], key=_dtype):  # one dtype after the other
        suite = SubElement(root, "testsuite", name=_clean(f"{document['target']} {dtype}"))
        _properties(suite, document)
        for case in rows:
            _add(suite, document, case)
    if unheard(document):
        _add_refusal(root, document)
    for suite in root:
        _count(suite)
    _add_diagnosis(root, document)
    totals = ("tests", "failures", "errors")
    root.attrib |= {name: str(sum(int(s.get(name, 0)) for s in root)) for name in totals}
    indent(root)
    text: str = tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'


def _dtype(case: Mapping[str, Any]) -> str:
    return str(case["id"].partition("/")[2])


def _properties(suite: Element, document: Document) -> None:
    properties = SubElement(suite, "properties")
    for key in ("target", "claim", "convention", "verdict", "worst_ratio"):
        if document.get(key) is not None:
            SubElement(properties, "property", name=key, value=_clean(str(document[key])))


def _add(suite: Element, document: Document, case: Mapping[str, Any]) -> None:
    test = _test(suite, document, case["id"])
    kind = ELEMENTS.get(case["verdict"])
    line = _clean(line_of(case))
    if kind:
        SubElement(test, kind, type=case["verdict"], message=line)
    else:
        SubElement(test, "system-out").text = line


def _add_refusal(root: Element, document: Document) -> None:
    suite = SubElement(root, "testsuite", name=_clean(document["target"]))
    _properties(suite, document)
    error = SubElement(_test(suite, document, "target"), "error", type="error")
    error.set("message", _clean(unheard(document)))


def _test(suite: Element, document: Document, name: str) -> Element:
    words = f"{document['target']} as {claimed(document)}"
    return SubElement(suite, "testcase", name=_clean(name), classname=_clean(words))


def _count(suite: Element) -> None:
    tests = suite.findall("testcase")
    suite.set("tests", str(len(tests)))
    for name, kind in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        suite.set(name, str(sum(test.find(kind) is not None for test in tests)))


def _add_diagnosis(root: Element, document: Document) -> None:
    """What the target is, in the first test that fails, where people look."""
    lines = document.get("diagnosis") or []
    first = next(root.iter("failure"), None)
    if first is not None and lines:
        first.text = _clean("\n".join([f"{document['target']}:", *lines]))


def _clean(text: str) -> str:
    """The text with the characters that XML refuses written as Python writes them."""
    return REFUSED.sub(lambda found: ascii(found[0])[1:-1], text)
