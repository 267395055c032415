"""A badge: the JSON that shields.io's endpoint reads."""

from collections.abc import Mapping
from typing import Any

from ...cli import json_text
from .cases import Document

COLORS = {"conforms": "brightgreen", "imprecise": "yellow", "known failures": "yellow",
          "deviates": "red", "fails": "red"}  # fmt: skip


def badge(document: Document) -> str:
    """Return the badge of a document of ``wdref check``."""
    label = " ".join(filter(None, ("wdref", document.get("claim"))))
    return json_text(shield(label, document["verdict"]))


def shield(label: str, verdict: str) -> Mapping[str, Any]:
    """Return the badge's record; grey is what could not be asked.

    >>> shield("wdref adamw", "conforms")["color"]
    'brightgreen'
    """
    color = COLORS.get(verdict, "lightgrey")
    record = {"schemaVersion": 1, "label": label, "message": verdict, "color": color}
    return record if verdict in COLORS else record | {"isError": True}
