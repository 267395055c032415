"""Conformance tests for your own suite: one pytest test a case of the oracle.

::

    from wdref.testing import conformance

    def run(case):
        ...  # the parameters after each step, (T, n)

    test_adamw = conformance(run, claim="adamw", convention="pytorch")

A failure says which formula was found, at which step and coordinate it departs, what was expected
and what came. Known failures live in a text file, one case a line with its reason after ``#``; they
are strict: a case that passes after all fails the suite.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from inspect import getsourcefile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from .conventions import dialect
from .dialects import Dialect
from .oracle.case import Case
from .oracle.cases import regimes
from .oracle.enclosure import enclose
from .oracle.identify import describe, identify
from .oracle.targets import Result, parse_options
from .oracle.verdict import LIMIT, CaseVerdict, judge

Run = Callable[[Any], Any]
DTYPES = ("float64", "float32")


def conformance(
    run: Run,
    *,
    claim: str,
    convention: str = "paper",
    dtypes: Sequence[str] = DTYPES,
    known_failures: str | Path | None = None,
) -> Callable[..., None]:
    """Return a parametrised test function that judges `run` case by case.

    `claim` and `convention` as in ``wdref check``; options of the rule as in
    ``sgd[nesterov=True]``. `known_failures` is the path of the text file, relative to the file that
    defines `run`. Raises ValueError for an unknown claim, or a known failure that is no case.
    """
    rule, answers = parse_options(claim)
    found = dialect(rule, convention, **answers)
    suite = {case.id: case for dtype in dtypes for case in regimes(rule, found, dtype)}
    known = _known(run, known_failures, suite)
    subject = _Subject(
        run, found, tuple(suite.values()), f"--claim {claim} --convention {convention}"
    )

    @pytest.mark.wdref
    @pytest.mark.parametrize("case_id", [_parameter(id, known) for id in suite])
    def test(case_id: str, record_property: Callable[[str, object], None]) -> None:
        verdict = subject.judge(suite[case_id])
        record_property("wdref_ratio", verdict.ratio)
        if verdict.verdict == "unsupported":
            pytest.skip(f"{case_id}: {verdict.message}")
        if verdict.verdict != "conforms":
            pytest.fail(subject.explain(suite[case_id], verdict), pytrace=False)

    return test


class Conformance:
    """The same as a class to derive from: set `claim`, write `run`.

    ::

        class TestAdamW(Conformance):
            claim, convention = "adamw", "pytorch"

            def run(self, case):
                ...
    """

    claim: str
    convention: str = "paper"
    dtypes: Sequence[str] = DTYPES
    known_failures: str | Path | None = None

    def run(self, case: Any) -> Any:
        """Return the parameters after each step, (T, n)."""
        raise NotImplementedError("write run(self, case)")

    def __init_subclass__(cls, **options: Any) -> None:
        """Make the test of a class that has a claim."""
        super().__init_subclass__(**options)
        if hasattr(cls, "claim"):
            cls.test_case = staticmethod(  # type: ignore[attr-defined]  # collected by pytest
                conformance(
                    lambda case: cls().run(case),
                    claim=cls.claim,
                    convention=cls.convention,
                    dtypes=cls.dtypes,
                    known_failures=cls.known_failures,
                )
            )


class _Subject:
    """An implementation with what is needed to explain it; results are computed once."""

    def __init__(self, run: Run, found: Dialect, suite: tuple[Case, ...], claim: str) -> None:
        self.run, self.dialect, self.suite, self.claim = run, found, suite, claim
        self.result = lru_cache(maxsize=None)(self._result)

    def judge(self, case: Case) -> CaseVerdict:
        return judge(self.dialect, case, self.result(case))

    def _result(self, case: Case) -> Result:
        given = SimpleNamespace(**{**vars(case), "hyper": dict(case.hyper)})
        given.theta0, given.grads = case.theta0.copy(), case.grads.copy()
        try:
            values = np.asarray(self.run(given))
        except Exception as error:
            if "Unsupported" in [kind.__name__ for kind in type(error).__mro__]:
                return Result("unsupported", message=str(error))
            raise  # the author's own traceback says most
        if values.shape != case.grads.shape:
            message = f"run returned shape {values.shape}: expected {case.grads.shape}, (T, n)"
            return Result("error", message=message)
        return Result("ok", values.astype(np.float64))

    def explain(self, case: Case, verdict: CaseVerdict) -> str:
        lines = [f"{case.id}: {case.purpose}", f"{verdict.verdict}: {verdict.message}".rstrip(": ")]
        if verdict.step is not None and verdict.coordinate is not None:
            lines += self._departure(case, verdict.step, verdict.coordinate, verdict.ratio)
        lines += ["claimed:", *(f"  {line}" for line in self.dialect.recurrence())]
        lines += self._found()
        file = getsourcefile(self.run) or "FILE"
        name = getattr(self.run, "__name__", "run")
        lines.append(f"reproduce: wdref check {file}:{name} {self.claim}")
        return "\n".join(lines)

    def _departure(self, case: Case, step: int, j: int, ratio: float | None) -> list[str]:
        found = enclose(self.dialect, case)
        got = self.result(case).values
        assert got is not None  # there is a step
        i = step - 1
        return [
            f"step {step}, coordinate {j}: expected {float(found.high[i, j])!r} ± "
            f"{found.radius[i, j]:.2g}, got {float(got[i, j])!r}, "
            f"ratio {ratio:.3g} (up to {LIMIT:g} conforms)"
        ]

    def _found(self) -> list[str]:
        results = [self.result(case) for case in self.suite]
        identity = identify(self.suite, results, self.dialect.family, claim=self.dialect)
        if identity is None:
            return []
        if not identity.certified:
            return [f"matches no known rule; the nearest is {identity.nearest.residual:.2g} away"]
        answer = describe(identity.nearest.rule)
        names = f" ({', '.join(answer['names'])})" if answer["names"] else ""
        bug = identity.known_bug()
        known = [f"known bug {bug['id']}: {bug['title']} ({bug['reference']})"] if bug else []
        return [f"found{names}:", *(f"  {line}" for line in answer["recurrence"]), *known]


def _known(run: Run, file: str | Path | None, suite: Mapping[str, Case]) -> dict[str, str]:
    if file is None:
        return {}
    path = Path(getsourcefile(run) or ".").parent / file
    known = {}
    for number, line in enumerate(path.read_text("utf-8").splitlines(), start=1):
        name, _, reason = line.partition("#")
        if not name.strip():
            continue
        if name.strip() not in suite:
            raise ValueError(f"{path}:{number}: no case {name.strip()!r}")
        if not reason.strip():
            raise ValueError(f"{path}:{number}: {name.strip()} needs a reason after #")
        known[name.strip()] = reason.strip()
    return known


def _parameter(id: str, known: Mapping[str, str]) -> Any:
    if id not in known:
        return pytest.param(id, id=id)
    return pytest.param(id, id=id, marks=pytest.mark.xfail(reason=known[id], strict=True))
