"""What an audit says: a row a parameter, findings, and both summed up."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from math import prod
from typing import Any

FORMS = {
    "none": "does not decay",
    "decoupled": "decays beside the step: the moments do not see it",
    "l2": "decays through the gradient: the moments see it",
    "either": "decays; without moments L2 and decoupled decay are one step",
    "other": "moves by more than its own size says",
    "unknown": "was not measured",
}
MEANT = "it may be meant"


class AuditError(ValueError):
    """The audit cannot be made; one line says why and what helps."""


@dataclass(frozen=True)
class Row:
    """One parameter: what it is, and what a step with zero gradient does to it.

    `decay` is the share of itself that a step at the present `rate` takes, the median of what its
    coordinates lose, which lies between `low` and `high`. `kept` is what is left of it in the
    parameter's own dtype, `lost` the share of coordinates that this rounding leaves as they were.
    `coefficient` is what the optimizer says, where it says it. A tied tensor has several `names`.
    """

    names: tuple[str, ...]
    shape: tuple[int, ...]
    dtype: str
    groups: tuple[str, ...]
    kind: str
    form: str
    decay: float | None = None
    low: float | None = None
    high: float | None = None
    kept: float | None = None
    lost: float = 0.0
    rate: float | None = None
    coefficient: float | None = None
    trains: bool = True
    note: str = ""

    @property
    def name(self) -> str:
        """All names of the tensor in one."""
        return " = ".join(self.names)

    @property
    def size(self) -> int:
        """Elements."""
        return prod(self.shape)

    @property
    def decays(self) -> bool:
        """Whether a form of decay reaches it, whatever the present rate makes of it."""
        return self.form not in ("none", "unknown")

    def as_json(self) -> dict[str, Any]:
        """Return the row as JSON has it."""
        return {"name": self.name, **asdict(self)}


@dataclass(frozen=True)
class Finding:
    """What is usually a mistake: a name for it, a sentence, and the parameters it is about."""

    name: str
    text: str
    parameters: tuple[str, ...]

    def __str__(self) -> str:
        """Say it in one line, of many parameters the first."""
        shown = ", ".join(self.parameters[:3])
        more = f" and {len(self.parameters) - 3} more" if len(self.parameters) > 3 else ""
        return f"{shown}{more}: {self.text}; {MEANT}"


@dataclass(frozen=True)
class Audit:
    """Rows, findings and notes; `report` puts them in words, `as_json` and `as_html` in forms."""

    optimizer: str
    framework: str
    rows: Sequence[Row]
    findings: Sequence[Finding]
    notes: Sequence[str] = field(default=())

    @property
    def summary(self) -> Mapping[str, Any]:
        """How many there are, how many decay, and of which kinds those are."""
        decaying = [row for row in self.rows if row.decays]
        size, part = (sum(row.size for row in rows) for rows in (self.rows, decaying))
        kinds = {f"decaying_{kind}s": _count(decaying, kind) for kind in ("norm", "embedding")}
        return {
            "tensors": len(self.rows),
            "elements": size,
            "decaying_tensors": len(decaying),
            "decaying_elements": part,
            "share": part / size if size else 0.0,
            **kinds,
            "decaying_biases": _count(decaying, "bias"),
            "decaying_vectors": _count(decaying, "vector"),
            "in_no_group": sum(row.groups == () and row.trains for row in self.rows),
            "in_two_groups": sum(len(row.groups) > 1 for row in self.rows),
            "lost": sum(row.lost > 0 for row in self.rows),
        }

    def report(self) -> str:
        """Return the table, the findings and the sums as text."""
        from .show import text

        return text(self)

    def as_json(self) -> dict[str, Any]:
        """Return the document that ``wdref audit --json`` prints."""
        return {
            "optimizer": self.optimizer,
            "framework": self.framework,
            "summary": dict(self.summary),
            "rows": [row.as_json() for row in self.rows],
            "findings": [asdict(one) | {"line": str(one)} for one in self.findings],
            "notes": list(self.notes),
        }

    def as_html(self) -> str:
        """Return one page that fetches nothing."""
        from .page import page

        return page(self)

    def _repr_html_(self) -> str:
        from .page import body

        return body(self)


def _count(rows: Sequence[Row], kind: str) -> int:
    return sum(row.kind == kind for row in rows)
