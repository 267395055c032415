"""What a document of ``wdref check`` says of each case, in one line, for every format."""

from collections.abc import Mapping, Sequence
from typing import Any

from ..judge.verdict import FAILED, LIMIT

Document = Mapping[str, Any]
WRONG = ("deviates", "imprecise", *FAILED)


def claimed(document: Document) -> str:
    """Return what the target is said to be: "pytorch adamw"."""
    return " ".join(str(document[key]) for key in ("convention", "claim") if document.get(key))


def of_kind(document: Document, *kinds: str) -> list[dict[str, Any]]:
    """Return the cases with one of these verdicts."""
    return [case for case in document["cases"] if case["verdict"] in kinds]


def unheard(document: Document) -> str:
    """Return why the target could not be asked, where no case says that it failed."""
    return "" if of_kind(document, *FAILED) else str(document.get("error", ""))


def line_of(case: Mapping[str, Any]) -> str:
    """Say what a case came to.

    >>> line_of({"verdict": "deviates", "ratio": 81.25, "step": 3, "coordinate": 0})
    'deviates: ratio 81.2 at step 3, coordinate 0 (up to 4 conforms)'
    """
    said = []
    if case.get("ratio") is not None:
        said.append(f"ratio {case['ratio']:.3g}{_place(case)} (up to {LIMIT:g} conforms)")
    said += [case[key] for key in ("message", "finding") if case.get(key)]
    return f"{case['verdict']}: {'; '.join(said)}" if said else str(case["verdict"])


def _place(case: Mapping[str, Any]) -> str:
    places = [f"{name} {case[name]}" for name in ("step", "tensor", "coordinate")
              if case.get(name) is not None]  # fmt: skip
    return f" at {', '.join(places)}" if places else ""


def counted(cases: Sequence[Any]) -> str:
    """Return the number of cases, in words."""
    return "1 case" if len(cases) == 1 else f"{len(cases)} cases"
