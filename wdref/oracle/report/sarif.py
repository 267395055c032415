"""SARIF 2.1.0, which code scanning shows beside the source: a result a kind of verdict."""

import hashlib
from collections.abc import Iterator
from typing import Any

from ... import __version__
from ...cli import json_text
from ..judge.verdict import FAILED
from .cases import Document, claimed, counted, line_of, of_kind, unheard
from .place import place_of

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
RULES = {
    "deviates": ("Another formula", "What it computes is not what it claims to be.", "error"),
    "imprecise": (
        "Less precise than its dtype",
        "The formula is the right one; more is lost than roundings of its dtype explain.",
        "warning",
    ),
    "error": ("Could not be judged", "It raised, did not end, or could not be asked.", "error"),
}
MOST = 20  # cases that are named
KINDS = {"deviates": ("deviates",), "imprecise": ("imprecise",), "error": FAILED}


def sarif(document: Document) -> str:
    """Return the document as SARIF; where all conforms, with no result."""
    results = list(_results(document))
    failed = "error" in document
    run: dict[str, Any] = {
        "tool": {"driver": _driver()},
        "invocations": [{"executionSuccessful": not failed}],
        "columnKind": "unicodeCodePoints",
        "results": results,
        "properties": {key: document.get(key) for key in
                       ("target", "claim", "convention", "dtype", "verdict", "worst_ratio")},
    }  # fmt: skip
    if failed:
        told = {"level": "error", "message": {"text": document["error"]}}
        run["invocations"][0]["toolExecutionNotifications"] = [told]
    return json_text({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]})


def _driver() -> dict[str, Any]:
    rules = [
        {
            "id": id,
            "name": title.title().replace(" ", ""),
            "shortDescription": {"text": f"{title}."},
            "fullDescription": {"text": text},
            "defaultConfiguration": {"level": level},
        }
        for id, (title, text, level) in RULES.items()
    ]
    return {"name": "wdref", "version": __version__, "rules": rules}


def _results(document: Document) -> Iterator[dict[str, Any]]:
    for index, (id, verdicts) in enumerate(KINDS.items()):
        cases = of_kind(document, *verdicts)
        refusal = unheard(document) if id == "error" else ""
        if not (cases or refusal):
            continue
        yield {
            "ruleId": id,
            "ruleIndex": index,
            "level": RULES[id][2],
            "message": {"text": refusal or _message(document, id, cases)},
            "locations": [_location(document["target"])],
            "partialFingerprints": {"wdrefVerdict/v1": _fingerprint(document, id)},
            "properties": {"count": len(cases), "first": [case["id"] for case in cases[:MOST]]},
        }


def _message(document: Document, id: str, cases: list[dict[str, Any]]) -> str:
    """The verdict, its first case, and, once, what is behind it."""
    whole = len(document["cases"])
    first = f"{cases[0]['id']}: {line_of(cases[0])}"
    head = f"{document['target']} as {claimed(document)}: {counted(cases)} of {whole}, {first}"
    lines = (document.get("diagnosis") or []) if id == document["verdict"] else []
    return "\n".join([head, *lines])


def _location(target: str) -> dict[str, Any]:
    place = place_of(target)
    named = {"logicalLocations": [{"fullyQualifiedName": target}]}
    if place is None:
        return named
    at: dict[str, Any] = {"artifactLocation": {"uri": place.uri}}
    if not place.uri.startswith("file:"):
        at["artifactLocation"]["uriBaseId"] = "%SRCROOT%"
    # a viewer that has no line shows the first
    return {"physicalLocation": at | {"region": {"startLine": place.line or 1}}, **named}


def _fingerprint(document: Document, id: str) -> str:
    """The same for the same finding: of what was asked and found, of no number and no line."""
    bug = ((document.get("identified") or {}).get("known_bug") or {}).get("id", "")
    asked = (document["target"], document.get("claim"), document.get("convention"), id, bug)
    return hashlib.sha256("\n".join(map(str, asked)).encode()).hexdigest()
