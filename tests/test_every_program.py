"""Every program of every family beside the paper's: judged as it trains here, and printed.

Bugs are tried in tests/test_kill_table.py, what else a family has in a file of its own.
"""

import numpy as np
import pytest

from wdref.backends.printers.printing import PRINTERS, print_rule
from wdref.conventions import CONVENTIONS
from wdref.frameworks import loopback
from wdref.oracle.cases.suite import regimes
from wdref.oracle.cases.trajectory import begun
from wdref.oracle.judge.verdict import judge, overall, worst_ratio
from wdref.oracle.targets.targets import Result
from wdref.rules.registry import FIRST, claim, claims, families

pytest.importorskip("flint", reason="needs wdref[oracle]")

PROGRAMS = [(convention, name) for convention, known in CONVENTIONS.items()
            for name, d in known.items() if d.family not in FIRST]  # fmt: skip
REFUSED = {
    "sm3": "sums over slices are no part of a program",
    "madgrad": "cbrt is no elementwise operation with one right answer",
}


@pytest.mark.parametrize(("convention", "name"), PROGRAMS)
def test_loopback_conforms(convention, name):
    d = CONVENTIONS[convention][name]
    run = loopback.load(claim(name).method, variant=convention)
    short = [case for dtype in ("float64", "float32") for case in regimes(name, d, dtype)
             if "long" not in case.flags]  # fmt: skip
    with np.errstate(all="ignore"):
        verdicts = [judge(d, case, Result("ok", run(case))) for case in short]
    assert overall(verdicts) == "conforms"
    assert worst_ratio(verdicts) <= 1


@pytest.mark.parametrize("language", PRINTERS)
@pytest.mark.parametrize(("name", "why"), REFUSED.items())
def test_what_no_program_holds_is_refused_in_a_line(name, why, language):
    family = claims()[name].name
    with pytest.raises(ValueError, match=f"^{family} is not printed: {why}"):
        print_rule(name, language)


@pytest.mark.parametrize("language", PRINTERS)
@pytest.mark.parametrize(("convention", "name"), [p for p in PROGRAMS if p[1] not in REFUSED])
def test_it_is_printed(convention, name, language):
    """With who wrote it at its head, but for a formula."""
    text = print_rule(name, language, convention=convention)
    author = claims()[name].cited.split()[0].rstrip(",")
    assert len(text.splitlines()) > 3
    assert author in text or language == "latex"


@pytest.mark.parametrize("family", families())
def test_a_tensor_without_decay_is_stepped_under_every_answer(family):
    """As a mask has it: the scalars of the decay are None, whatever the form."""
    record = families()[family]
    hyper = {h.name: h.strong for h in record.hyper}
    theta, g = np.array([0.5, -1.0, 2.0]), np.array([1.0, 0.5, -0.25])
    every = [*record.dialect.every(), *record.dialect.every(clip=True)]
    shipped = [d for rules in CONVENTIONS.values() for d in rules.values() if d.family == family]
    for d in (*every[:: max(1, len(every) // 300)], *shipped):
        s = d.scalars(hyper, 2, 1.0, before=1.0)._replace(l2=None, decay=None)
        with np.errstate(all="ignore"):
            given = (*begun(d, theta, hyper), *(g for _ in d.inputs))
            new, slots = d.apply(theta, g, given, s)
        assert new.shape == theta.shape
        assert len(slots) == len(d.slots)
