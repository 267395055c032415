"""What wdref knows of NAdam, beside its rule and its tables."""

from dataclasses import replace

from ..contract import Claim, Family, Hyperparameter, Slot
from ..hyper import BETA1, BETA2, CLIP, EPS, LEARNING_RATE, WEIGHT_DECAY
from ..vocabulary import DENOMINATOR, EPS_WORDS
from .dialect import NadamDialect

_NADAM = """NAdam with L2 regularisation: Dozat's Algorithm 2, with λ θ in the gradient.

::

    g ← ∇f(θ) + λ θ;  m, v from g;  θ ← θ - η α m̂ / (√v̂ + ε)

m̂ is Nesterov's: it takes what momentum will do in the next step from the gradient of this one.

>>> import wdref
>>> print(wdref.NAdam().dialect.recurrence()[1])
μ_t ← β1 (1 - ½ 0.96^(t ψ)),  Π_t ← Π_{t-1} μ_t
"""

_NADAMW = """NAdam with decoupled weight decay.

::

    g ← ∇f(θ);  m, v from g;  θ ← θ - η (α m̂ / (√v̂ + ε) + λ θ)

λ is not multiplied by the learning rate (form ``paper``); PyTorch's ``decoupled_weight_decay``,
Keras and optax do multiply it: ``NAdamW.like("pytorch", …)`` takes their value.

>>> import numpy as np
>>> import wdref
>>> given = {"learning_rate": 0.25, "betas": (0.0, 0.0), "eps": 0.0}
>>> opt = wdref.NAdamW.like("optax", weight_decay=2.0, **given)
>>> params = {"w": np.array([1.0])}
>>> opt.update(params, {"w": np.array([4.0])}, opt.init(params))[0]
{'w': array([0.25])}
"""

_RAMP = {
    "psi": "μ_t rises from β1/2 to β1 as 0.96^(t ψ) falls.",
    "whole": "μ_t rises from β1/2 to β1 as 0.96^t falls.",
    "none": "μ is β1 throughout.",
}


def words(rule: NadamDialect) -> list[str]:
    """Describe μ, the average and ε in a few sentences."""
    said = [_RAMP[rule.ramp]]
    if rule.ramp != "none":
        said.append(f"The average m is kept with {'μ_t' if rule.average == 'mu' else 'β1'}.")
    if rule.second == "beta2":
        said.append("v̂ has a factor β2.")
    return [*said, EPS_WORDS[rule.eps]]


FAMILY = Family(
    name="nadam",
    package=__package__ or "",
    title="NAdam",
    source=("Incorporating Nesterov Momentum into Adam", "Dozat, ICLR Workshop 2016"),
    cited="Dozat, Incorporating Nesterov Momentum into Adam, ICLR Workshop 2016, Algorithm 2",
    dialect=NadamDialect,
    hyper=(
        replace(LEARNING_RATE, default=2e-3),
        BETA1,
        BETA2,
        Hyperparameter("psi", "ψ", r"\psi", strong=2.5, usual=4e-3, default=4e-3),
        EPS,
        WEIGHT_DECAY,
        CLIP,
    ),
    slots=(Slot("m", "m"), Slot("v", "v", square=True)),
    claims=(
        Claim("nadam", "NAdam", _NADAM, twin="nadamw"),
        Claim("nadamw", "NAdamW", _NADAMW, decays=True, twin="nadam"),
    ),
    options=("betas", "psi", "eps"),
    switches={"decoupled_weight_decay": {"form": "lr"}},
    columns=lambda rule: {"ramp": rule.ramp, "average": rule.average, "eps": rule.eps},
    denominator=lambda rule: DENOMINATOR[rule.eps],
    words=words,
    subjects={
        f"{__package__}.rule": ("nadam",),
        f"{__package__}.dialect": (
            "nadam_dialect",
            "scalars",
            "_mu",
            "_products",
            "_eps",
            "_second",
            "correction",
        ),
    },
)
