"""Reports: what a target is and whether it conforms, as records that a notebook shows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from ..cases.case import Case
from ..identify.diagnosis import Diagnosis, said
from ..identify.identify import Identity
from ..judge.verdict import worst_ratio
from ..targets.exchange import Result

UNASKED = ("error", "timeout", "unsupported")  # verdicts that answer no question


@dataclass(frozen=True, eq=False)
class Report:
    """The verdict on a target, with the place, the reason and every case.

    Printed it is the table of ``wdref check``; a notebook shows it as HTML. `document` is its JSON.
    """

    target: str
    claim: str
    convention: str
    dtype: str
    diagnosis: Diagnosis = field(repr=False)
    cases: tuple[Case, ...] = field(repr=False)
    results: tuple[Result, ...] = field(repr=False)
    primitives: Mapping[str, Any] = field(repr=False)
    against: str | None = None  # another target, that this one is compared with

    @property
    def verdict(self) -> str:
        """``conforms``, ``imprecise``, ``deviates``, ``undecided``, ``unsupported`` or an error."""
        return self.diagnosis.verdict

    @property
    def conforms(self) -> bool:
        """Whether the target computes what it is said to compute, in every case that it ran."""
        return self.verdict == "conforms"

    @property
    def worst_ratio(self) -> float | None:
        """The largest distance, in radii of what correct rounding allows; up to 4 conforms."""
        return worst_ratio(self.diagnosis.verdicts)

    @property
    def identity(self) -> Identity | None:
        """What the target is, where it does not conform and that is known."""
        return self.diagnosis.identity

    @property
    def failed(self) -> Result:
        """The result of the first case that has the verdict of the whole."""
        verdicts = [v.verdict for v in self.diagnosis.verdicts]
        return self.results[verdicts.index(self.verdict) if self.verdict in verdicts else 0]

    @cached_property
    def document(self) -> dict[str, Any]:
        """What ``wdref check --json`` prints."""
        verdicts = self.diagnosis.verdicts
        document = {
            "target": self.target, "claim": self.claim, "convention": self.convention,
            "dtype": self.dtype, "verdict": self.verdict, "worst_ratio": self.worst_ratio,
            "cases": [vars(v) for v in verdicts],
            "identified": self.identity and self.identity.as_json(),
            "findings": [v.finding for v in verdicts if v.finding],
            "primitives": self.primitives, "diagnosis": self.diagnosis.lines(),
        }  # fmt: skip
        document |= {"against": self.against} if self.against else {}
        if self.verdict in UNASKED:
            first = next(v for v in verdicts if v.verdict == self.verdict)
            words = f"{self.target}: {first.verdict} in case {first.id}: {first.message}"
            document["error"] = words
        return document

    def assert_conforms(self, *, imprecise: bool = False) -> None:
        """Raise AssertionError with the diagnosis unless the target conforms.

        With `imprecise` a right formula whose arithmetic is not is let through.
        """
        if not (self.conforms or (imprecise and self.verdict == "imprecise")):
            what = self.against or f"{self.convention} {self.claim}"
            head = f"{self.target} is not {what}: {self.verdict}"
            raise AssertionError("\n".join([head, *self.diagnosis.lines()]))

    def __str__(self) -> str:
        from ..report.show import check_text

        return check_text(self.document, self.diagnosis)

    def _repr_html_(self) -> str:
        from ..report.html import check_html

        return check_html(self.document, self.diagnosis)


@dataclass(frozen=True, eq=False)
class Identification:
    """What a target is: the rule that was found, how surely, and the known bug that it is."""

    target: str
    identity: Identity = field(repr=False)

    @property
    def certain(self) -> bool:
        """Whether every case that ran is certified to be the rule's."""
        return self.identity.certified

    @property
    def rule(self) -> Any:
        """The dialect that was found, or the nearest."""
        return self.identity.nearest.rule

    @property
    def lines(self) -> Sequence[str]:
        """The answer in lines."""
        return said(self.identity)

    @cached_property
    def document(self) -> dict[str, Any]:
        """What ``wdref identify --json`` prints."""
        return {"target": self.target, **self.identity.as_json(), "diagnosis": list(self.lines)}

    def __str__(self) -> str:
        from ..report.show import identity_text

        return identity_text(self.identity, self.target)

    def _repr_html_(self) -> str:
        from ..report.html import lines_html

        return lines_html(self.target, self.lines)
