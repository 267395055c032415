"""What wdref knows of NovoGrad, beside its rule and its tables."""

from dataclasses import replace

from ..contract import Claim, Family, Slot
from ..hyper import BETA1, BETA2, EPS, LEARNING_RATE, WEIGHT_DECAY
from .dialect import NovogradDialect

_NOVOGRAD = """NovoGrad: a gradient divided by its tensor's norm, with the decay in the moment.

::

    g ← ∇f(θ);  v ← β2 v + (1-β2) ‖g‖²;  m ← β1 m + g/(√v + ε) + λ θ;  θ ← θ - η α m

Ginsburg et al. (2019), Algorithm 1. v is one number a tensor, and the first step's is ‖g‖².

>>> import numpy as np
>>> import wdref
>>> opt = wdref.NovoGrad(learning_rate=0.5, weight_decay=0.5, eps=0.0)
>>> params = {"w": np.array([1.0, 1.0])}
>>> opt.update(params, {"w": np.array([3.0, 4.0])}, opt.init(params))[0]
{'w': array([0.45, 0.35])}
"""

MOMENT = {
    "normalised": "The moment is of gradients that are each divided by their tensor's norm.",
    "raw": "The moment is of gradients, and is divided by the norm after.",
}
START = {
    "first": "v begins as the first step's.",
    "again": "v begins as the first gradient's that is not 0.",
    "zero": "v begins at 0.",
}


def words(rule: NovogradDialect) -> list[str]:
    """Describe the moment and the norm in a few sentences."""
    said = [MOMENT[rule.moment], START[rule.start]]
    if rule.averaging != "none":
        first = " but in the first step" if rule.averaging == "later" else ""
        said.append(f"What the moment takes in is multiplied by 1 - β1{first}.")
    return said


def denominator(rule: NovogradDialect) -> str:
    """Return what is divided by, with ε in its place."""
    return "√(‖·‖² + ε)" if rule.eps == "inside" else "√‖·‖² + ε"


FAMILY = Family(
    name="novograd",
    package=__package__ or "",
    title="NovoGrad",
    source=(
        "Stochastic Gradient Methods with Layer-wise Adaptive Moments for Training of Deep "
        "Networks",
        "Ginsburg et al. 2019, arXiv:1905.11286",
    ),
    cited="Ginsburg et al., Stochastic Gradient Methods with Layer-wise Adaptive Moments, 2019, "
    "Algorithm 1",
    dialect=NovogradDialect,
    hyper=(
        LEARNING_RATE,
        replace(BETA1, default=0.95),
        replace(BETA2, default=0.98),
        EPS,
        WEIGHT_DECAY,
    ),
    slots=(Slot("m", "m"), Slot("v", "v", square=True)),
    claims=(Claim("novograd", "NovoGrad", _NOVOGRAD, decays=True),),
    options=("betas", "eps", "averaging", "start"),
    switches={
        "reg_inside_moment": {"moment": "normalised", "form": "moment"},
        "grad_averaging": {"averaging": "all"},
        "bias_correction": {"bias": "both"},
        "init_zero": {"start": "zero"},
    },
    enters="norm is taken",
    coupling="changes the norm that the gradient is divided by, so that no λ' serves all",
    columns=lambda rule: {
        "moment": rule.moment,
        "averaging": rule.averaging,
        "bias_correction": rule.bias,
        "start": rule.start,
        "eps": rule.eps,
    },
    denominator=denominator,
    words=words,
    subjects={
        f"{__package__}.rule": ("novograd",),
        f"{__package__}.dialect": ("novograd_dialect", "scalars"),
    },
)
