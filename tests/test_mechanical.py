"""The suite sees its own rules: spoiled in every place, and the survivors are no faults."""

import pytest

from wdref.oracle.proof.mutation_score import score, subjects, wilson

pytest.importorskip("flint", reason="needs wdref[oracle]")

# (module, line as it stands, change): why it is the same function on every case
EQUIVALENT = {
    # `is not None` asks for a mask, which no case has; tests/test_optimizer.py masks
    ("wdref.rules.adam.dialect", 'if s.l2 is not None and d.form == "scaled_l2":'),
    # ε / √1 is ε: the exception for 1.0 saves a division
    ("wdref.rules.adam.dialect", 'exact = self.eps != "hat" or bias2 in (None, 1.0)'),
}


@pytest.mark.parametrize("module", subjects())
def test_only_equivalent_mutants_survive(module):
    found = score([module])
    assert {(site.module, site.source) for site in found.survivors} <= EQUIVALENT
    assert found.killed >= 0.9 * found.total
    assert found.total >= 5


def test_the_interval_is_wilson_s():
    low, high = wilson(283, 288)  # by hand: z = 1.96, p = 0.98264
    assert (round(low, 4), round(high, 4)) == (0.96, 0.9926)
