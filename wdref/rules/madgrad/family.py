"""What wdref knows of MADGRAD, beside its rule and its tables."""

from dataclasses import replace

from ..contract import Claim, Family, Slot
from ..hyper import CLIP, EPS, LEARNING_RATE, MOMENTUM, WEIGHT_DECAY
from .dialect import MadgradDialect

_MADGRAD = """MADGRAD with L2 regularisation: dual averaging with momentum and a cube root.

::

    g ← ∇f(θ) + λ θ;  s ← s + η α √t g;  v ← v + η α √t g²
    θ ← β1 θ + (1-β1) (θ0 - s/(∛v + ε))

Defazio & Jelassi (2021), Algorithm 1, with θ0 the parameters before the first step. The paper has
no decay. No library rounds ∛ correctly: bits differ between them by a few units in the last place.

>>> import numpy as np
>>> import wdref
>>> opt = wdref.MADGRAD(learning_rate=0.5, momentum=0.5, eps=0.0)
>>> params = {"w": np.array([1.0, 1.0])}
>>> opt.update(params, {"w": np.array([4.0, -4.0])}, opt.init(params))[0]
{'w': array([0.5, 1.5])}
"""

RATE = {
    "plain": "The learning rate is taken as it is.",
    "eps": "ε is added to the learning rate, too.",
}

FAMILY = Family(
    name="madgrad",
    package=__package__ or "",
    title="MADGRAD",
    source=(
        "Adaptivity without Compromise: A Momentumized, Adaptive, Dual Averaged Gradient Method "
        "for Stochastic Optimization",
        "Defazio & Jelassi, 2021, arXiv:2101.11075",
    ),
    cited="Defazio & Jelassi, Adaptivity without Compromise, 2021, Algorithm 1",
    dialect=MadgradDialect,
    hyper=(LEARNING_RATE, MOMENTUM, replace(EPS, default=1e-6), WEIGHT_DECAY, CLIP),
    slots=(Slot("theta0", r"\theta_0"), Slot("s", "s"), Slot("v", "v", square=True)),
    claims=(Claim("madgrad", "MADGRAD", _MADGRAD),),
    options=("momentum", "eps", "rate"),
    enters="sums",
    columns=lambda rule: {"rate": rule.rate},
    denominator=lambda rule: "∛v + ε",
    words=lambda rule: [RATE[rule.rate]],
    subjects={
        f"{__package__}.rule": ("madgrad",),
        f"{__package__}.dialect": ("madgrad_dialect", "scalars"),
    },
)
