"""Mistakes of a `run(case)` that is being written: recognised in its results, said in one line."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..cases.case import Case
from ..targets.targets import Result

ALIKE = "every row is the last: append a copy of θ, theta.copy(), after each step"
STILL = "θ never moves: what is returned are the parameters before the first step"


def of_run(claim: Any, cases: Sequence[Case], results: Sequence[Result]) -> tuple[str, ...]:
    """Return the mistakes that the results show, in one line each."""
    rows = [values for case, result in zip(cases, results, strict=True) if result.values is not None
            for values in _moving(case, result)]  # fmt: skip
    if rows and all(_alike(values) for _, values in rows):
        still = all(np.array_equal(values[-1], theta0) for theta0, values in rows)
        return (STILL if still else ALIKE,)
    return ()


def _moving(case: Case, result: Result) -> list[tuple[Any, Any]]:
    """θ0 and the rows of every tensor that has several steps, and numbers to tell them by."""
    many = "tensors" in case.flags
    values = result.values if many else [result.values]
    found = zip(case.parts(), values, strict=True)
    return [
        (part.theta0.astype(float), rows)
        for part, rows in found
        if len(rows) > 1 and np.any(part.grads != 0) and np.any(part.eta != 0) and rows.size
        and "subnormal" not in case.flags
    ]  # fmt: skip


def _alike(rows: Any) -> bool:
    return bool(np.all((rows == rows[-1]) | np.isnan(rows)))
