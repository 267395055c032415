"""Outputs: what an implementation made of exported vectors, judged as `wdref check` judges."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...conventions import dialect as look_up
from ...rules.contract import Dialect
from ..cases.case import Case
from ..identify.diagnosis import Diagnosis, diagnose
from ..identify.identify import Identity
from ..judge.verdict import CaseVerdict, worst_ratio
from ..targets.exchange import Result
from .entry import arrays_of, case_of
from .files import Suite, Vector, suite
from .read import OUTPUTS_SCHEMAS, VECTORS_SCHEMAS, VectorsError, kind, read, shorten

Array = NDArray[np.float64]
LARGEST_OUTPUT = 10_000  # coordinates of a test whose outputs a file may hold
TOO_LARGE = "too large for a file of outputs: the program's own comparison counts"


@dataclass(frozen=True, eq=False)
class Outputs:
    """A file of outputs, matched with the cases that it answers."""

    implementation: str
    claim: str
    convention: str
    dialect: Dialect
    cases: tuple[Case, ...]
    results: tuple[Result, ...]

    @property
    def dtype(self) -> str:
        """The dtype of all cases, or "all"."""
        dtypes = {case.dtype for case in self.cases}
        return dtypes.pop() if len(dtypes) == 1 else "all"


@dataclass(frozen=True, eq=False)
class Judgement:
    """Outputs with their diagnosis."""

    target: str
    outputs: Outputs
    diagnosis: Diagnosis

    @property
    def verdicts(self) -> tuple[CaseVerdict, ...]:
        """The verdicts on all cases."""
        return self.diagnosis.verdicts

    @property
    def identity(self) -> Identity | None:
        """What they are, where that is not what they claim."""
        return self.diagnosis.identity

    @property
    def verdict(self) -> str:
        """The verdict on the implementation."""
        return self.diagnosis.verdict

    def as_json(self) -> dict[str, Any]:
        """Return the keys of ``wdref check --json``."""
        return {
            "target": self.target,
            "claim": self.outputs.claim,
            "convention": self.outputs.convention,
            "dtype": self.outputs.dtype,
            "verdict": self.verdict,
            "worst_ratio": worst_ratio(self.verdicts),
            "cases": [dict(vars(v)) for v in self.verdicts],
            "identified": self.identity and self.identity.as_json(),
            "diagnosis": self.diagnosis.lines(),
        }


def judge_outputs(
    path: Path | str,
    claim: str | None = None,
    convention: str | None = None,
    *,
    vectors: Path | str | None = None,
) -> Judgement:
    """Judge the outputs in the file `path`, and identify what deviates.

    They are outputs of this wdref's vectors, or of those in the file `vectors`, of another version.

    Raises VectorsError, a ValueError of one line, for a file that is no outputs of this suite, and
    where it is of another `claim` or `convention` than those given.
    """
    found = read_outputs(Path(path), None if vectors is None else Path(vectors))
    for name, wanted, given in (("claim", claim, found.claim),
                                ("convention", convention, found.convention)):  # fmt: skip
        if wanted not in (None, given):
            raise VectorsError(
                f"{path}: outputs for the {name} {given}, not {wanted}: "
                f"export the vectors of {wanted}, or judge them as {given}"
            )
    return Judgement(str(path), found, diagnose(found.dialect, found.cases, found.results))


def read_outputs(path: Path, vectors: Path | None = None) -> Outputs:
    """Read a file of outputs; VectorsError says what is wrong with it."""
    document = read(path, OUTPUTS_SCHEMAS)
    try:
        found = _suite(document, vectors)
        answered, results = _matched(found, document["outputs"])
    except VectorsError as error:
        raise VectorsError(f"{path}: {error}") from None
    made = document["implementation"]
    name = " ".join(filter(None, (made["name"], made["version"], f"({made['language']})")))
    return Outputs(
        shorten(name), found.claim, found.convention, found.dialect,
        tuple(v.case for v in answered), results,
    )  # fmt: skip


def _suite(document: dict[str, Any], vectors: Path | None) -> Suite:
    try:
        if vectors is not None:
            found = suite_in(vectors)
        else:
            found = suite(document["algorithm"], document["convention"])
    except VectorsError:
        raise
    except ValueError as error:
        raise VectorsError(str(error)) from None
    given = (document["suite"], document["algorithm"], document["convention"])
    if given != (found.digest, found.claim, found.convention):
        raise VectorsError(
            f"made from the vectors of suite {document['suite']}: this wdref judges suite "
            f"{found.digest}; export the vectors again and run the implementation on them, "
            "or name their file with --vectors"
        )
    return found


def suite_in(path: Path) -> Suite:
    """Return the suite that a file of vectors holds, of this version or another."""
    document = read(path, VECTORS_SCHEMAS)
    claim, convention = document["algorithm"], document["convention"]
    found = look_up(claim, convention)
    try:
        vectors = tuple(
            Vector(test["tcId"], case_of(test, group["dtype"], claim))
            for group in document["groups"]
            for test in group["tests"]
        )
    except (ValueError, IndexError) as error:
        raise VectorsError(f"{path}: `wdref vectors lint` says what is wrong: {error}") from None
    return Suite(claim, convention, found, vectors, document["suite"])


def _matched(
    found: Suite, outputs: list[dict[str, Any]]
) -> tuple[list[Vector], tuple[Result, ...]]:
    """Match outputs with cases: every case of a dtype, or none of it."""
    by_id = {v.tc_id: v for v in found.vectors}
    results: dict[int, Result] = {}
    for i, output in enumerate(outputs):
        tc_id = output["tcId"]
        if tc_id not in by_id:
            raise VectorsError(f"outputs[{i}]: no test has the tcId {tc_id}")
        if tc_id in results:
            raise VectorsError(f"outputs[{i}]: tcId {tc_id} stands twice")
        results[tc_id] = _result(by_id[tc_id].case, output, f"outputs[{i}]")
    dtypes = {by_id[tc_id].case.dtype for tc_id in results}
    vectors = found.of(sorted(dtypes))
    for v in vectors:
        if _size(v.case) > LARGEST_OUTPUT:
            results.setdefault(v.tc_id, Result("unsupported", message=TOO_LARGE))
    missing = next((v for v in vectors if v.tc_id not in results), None)
    if missing:
        raise VectorsError(
            f"no output for tcId {missing.tc_id} ({missing.case.id}): "
            'give its theta, or "unsupported" with the reason'
        )
    return vectors, tuple(results[v.tc_id] for v in vectors)


def _result(case: Case, output: dict[str, Any], place: str) -> Result:
    if ("theta" in output) == ("unsupported" in output):
        raise VectorsError(f"{place}: expected either theta or unsupported")
    if "unsupported" in output:
        return Result("unsupported", message=shorten(output["unsupported"]))
    T, n = len(case.eta), _size(case)
    rows, place = output["theta"], f"{place}.theta"
    if len(rows) != T:
        raise VectorsError(f"{place}: {len(rows)} rows: expected {T}, one for each step")
    for t, row in enumerate(rows):
        if len(row) != n:
            raise VectorsError(f"{place}[{t}]: {kind(row)}: expected {n} numbers")
    numbers = [list(_numbers(row, f"{place}[{t}]")) for t, row in enumerate(rows)]
    values = _in_dtype(np.array(numbers, dtype=np.float64).reshape(T, n), case.dtype)
    if "tensors" not in case.flags:
        return Result("ok", values)
    ends = np.cumsum([theta.size for theta, _ in arrays_of(case)])
    return Result("ok", np.split(values, ends[:-1], axis=1))


def _size(case: Case) -> int:
    return sum(theta.size for theta, _ in arrays_of(case))


def _numbers(row: Sequence[float | str], place: str) -> Iterator[float]:
    for j, x in enumerate(row):
        try:
            yield float.fromhex(x) if isinstance(x, str) else float(x)
        except OverflowError:
            raise VectorsError(f'{place}[{j}]: beyond float64: write "inf" for infinity') from None


def _in_dtype(values: Array, dtype: str) -> Array:
    """Round to the dtype: the shortest decimal of a float32 is not that number in float64."""
    with np.errstate(over="ignore"):
        return values.astype(dtype).astype(np.float64)
