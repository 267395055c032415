"""Subjects: an implementation under test in this process, judged case by case and explained."""

import sys
from collections.abc import Callable, Sequence
from functools import cached_property, lru_cache
from inspect import getsourcefile
from typing import Any

import numpy as np

from ...rules.contract import Dialect
from ..cases.case import Case
from ..identify.diagnosis import diagnose
from ..judge.enclosure import enclose
from ..judge.verdict import LIMIT, CaseVerdict, arithmetic_in, judge, primitives_in
from ..targets import measure, worker
from ..targets.exchange import Result, handed

Run = Callable[[Any], Any]


class Subject:
    """An implementation with what is needed to explain it; results are computed once.

    `claim` is what the command line would be told.
    """

    def __init__(self, run: Run, found: Dialect, suite: Sequence[Case], claim: str) -> None:
        self.run, self.dialect, self.suite, self.claim = run, found, suite, claim
        self.result = lru_cache(maxsize=None)(self._result)

    @cached_property
    def measured(self) -> dict[str, Any]:
        """What the primitives do that the module of `run` offers."""
        module = sys.modules.get(getattr(self.run, "__module__", ""))
        return measure.probe_all(module, sorted({case.dtype for case in self.suite}))

    def judge(self, case: Case) -> CaseVerdict:
        """Run and judge a case; what `run` raises is raised, unless the case may be refused."""
        primitives = primitives_in(case.dtype, self.measured)
        return judge(self.dialect, case, self.result(case), primitives=primitives)

    def _result(self, case: Case) -> Result:
        with np.errstate(all="ignore"):  # as in a process of its own, where no one is warned
            outcome = worker.outcome_of(self.run, handed(case))
        if outcome.status == "error" and outcome.error:
            raise outcome.error  # the author's own traceback says most
        if outcome.status != "ok":
            return Result(outcome.status, message=outcome.message)
        return Result("ok", outcome.arrays if "tensors" in case.flags else outcome.arrays[0])

    def _tried(self, case: Case) -> Result:
        try:
            return self.result(case)
        except Exception as error:
            return Result("error", message=str(error))

    def explain(self, case: Case, verdict: CaseVerdict) -> str:
        """Return all that is known of a failure, in lines."""
        lines = [f"{case.id}: {case.purpose}", f"{verdict.verdict}: {verdict.message}".rstrip(": ")]
        lines += self._departure(case, verdict)
        lines += ["claimed:", *(f"  {line}" for line in self.dialect.recurrence())]
        lines += self.found
        file, name = getsourcefile(self.run), getattr(self.run, "__qualname__", "")
        if file and name.isidentifier():
            lines.append(f"reproduce: wdref check {file}:{name} {self.claim}")
        return "\n".join(lines)

    def _departure(self, case: Case, verdict: CaseVerdict) -> list[str]:
        if verdict.step is None or verdict.coordinate is None or verdict.ratio is None:
            return []
        i, j, tensor = verdict.step - 1, verdict.coordinate, verdict.tensor
        place = f"step {verdict.step}, " + f"tensor {tensor}, " * (tensor is not None)
        place += f"coordinate {j}"
        taken = case.steps_taken(tensor or 0)
        if i not in taken:
            return [place]
        part, values = case.parts()[tensor or 0], self.result(case).values
        arithmetic = arithmetic_in(case.dtype, primitives_in(case.dtype, self.measured))
        found, k = enclose(self.dialect, part, arithmetic=arithmetic), taken.index(i)
        got = (values if tensor is None else values[tensor])[i, j]
        return [
            f"{place}: expected {float(found.high[k, j])!r} ± {found.radius[k, j]:.2g}, "
            f"got {float(got)!r}, ratio {verdict.ratio:.3g} (up to {LIMIT:g} conforms)"
        ]

    @cached_property
    def found(self) -> list[str]:
        """What the results of all cases are, in lines."""
        results = [self._tried(case) for case in self.suite]
        return diagnose(self.dialect, self.suite, results, self.measured).lines("found")
