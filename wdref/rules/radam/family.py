"""What wdref knows of RAdam, beside its rule and its tables."""

from dataclasses import replace

from ..contract import Claim, Family, Slot
from ..hyper import BETA1, BETA2, CLIP, EPS, LEARNING_RATE, WEIGHT_DECAY
from ..vocabulary import BIAS, DENOMINATOR, EPS_WORDS
from .dialect import SIGNS, RadamDialect

_RADAM = """RAdam with L2 regularisation: Liu et al.'s Algorithm 2, with λ θ in the gradient.

::

    g ← ∇f(θ) + λ θ;  m, v from g;  θ ← θ - η α r m̂ / √v̂, or θ - η α m̂ while ρ ≤ 4

The paper has no ε, so that an element that never had a gradient is 0/0 once the step is rectified;
``eps=1e-8`` puts it where the programs have it, before the bias correction.

>>> import wdref
>>> print(wdref.RAdam(eps=1e-8).dialect.recurrence()[-2])
u ← r m̂/(√v̂ + ε/√(1-β2^t)) if ρ > 4, else m̂
"""

_RADAMW = """RAdam with decoupled weight decay.

::

    g ← ∇f(θ);  m, v from g;  θ ← θ - η (α r m̂ / √v̂ + λ θ), or θ - η (α m̂ + λ θ) while ρ ≤ 4

λ is not multiplied by the learning rate (form ``paper``); the authors' program and PyTorch's
``decoupled_weight_decay`` do multiply it: ``RAdamW.like("pytorch", …)`` takes their value.

>>> import numpy as np
>>> import wdref
>>> opt = wdref.RAdamW(learning_rate=0.25, weight_decay=0.5)
>>> params = {"w": np.array([1.0])}
>>> opt.update(params, {"w": np.array([4.0])}, opt.init(params))[0]
{'w': array([-0.5])}
"""


def words(rule: RadamDialect) -> list[str]:
    """Describe the threshold, ε and the count in a few sentences."""
    said = [f"The step is rectified where ρ_t {SIGNS[rule.threshold]}."]
    said.append("There is no ε." if rule.eps == "none" else EPS_WORDS[rule.eps])
    return [*said, f"Bias corrected: {BIAS[rule.bias]}."]


FAMILY = Family(
    name="radam",
    package=__package__ or "",
    title="RAdam",
    source=(
        "On the Variance of the Adaptive Learning Rate and Beyond",
        "Liu et al., ICLR 2020, arXiv:1908.03265",
    ),
    cited="Liu et al., On the Variance of the Adaptive Learning Rate and Beyond, ICLR 2020, "
    "Algorithm 2",
    dialect=RadamDialect,
    hyper=(
        replace(LEARNING_RATE, default=1e-3),
        BETA1,
        BETA2,
        replace(EPS, default=None, sets={"eps": "hat"}),
        WEIGHT_DECAY,
        CLIP,
    ),
    slots=(Slot("m", "m"), Slot("v", "v", square=True)),
    claims=(
        Claim("radam", "RAdam", _RADAM, twin="radamw"),
        Claim("radamw", "RAdamW", _RADAMW, decays=True, twin="radam"),
    ),
    options=("betas", "eps"),
    switches={"decoupled_weight_decay": {"form": "lr"}},
    columns=lambda rule: {
        "threshold": SIGNS[rule.threshold],
        "eps": rule.eps,
        "bias_correction": rule.bias,
    },
    denominator=lambda rule: {"none": "√v̂", **DENOMINATOR}[rule.eps],
    corrected=lambda rule: BIAS[rule.bias],
    words=words,
    subjects={
        f"{__package__}.rule": ("radam",),
        f"{__package__}.dialect": (
            "radam_dialect",
            "scalars",
            "_tractable",
            "_eps",
            "correction",
            "lengths",
            "rectification",
        ),
    },
)
