"""Rows from what was measured, and the audit of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from .findings import findings
from .kinds import kind
from .measure import Measured
from .record import Audit, Row


@dataclass(frozen=True)
class Parameter:
    """What is known of a parameter before it is measured."""

    names: tuple[str, ...]
    shape: tuple[int, ...]
    dtype: str
    groups: tuple[str, ...] = ()
    rate: float | None = None
    coefficient: float | None = None
    trains: bool = True
    module: str = ""

    def row(self, measured: Measured | None, why: str = "") -> Row:
        """Return the row; without a measurement it says `why`."""
        row = Row(
            self.names, self.shape, self.dtype, self.groups,
            kind(self.names, self.shape, self.module), "unknown" if why else "none",
            rate=self.rate, coefficient=self.coefficient, trains=self.trains, note=why,
        )  # fmt: skip
        return row if measured is None else self._filled(row, measured)

    def _filled(self, row: Row, m: Measured) -> Row:
        if m.form == "unknown":
            return replace(row, form=m.form, note="not measured: its state or step is not finite")
        row = replace(row, form=m.form, decay=m.decay, low=m.low, high=m.high, kept=m.kept,
                      lost=m.lost)  # fmt: skip
        if self.rate == 0 and row.decays:
            return replace(row, decay=0.0, low=0.0, high=0.0, kept=None, lost=0.0,
                           note=f"{m.decay:.3g} at the rate that was put for 0")  # fmt: skip
        if m.wider:
            return replace(row, note=f"its decay adds up in {m.wider}, which has more digits")
        return row


def made(
    optimizer: Any, framework: str, rows: Sequence[Row], notes: Sequence[str], name: str = ""
) -> Audit:
    """Return the audit of the rows: what they have in common is found here."""
    text = name or type(optimizer).__name__
    return Audit(text, framework, tuple(rows), tuple(findings(rows)), tuple(notes))


def number(value: Any) -> float | None:
    """Return a setting as a number, None where it is none."""
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def of_group(group: Mapping[str, Any]) -> tuple[float | None, float | None]:
    """Return the rate and the coefficient that a group says."""
    return number(group.get("lr")), number(group.get("weight_decay"))
