"""The suite sees its own rules: spoiled in every place, and the survivors are no faults."""

import pytest

from wdref.oracle.proof.mutation_score import score, subjects, wilson

pytest.importorskip("flint", reason="needs wdref[oracle]")

SCALED = 'if s.l2 is not None and d.form == "scaled_l2":'
HAT = 'return h["eps"] / sqrt(bias2) if self.eps == "hat" and bias2 != 1.0 else h["eps"]'
COUNT = "return 1 - {}**count if count > 0 else 1.0"
LARS_GUARDS = (
    "return chosen(theta2 > 0.0, lambda: chosen(g2 > 0.0, rate, lambda: 1.0), lambda: 1.0)",
    "return 1.0 if needed is None else chosen(needed > 0.0, guarded, lambda: 1.0)",
)
FROMAGE_GUARD = (
    "return chosen(size > 0.0, lambda: chosen(slope > 0.0, ratio, lambda: 1.0), lambda: 1.0)"
)
# (family, line as it stands): why it is the same function on every case
EQUIVALENT = {
    # an average of the wrong sign, of which r/mean(r) alone is read
    ("adafactor", "r = s.beta2 * r + s.one_minus_beta2 * (of_rows / g.shape[-1])"),
    # `is not None` asks for a mask, which no case has; tests/test_optimizer.py masks
    *((family, SCALED) for family in ("adam", "adamax", "nadam", "radam")),
    # ε / √1 is ε: the exception for 1.0 saves a division
    ("adam", 'exact = self.eps != "hat" or bias2 in (None, 1.0)'),
    ("nadam", HAT),
    ("radam", HAT),
    # no count is below 0, and at 0 only the moment 0 is divided
    ("adamax", COUNT.format("beta")),
    ("rmsprop", COUNT.format("rho")),
    *((f, COUNT.format("beta") + "  # a moment of 0 needs no correction")
      for f in ("nadam", "radam")),
    # nothing reads ε where the step is not divided
    ("radam", "eps=chosen(tractable, lambda: self._eps(h, bias2, sqrt), lambda: 1.0),"),
    # ε > 0 alone: 0/√ε is the 0 of the guard
    ("adagrad", 'if d.eps == "guarded":'),
    ("adagrad", "direction = xp.where(v > zero, direction, zero * g)"),
    # a norm is not below 0, nor is κ or λ: greater than 0 is other than 0
    *(("lars", line) for line in LARS_GUARDS),
    # so is it here, and any ratio times a gradient of 0 is 0
    ("fromage", FROMAGE_GUARD),
    # absent is λ where a mask leaves it out, which no case has; tests/test_lars.py masks
    ("lars", 'if d.norms == "parts" and d.form == "ratio" and s.decay is not None:'),
    # nor is λ below 0 here, and it is absent where a mask leaves it out; tests/test_lamb.py masks
    ("lamb", "return 1.0 if lam is None else chosen(lam > 0.0, lambda: ratio, lambda: 1.0)"),
    ("lamb", 'if s.decay is not None and d.form == "ratio":'),
    # v is not below 0; before the first step it is 0, whatever it is multiplied by
    ("novograd", 'v = chosen(v > 0.0, lambda: new, lambda: g2) if d.start == "again" else new'),
    ("novograd", 'beta2=0.0 if begins else h["beta2"],'),
    *(("novograd", f"if s.decay is not None{rest}:") for rest in ("", ' and d.form == "moment"')),
    # a sum of squares is not below 0
    *(("sm3", f"u = xp.where(v > zero, g / xp.sqrt({under}), zero * g)")
      for under in ("v", "v if s.eps is None else v + s.eps")),
    # of the sum of gradients |s| alone is read: its sign is nobody's
    ("prodigy", "total = s.beta3 * total + (s.gain * (d * d)) * g"),
    ("prodigy", "total = s.beta3 * total + (s.gain * (old * old)) * g"),
    ("prodigy", 'gain=1 - beta3 if self.weight == "distance" else (1 - beta3) * rate,'),
    # r has one factor of s, and ‖s‖, by which it is divided, the other: its scale is nobody's
    *(("dadapt", line) for line in (
        "total = s.beta3 * total + (s.one_minus_beta3 * rate) * g", "one_minus_beta3=1 - beta3,")),
    # a way has a length, and no side; a sum that nobody reads may be asked for
    ("dog", "way = theta - theta0"),
    ("dog", "if s.first is not None:"),
    # of the average of Grams |m| alone is read: its sign is nobody's
    ("cautious", "m = s.beta1 * m + s.one_minus_beta1 * g"),
    # absent is λ where a mask leaves it out, which no case has; tests/test_every_program.py masks
    ("stableadamw", 'if d.form == "ratio" and s.decay is not None:'),
    # an average of the wrong sign, whose square alone is read
    ("rmsprop", "mean = s.rho * mean + s.one_minus_rho * g if d.centered else None"),
}  # fmt: skip


@pytest.mark.parametrize("module", subjects())
def test_only_equivalent_mutants_survive(module):
    found = score([module])
    survivors = {(site.module.split(".")[2], site.source) for site in found.survivors}
    assert survivors <= EQUIVALENT
    assert found.killed >= 0.9 * found.total
    assert found.total >= 5


def test_the_interval_is_wilson_s():
    low, high = wilson(283, 288)  # by hand: z = 1.96, p = 0.98264
    assert (round(low, 4), round(high, 4)) == (0.96, 0.9926)
