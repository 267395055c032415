"""What wdref knows of the sign rules, beside their rule and their tables."""

from dataclasses import replace

from ..contract import Claim, Family, Slot
from ..hyper import BETA1, BETA2, CLIP, LEARNING_RATE, WEIGHT_DECAY
from .dialect import LionDialect

_LION = """Lion, a step of one size in every coordinate, with decoupled weight decay.

::

    g ← ∇f(θ);  c ← β1 m + (1-β1) g;  m ← β2 m + (1-β2) g;  θ ← θ - η α (sgn(c) + λ θ)

Chen et al. (2023), Algorithm 2. λ is multiplied by the learning rate, as in the paper.

>>> import numpy as np
>>> import wdref
>>> opt = wdref.Lion(learning_rate=0.25, weight_decay=0.5)
>>> params = {"w": np.array([1.0])}
>>> opt.update(params, {"w": np.array([4.0])}, opt.init(params))[0]
{'w': array([0.625])}
"""

_TIGER = """Tiger, which is Lion with one β: the sign of the moment just made.

::

    g ← ∇f(θ);  m ← β2 m + (1-β2) g;  θ ← θ - η α (sgn(m) + λ θ)

Su (2023), without its scale by parameter and its guard against NaN. The same steps as Signum's;
what differs is β.

>>> import wdref
>>> wdref.Tiger(learning_rate=1e-3, weight_decay=1e-2).hyper["beta2"]
0.965
"""

_SIGNUM = """Signum: the sign of the moment, with decoupled weight decay.

::

    g ← ∇f(θ);  m ← β2 m + (1-β2) g;  θ ← θ - η α (sgn(m) + λ θ)

Bernstein et al. (2018), Algorithm 2, with the decay of their majority vote (2019), Algorithm 1.

>>> import wdref
>>> wdref.Signum(learning_rate=1e-3, weight_decay=1e-2).dialect.recurrence()[1:]
('m ← β2 m + (1-β2) g', 'θ ← θ - η α sgn(m) - η α λ θ')
"""

_SIGNSGD = """SignSGD: the sign of the gradient, with decoupled weight decay.

::

    g ← ∇f(θ);  θ ← θ - η α (sgn(g) + λ θ)

Bernstein et al. (2018), Algorithm 1, with the decay of their majority vote (2019), Algorithm 1. It
keeps no state.

>>> import wdref
>>> wdref.SignSGD(learning_rate=1e-3, weight_decay=1e-2).dialect.slots
()
"""

SIGN = {"between": "sgn(β1 m + (1-β1) g)", "moment": "sgn(m), m just made", "gradient": "sgn(g)"}
WORDS = {
    "between": "The sign is taken between the moment before the step and the gradient.",
    "moment": "The sign is taken of the moment just made.",
    "gradient": "The sign is taken of the gradient; nothing is kept.",
}

FAMILY = Family(
    name="lion",
    package=__package__ or "",
    title="the sign rules",
    source=(
        "Symbolic Discovery of Optimization Algorithms",
        "Chen et al., NeurIPS 2023, arXiv:2302.06675",
    ),
    cited="Chen et al., Symbolic Discovery of Optimization Algorithms, NeurIPS 2023, Algorithm 2",
    dialect=LionDialect,
    hyper=(LEARNING_RATE, BETA1, replace(BETA2, default=0.99), WEIGHT_DECAY, CLIP),
    slots=(Slot("m", "m"),),
    claims=(
        Claim("lion", "Lion", _LION, decays=True),
        Claim("tiger", "Tiger", _TIGER, decays=True, options={"beta2": 0.965}),
        Claim("signum", "Signum", _SIGNUM, decays=True, options={"beta2": 0.9}),
        Claim("signsgd", "SignSGD", _SIGNSGD, decays=True, options={}),
    ),
    options=("betas",),
    enters="sign is taken",
    coupling="stands under the sign with the gradient, where no λ' gives a step of its size",
    columns=lambda rule: {"sign": SIGN[rule.sign]},
    words=lambda rule: [WORDS[rule.sign]],
    subjects={
        f"{__package__}.rule": ("lion",),
        f"{__package__}.dialect": ("lion_dialect", "scalars"),
    },
)
