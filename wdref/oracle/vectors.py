"""Vectors: the suite as JSON files, one a rule and convention, for programs in any language.

A file holds what a program is fed with, the exact results rounded to float64, and the tolerance of
each: a program checks itself with a subtraction and a comparison. docs/vectors.md is its manual.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..conventions import CLAIMS, CONVENTIONS
from ..conventions import dialect as look_up
from ..dialects import Dialect
from .case import Case
from .cases import regimes
from .enclosure import Enclosure, enclose
from .vectors_format import both, layout, round_up, write_whole
from .vectors_notes import DTYPES, NOTES, SOURCES
from .vectors_read import OUTPUTS_SCHEMA, VECTORS_SCHEMA, schema_text
from .verdict import LIMIT

Array = NDArray[np.float64]

MOST_NUMBERS = 8192  # gradients of one case; larger cases are for programs that wdref can call
EVERY_STEP, THEN_EVERY = 64, 50

HEADER = (
    "Vectors for optimizers with weight decay, written by `wdref vectors export`; do not edit.",
    "A test prescribes theta0, every gradient, the hyperparameters and the schedule's multipliers "
    "eta. A program does `steps` steps and compares its parameters after step at[k] with row k of "
    "`expected`: it conforms if |theta - expected| <= limit * tolerance for every number.",
    "`expected` is the float64 nearest to the real-number result, and no further from it than "
    "`error`. `tolerance` is the proven radius of all evaluations in which every operation is "
    "rounded correctly to the group's dtype, scalars being computed in float64, plus error/limit "
    "and rounded up to two digits. null: nothing is certified there.",
    "Numbers stand twice, in C99's hexadecimal form and as the shortest decimal: equal bits.",
    "`tensors` are the lengths of the tensors that the coordinates fall into, in order.",
)


@dataclass(frozen=True, eq=False)
class Vector:
    """A numbered case, its tensors laid end to end."""

    tc_id: int
    case: Case
    tensors: tuple[int, ...]


@dataclass(frozen=True)
class Suite:
    """What one file is made of: the claim under a convention, and all its cases."""

    claim: str
    convention: str
    dialect: Dialect
    vectors: tuple[Vector, ...]
    omitted: tuple[str, ...]
    digest: str

    @property
    def file(self) -> str:
        """Name of the file."""
        return f"{self.claim}_{self.convention}.json"

    def of(self, dtypes: Sequence[str]) -> list[Vector]:
        """Return the cases in `dtypes`."""
        return [v for v in self.vectors if v.case.dtype in dtypes]


@lru_cache(maxsize=64)
def suite(claim: str, convention: str) -> Suite:
    """Return the numbered cases of a claim in every dtype: numbers do not depend on a selection.

    Raises ValueError for an unknown claim or convention.
    """
    found = look_up(claim, convention)
    flat = [flatten(case) for dtype in DTYPES for case in regimes(claim, found, dtype)]
    kept = [pair for pair in flat if pair[0].grads.size <= MOST_NUMBERS]
    numbered = tuple(Vector(i, *pair) for i, pair in enumerate(kept, 1))
    omitted = tuple(case.id for case, _ in flat if case.grads.size > MOST_NUMBERS)
    return Suite(claim, convention, found, numbered, omitted, digest(numbered))


def flatten(case: Case) -> tuple[Case, tuple[int, ...]]:
    """Lay the tensors of a case end to end; return the case and the tensors' lengths."""
    if not isinstance(case.theta0, list):
        return case, (len(case.theta0),)
    flat = replace(case, theta0=np.concatenate(case.theta0),
                   grads=np.concatenate(case.grads, axis=1))  # fmt: skip
    return flat, tuple(map(len, case.theta0))


def digest(vectors: Sequence[Vector]) -> str:
    """Return 16 hexadecimal digits that change with anything a program is fed with."""
    state = hashlib.sha256()
    for v in vectors:
        hyper = {name: float(x).hex() for name, x in v.case.hyper.items()}
        state.update(repr((v.tc_id, v.case.id, v.case.dtype, hyper, v.tensors)).encode())
        for array in (v.case.theta0, v.case.grads, v.case.eta):
            state.update(array.astype("<f8").tobytes())
    return state.hexdigest()[:16]


