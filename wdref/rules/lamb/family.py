"""What wdref knows of LAMB, beside its rule and its tables."""

from dataclasses import replace

from ..contract import Claim, Family, Slot
from ..hyper import BETA1, BETA2, EPS, LEARNING_RATE, WEIGHT_DECAY
from .dialect import LambDialect

_LAMB = """LAMB: Adam's direction with the decay in it, made as long as the tensor that it moves.

::

    g ← ∇f(θ);  m, v from g;  u ← m̂ / (√v̂ + ε) + λ θ;  θ ← θ - η α (‖θ‖/‖u‖) u

You et al. (2020), Algorithm 2. The norms are those of one tensor; where one is 0 the ratio is 1.

>>> import numpy as np
>>> import wdref
>>> opt = wdref.LAMB(learning_rate=0.5, weight_decay=0.0)
>>> params = {"w": np.array([3.0, 4.0])}
>>> opt.update(params, {"w": np.array([1.0, 1.0])}, opt.init(params))[0]
{'w': array([1.23223305, 2.23223305])}
"""

PLACE = {
    "ratio": "The decay is part of what the ratio is taken of.",
    "outside": "The decay is no part of what the ratio is taken of.",
}


def words(rule: LambDialect) -> list[str]:
    """Describe the ratio in a few sentences."""
    said = [PLACE["ratio" if rule.form == "ratio" else "outside"]]
    if rule.trust == "bounded":
        said.append("The ratio is at most 1.")
    if rule.undecayed == "adam":
        said.append("Where λ is 0 there is no ratio.")
    return said


FAMILY = Family(
    name="lamb",
    package=__package__ or "",
    title="LAMB",
    source=(
        "Large Batch Optimization for Deep Learning: Training BERT in 76 minutes",
        "You et al., ICLR 2020, arXiv:1904.00962",
    ),
    cited="You et al., Large Batch Optimization for Deep Learning, ICLR 2020, Algorithm 2",
    dialect=LambDialect,
    hyper=(LEARNING_RATE, BETA1, BETA2, replace(EPS, default=1e-6), WEIGHT_DECAY),
    slots=(Slot("m", "m"), Slot("v", "v", square=True)),
    claims=(Claim("lamb", "LAMB", _LAMB, decays=True),),
    options=("betas", "eps", "trust"),
    switches={"always_adapt": {"undecayed": "ratio"}},
    coupling="changes the direction whose length the ratio takes away, so that no λ' serves all",
    columns=lambda rule: {"eps": rule.eps, "bias_correction": rule.bias, "trust": rule.trust},
    words=words,
    subjects={
        f"{__package__}.rule": ("lamb",),
        f"{__package__}.dialect": ("lamb_dialect", "scalars", "_bounded"),
    },
)
