"""Whatever a program answers, and of whichever family it is said to be, it gets a verdict."""

import numpy as np
import pytest

from wdref.conventions import CONVENTIONS, dialect
from wdref.oracle.cases.case import DTYPES
from wdref.oracle.cases.suite import brief
from wdref.oracle.judge.verdict import judge_all
from wdref.oracle.matrix import matrix
from wdref.oracle.matrix.matrix import Settings
from wdref.oracle.matrix.rows import rows
from wdref.oracle.targets.targets import Result
from wdref.rules.registry import families

pytest.importorskip("flint", reason="needs wdref[oracle]")

VERDICTS = {"conforms", "deviates", "imprecise", "undecided"}


def answered(case, number):
    values = [np.full((len(case.eta), part.theta0.size), number) for part in case.parts()]
    return Result("ok", values if "tensors" in case.flags else values[0])


@pytest.mark.parametrize("number", [np.nan, 0.0])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("family", sorted(families()))
def test_one_number_throughout(family, dtype, number):
    first = families()[family].claims[0].name
    claim = dialect(first, "pytorch" if first in CONVENTIONS["pytorch"] else "paper")
    aside = {"tensors", "shape", "long"}
    cases = [case for case in brief(family, claim, dtype) if not aside & set(case.flags)]
    found = judge_all(claim, cases, [answered(case, number) for case in cases], {})
    assert {verdict.verdict for verdict in found} <= VERDICTS


def test_a_row_that_cannot_be_judged_costs_no_other(monkeypatch):
    whole = matrix._judged

    def judged(row, *rest):
        if row.optimizer == "SGD":
            raise KeyError("eps")
        return whole(row, *rest)

    monkeypatch.setattr(matrix, "_judged", judged)
    some = [row for row in rows(["loopback"]) if row.optimizer in ("SGD", "Lion")]
    records = {row["optimizer"]: row for row in matrix.matrix(some, Settings(cores=1))}
    assert records["SGD"]["verdict"] == "error"
    assert records["SGD"]["message"] == "judging it: KeyError: 'eps'"
    assert records["Lion"]["verdict"] == "conforms"