def selection(
    claims: Sequence[str] = (), conventions: Sequence[str] = ()
) -> Iterator[tuple[str, str]]:
    """Yield (claim, convention) of every file asked for; all that have a source where nothing is.

    Raises ValueError, naming what exists, for what a convention does not have.
    """
    for convention in conventions or CONVENTIONS:
        has = CONVENTIONS.get(convention, {})
        for claim in claims or has or CLAIMS:
            known = (convention, claim) in SOURCES
            if known or conventions:  # who names both wants to hear that it is not there
                look_up(claim, convention)
                yield claim, convention


def export(folder: Path, claim: str, convention: str, dtypes: Sequence[str] = DTYPES) -> Path:
    """Write one file into `folder`, whole or not at all, and return its path."""
    found = suite(claim, convention)
    path = folder / found.file
    write_whole(path, layout(document(found, dtypes)) + "\n")
    return path


def export_schemas(folder: Path) -> None:
    """Write the schemas of the vectors and of the outputs into `folder`/schemas."""
    (folder / "schemas").mkdir(parents=True, exist_ok=True)
    for name in (VECTORS_SCHEMA, OUTPUTS_SCHEMA):
        write_whole(folder / "schemas" / name, schema_text(name))


def document(found: Suite, dtypes: Sequence[str] = DTYPES) -> dict[str, Any]:
    """Return the content of a file, keys and numbers in the order in which they are written."""
    chosen = found.of(dtypes)
    flags = sorted({flag for v in chosen for flag in v.case.flags})
    return {
        "algorithm": found.claim,
        "convention": found.convention,
        "schema": VECTORS_SCHEMA,
        "suite": found.digest,
        "numberOfTests": len(chosen),
        "limit": LIMIT,
        "header": list(HEADER),
        "recurrence": list(found.dialect.recurrence()),
        "notes": {flag: _note(flag) for flag in flags},
        "omitted": [name for name in found.omitted if name.endswith(tuple(dtypes))],
        "groups": [
            {
                "dtype": dtype,
                "source": _source(found.convention, found.claim),
                "tests": [entry(v, found.dialect) for v in chosen if v.case.dtype == dtype],
            }
            for dtype in DTYPES
            if dtype in dtypes
        ],
    }


def entry(vector: Vector, dialect: Dialect) -> dict[str, Any]:
    """Return one test: what the program is fed with, and what it is compared with."""
    case = vector.case
    T, n = case.grads.shape
    return {
        "tcId": vector.tc_id,
        "id": case.id,
        "comment": case.purpose,
        "flags": list(case.flags),
        "steps": T,
        "size": n,
        "tensors": list(vector.tensors),
        "hyper": {name: both(float(x)) for name, x in case.hyper.items()},
        "eta": both(case.eta.tolist()),
        "theta0": both(case.theta0.astype(np.float64).tolist()),
        "grads": both(case.grads.astype(np.float64).tolist()),
        **results(enclose(dialect, case)),
    }


def steps_stored(T: int) -> list[int]:
    """Return the steps whose results are stored: all at first, then some, and the last."""
    return [t for t in range(1, T + 1) if t <= EVERY_STEP or t % THEN_EVERY == 0 or t == T]


def results(found: Enclosure) -> dict[str, Any]:
    """Return the exact values rounded to float64, their error and their tolerances."""
    at = steps_stored(len(found.high))
    rows = [t - 1 for t in at]
    error = (np.abs(found.low) + found.error)[rows] * (1 + 2.0**-50)
    tolerance = found.radius[rows] + error / LIMIT
    known = np.isfinite(tolerance)
    return {
        "at": at,
        "expected": both(_masked(found.high[rows] + 0.0, known)),  # -0.0 becomes 0.0
        "error": round_up(float(np.max(error, initial=0.0, where=known))),
        "tolerance": _masked(tolerance, known, round_up),
    }


def _masked(values: Array, known: NDArray[np.bool_], f: Any = float) -> list[list[float | None]]:
    return [
        [f(x) if k else None for x, k in zip(*row, strict=True)]
        for row in zip(values.tolist(), known.tolist(), strict=True)
    ]


def _note(flag: str) -> dict[str, str]:
    if flag not in NOTES:
        raise ValueError(f"flag {flag!r} has no note: write one in wdref/oracle/vectors_notes.py")
    return NOTES[flag]._asdict()


def _source(convention: str, claim: str) -> dict[str, str]:
    if (convention, claim) not in SOURCES:
        raise ValueError(
            f"{convention} {claim} has no source: write one in wdref/oracle/vectors_notes.py"
        )
    return SOURCES[convention, claim]._asdict()
