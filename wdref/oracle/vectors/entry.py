"""One test of a file of vectors: made from a case, and read back as one."""

import math
from collections.abc import Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...rules.contract import Dialect
from ...rules.shapes import scope_of
from ..cases.case import Case
from ..judge.enclosure import Enclosure, enclose
from ..judge.verdict import LIMIT
from .format import both, each, round_up

Array = NDArray[np.float64]
EVERY_STEP, THEN_EVERY = 64, 50


def entry(tc_id: int, case: Case, dialect: Dialect, flags: Sequence[str]) -> dict[str, Any]:
    """Return one test: what the program is fed with, and what it is compared with."""
    arrays = arrays_of(case)
    size = sum(theta.size for theta, _ in arrays)
    columns = columns_of(case, size)
    theta0 = np.concatenate([theta.reshape(-1).astype(np.float64) for theta, _ in arrays])
    groups = case.groups or ({},) * len(arrays)
    return {
        "tcId": tc_id,
        "id": case.id,
        "comment": case.purpose,
        "flags": list(flags),
        "steps": len(case.eta),
        "size": size,
        "columns": columns,
        "tensors": [theta.size for theta, _ in arrays],
        "shapes": [list(theta.shape) for theta, _ in arrays],
        "hyper": _pairs(case.hyper),
        "groups": [_pairs(own) for own in groups],
        "starts": list(case.starts or (1,) * len(arrays)),
        "gaps": [list(gaps) for gaps in case.gaps or ((),) * len(arrays)],
        "eta": both(case.eta.tolist()),
        "theta0": both(theta0[:columns].tolist()),
        "grads": both(_laid_end_to_end(case, [grads for _, grads in arrays], columns)),
        **inputs(case, columns),
        **results(whole(dialect, case, columns)),
    }


def inputs(case: Case, columns: int) -> dict[str, Any]:
    """Return what the rule is given beside the gradients; nothing, where that is all."""
    listed = {name: x if "tensors" in case.flags else [x] for name, x in case.inputs.items()}
    rows = {name: both(_laid_end_to_end(case, x, columns)) for name, x in listed.items()}
    return {"inputs": rows} if rows else {}


def arrays_of(case: Case) -> list[tuple[Any, Any]]:
    """Return θ_0 and the gradients of each tensor."""
    if "tensors" in case.flags:
        return list(zip(case.theta0, case.grads, strict=True))
    return [(case.theta0, case.grads)]


def columns_of(case: Case, size: int) -> int:
    """Return how many columns are written: those of the template that repeats."""
    return size if case.template is None else min(size, case.template.theta0.size)


def _pairs(hyper: Any) -> dict[str, Any]:
    return {name: both(float(x)) for name, x in hyper.items()}


def _laid_end_to_end(case: Case, arrays: Sequence[Any], columns: int) -> Any:
    """Return the rows of all steps, None where a tensor has no gradient."""
    T = len(case.eta)
    rows: list[list[float | None]] = [[] for _ in range(T)]
    for i, x in enumerate(arrays):
        taken, size = set(case.steps_taken(i)), math.prod(x.shape[1:])
        values = x.reshape(T, size).astype(np.float64).tolist()
        for t, row in enumerate(values):
            rows[t] += row if t in taken else [None] * size
    return [row[:columns] for row in rows]


def whole(dialect: Dialect, case: Case, columns: int | None = None) -> Enclosure:
    """Return the enclosure of all tensors end to end: without a gradient a tensor stands still."""
    parts = []
    for i, part in enumerate(case.parts()):
        # what looks at an element needs no more of a tensor than the columns that it repeats
        repeats = part.template is not None and scope_of(dialect) == "element"
        source = part.template if repeats and part.template is not None else part
        found, start = enclose(dialect, source), source.theta0
        taken = np.searchsorted(case.steps_taken(i), range(len(case.eta)), side="right")
        kept = slice(part.theta0.size if columns is None or part.template is None else columns)
        parts.append([_extended(x, start if name == "high" else 0)[taken][:, kept]
                      for name, x in vars(found).items()])  # fmt: skip
    return Enclosure(*(np.concatenate(fields, axis=1) for fields in zip(*parts, strict=True)))


