"""Vectors: the suite as JSON files, one a rule and convention, for programs in any language.

A file holds what a program is fed with, the exact results rounded to float64, and the tolerance of
each: a program checks itself with a subtraction and a comparison. docs/vectors.md is its manual.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from ...common.whole import write_text
from ...conventions import CLAIMS, CONVENTIONS
from ...conventions import dialect as look_up
from ...rules.contract import Dialect
from ...rules.shapes import inputs_of
from ..cases.case import DTYPES as ALL_DTYPES
from ..cases.case import Case
from ..cases.suite import cases
from ..judge.verdict import LIMIT
from .entry import arrays_of, entry
from .flags import flags_of, notes_of
from .format import layout
from .read import SCHEMAS, VECTORS_SCHEMA, schema_text
from .sources import DTYPES, sources

HEADER = (
    "Vectors for optimizers with weight decay, written by `wdref vectors export`; do not edit.",
    "A test prescribes theta0, every gradient, the hyperparameters and the schedule's multipliers "
    "eta. A program does `steps` steps and compares its parameters after step at[k] with row k of "
    "`expected`: it conforms if |theta - expected| <= limit * tolerance for every number.",
    "`expected` is the float64 nearest to the real-number result, and no further from it than "
    "`error`. `tolerance` is the proven radius of all evaluations in which every operation is "
    "rounded correctly to the group's dtype, scalars being computed in float64, plus error/limit "
    "and rounded up to two digits. null: nothing is certified there. `nan`: no finite number is "
    "right there, any other is.",
    "Numbers stand twice, in C99's hexadecimal form and as the shortest decimal: equal bits. What "
    "is no number is a word in both: `nan`, `inf`, `-inf`.",
    "Rows hold `columns` numbers for `size` coordinates: coordinate j has number j mod columns.",
    "`tensors` are the lengths of the tensors that the coordinates fall into, in order, and "
    "`shapes` their shapes. Tensor i has the hyperparameters of groups[i] in the place of those in "
    "`hyper`, its first gradient at step starts[i], and none at the steps in gaps[i]: without a "
    "gradient, null, it is not stepped, stands still and does not count t.",
    "`flags` name the case, what it needs, and each known bug that fails it: the bug whose flag is "
    "on every failing test and on no passing one is the diagnosis. `notes` say what flags mean.",
)
GIVEN = (
    "`inputs` are what the rule is given beside the gradients, in the form of `grads`: rows for "
    "all steps, of which it reads those that its recurrence says."
)
REASONS = {
    "half": "float16 and bfloat16: few languages compute in them; `wdref check --dtype half` asks",
    "layout": "views: memory that is strided or begins late; `wdref check --views` asks",
    "life": "lives: a state that is saved, a rate that is changed, …; `wdref check` asks",
}


@dataclass(frozen=True, eq=False)
class Vector:
    """A numbered case."""

    tc_id: int
    case: Case


@dataclass(frozen=True)
class Suite:
    """What one file is made of: the claim under a convention, and all its cases."""

    claim: str
    convention: str
    dialect: Dialect
    vectors: tuple[Vector, ...]
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
    every = (case for dtype in DTYPES for case in cases(claim, found, dtype, with_lives=False))
    numbered = tuple(Vector(i, case) for i, case in enumerate(every, 1))
    return Suite(claim, convention, found, numbered, digest(numbered))


def omitted(found: Suite) -> list[dict[str, Any]]:
    """Return the cases of `wdref check` that no file holds, by the reason."""
    held = {v.case.id for v in found.vectors}
    missing: dict[str, list[str]] = {reason: [] for reason in REASONS}
    for dtype in ALL_DTYPES:
        for case in cases(found.claim, found.dialect, dtype, with_views=True):
            if case.id not in held:
                kind = "half" if dtype not in DTYPES else "life" if case.life else "layout"
                missing[kind].append(case.id)
    return [{"reason": REASONS[reason], "cases": ids} for reason, ids in missing.items() if ids]


def digest(vectors: Sequence[Vector]) -> str:
    """Return 16 hexadecimal digits that change with anything a program is fed with."""
    state = hashlib.sha256()
    for v in vectors:
        case = v.case
        hyper = [{name: float(x).hex() for name, x in h.items()}
                 for h in (case.hyper, *(case.groups or ()))]  # fmt: skip
        arrays = arrays_of(case)
        shapes = [theta.shape for theta, _ in arrays]
        state.update(
            repr((v.tc_id, case.id, case.dtype, hyper, shapes, case.starts, case.gaps)).encode()
        )
        columns = (x if "tensors" in case.flags else [x] for x in case.inputs.values())
        given = [x for column in columns for x in column]
        for array in (case.eta, *(x for pair in arrays for x in pair), *given):
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
            known = (convention, claim) in sources()
            if known or conventions:  # who names both wants to hear that it is not there
                look_up(claim, convention)
                yield claim, convention


def export(folder: Path, claim: str, convention: str, dtypes: Sequence[str] = DTYPES) -> Path:
    """Write one file into `folder`, whole or not at all, and return its path."""
    found = suite(claim, convention)
    path = folder / found.file
    write_text(path, layout(document(found, dtypes)) + "\n")
    return path


def export_schemas(folder: Path) -> None:
    """Write the schemas of the vectors and of the outputs into `folder`/schemas."""
    (folder / "schemas").mkdir(parents=True, exist_ok=True)
    for name in SCHEMAS:
        write_text(folder / "schemas" / name, schema_text(name))


def document(found: Suite, dtypes: Sequence[str] = DTYPES) -> dict[str, Any]:
    """Return the content of a file, keys and numbers in the order in which they are written."""
    chosen = found.of(dtypes)
    flags = {v: flags_of(found.dialect, v.case) for v in chosen}
    groups = [
        {
            "dtype": dtype,
            "source": _source(found.convention, found.claim),
            "tests": [entry(v.tc_id, v.case, found.dialect, flags[v])
                      for v in chosen if v.case.dtype == dtype],
        }
        for dtype in DTYPES
        if dtype in dtypes
    ]  # fmt: skip
    notes = notes_of({flag for each in flags.values() for flag in each}, found.dialect)
    return {
        "algorithm": found.claim,
        "convention": found.convention,
        "schema": VECTORS_SCHEMA,
        "suite": found.digest,
        "numberOfTests": len(chosen),
        "limit": LIMIT,
        "header": [*HEADER, *((GIVEN,) if inputs_of(found.dialect) else ())],
        "recurrence": list(found.dialect.recurrence()),
        "notes": {flag: note._asdict() for flag, note in notes.items()},
        "omitted": omitted(found),
        "groups": groups,
    }


def _source(convention: str, claim: str) -> dict[str, str]:
    if (convention, claim) not in sources():
        raise ValueError(
            f"{convention} {claim} has no source: write one in wdref/oracle/vectors/sources.py"
        )
    return sources()[convention, claim]._asdict()