def _extended(rows: Any, start: Any) -> Any:
    """Put the values before the first step in front."""
    first = np.broadcast_to(np.asarray(start, rows.dtype), rows.shape[1:])
    return np.concatenate([first[None], rows])


def steps_stored(T: int) -> list[int]:
    """Return the steps whose results are stored: all at first, then some, and the last."""
    return [t for t in range(1, T + 1) if t <= EVERY_STEP or t % THEN_EVERY == 0 or t == T]


def results(found: Enclosure) -> dict[str, Any]:
    """Return the exact values rounded to float64, their error and their tolerances."""
    at = steps_stored(len(found.high))
    rows = [t - 1 for t in at]
    error = (np.abs(found.low) + found.error)[rows] * (1 + 2.0**-50)
    tolerance = found.radius[rows] + error / LIMIT
    broken = found.broken[rows]
    known = np.isfinite(tolerance) & ~found.doubt[rows] & ~broken
    expected = np.where(broken, np.nan, found.high[rows] + 0.0)  # -0.0 becomes 0.0
    return {
        "at": at,
        "expected": both(_masked(expected, known | broken)),
        "error": round_up(float(np.max(error, initial=0.0, where=known))),
        "tolerance": _masked(tolerance, known, round_up),
    }


def _masked(values: Array, known: NDArray[np.bool_], f: Any = float) -> list[list[float | None]]:
    return [
        [f(x) if k else None for x, k in zip(*row, strict=True)]
        for row in zip(values.tolist(), known.tolist(), strict=True)
    ]


def case_of(test: dict[str, Any], dtype: str, claim: str) -> Case:
    """Return the case that a test prescribes; of files of the first version too."""
    T, columns = test["steps"], test.get("columns", test["size"])
    shapes = test.get("shapes") or [[length] for length in test["tensors"]]
    repeat = np.arange(test["size"]) % max(columns, 1)
    numbers = {key: np.array(each(_number, test[key]["dec"]), dtype=np.float64)
               for key in ("theta0", "eta")}  # fmt: skip
    theta0 = numbers["theta0"].astype(dtype)[repeat]
    cuts = np.cumsum(test["tensors"])[:-1]
    many = "tensors" in test["flags"]
    thetas = [x.reshape(s) for x, s in zip(np.split(theta0, cuts), shapes, strict=True)]

    def steps(rows: dict[str, Any]) -> Any:
        numbers = np.array(each(_number, rows["dec"]), dtype=np.float64).reshape(T, columns)
        parts = np.split(numbers.astype(dtype)[:, repeat], cuts, axis=1)
        shaped = [x.reshape(T, *s) for x, s in zip(parts, shapes, strict=True)]
        return shaped if many else shaped[0]

    groups = [_floats(own) for own in test.get("groups", ())]
    return Case(
        id=test["id"],
        rule=claim,
        dtype=dtype,
        theta0=thetas if many else thetas[0],
        grads=steps(test["grads"]),
        inputs=MappingProxyType({k: steps(x) for k, x in test.get("inputs", {}).items()}),
        hyper=MappingProxyType(_floats(test["hyper"])),
        eta=numbers["eta"],
        purpose=test["comment"],
        flags=tuple(test["flags"]),
        groups=tuple(groups) if any(groups) else None,
        starts=tuple(test["starts"]) if many and "starts" in test else None,
        gaps=tuple(map(tuple, test["gaps"])) if many and "gaps" in test else None,
    )


def _floats(pairs: dict[str, Any]) -> dict[str, float]:
    return {name: float(pair["dec"]) for name, pair in pairs.items()}


def _number(x: float | str) -> float:
    return float(x)
