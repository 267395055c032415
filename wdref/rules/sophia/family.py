"""What wdref knows of Sophia, beside its rule and its tables."""

from dataclasses import replace

from ..contract import Claim, Family, Hyperparameter, Slot
from ..hyper import BETA1, BETA2, CLIP, EPS, LEARNING_RATE, WEIGHT_DECAY
from .dialect import SophiaDialect

GAMMA = Hyperparameter("gamma", "γ", r"\gamma", strong=0.5, usual=0.01, default=0.01)
INTERVAL = Hyperparameter(
    "interval", "k", "k", strong=2.0, usual=10.0, default=10.0, bounds=(1.0,), whole=True
)

_SOPHIA = """Sophia: a step by the curvature, clipped element by element, with decoupled decay.

::

    g ← ∇f(θ);  m ← β1 m + (1-β1) g;  h ← β2 h + (1-β2) ĥ every k steps;
    θ ← θ - η α (clip(m/max(γ h, ε), 1) + λ θ)

Liu et al. (2023), Algorithm 3. ĥ, an estimate of the Hessian's diagonal, is given to the steps that
are due: t = 1, 1 + k, …, k being `interval`.

>>> import numpy as np
>>> import wdref
>>> opt = wdref.Sophia(learning_rate=0.5, weight_decay=0.0, betas=(0.5, 0.5), gamma=0.5, interval=2)
>>> params, grads = {"w": np.array([1.0])}, {"w": np.array([1.0])}
>>> state = opt.init(params)
>>> for _ in range(2):
...     due = opt.due(state.step + 1)
...     curvature = {"w": np.array([4.0])} if due else None
...     params, state = opt.update(params, grads, state, curvature=curvature)
...     print(due, params["w"], state.slots["hessian"]["w"])
True [0.75] [2.]
False [0.375] [2.]
"""

ESTIMATE = {
    "given": "An estimate of the curvature is given",
    "squared": "A gradient is given whose square estimates the curvature",
}
REFRESH = {"before": "before it is used", "after": "after the step"}
CORRECTED = {"none": "none", "moment": "first moment only"}


def denominator(rule: SophiaDialect) -> str:
    """Return what is divided by."""
    h = "γ h" if rule.scale == "gamma" else "h"
    return f"max({h}, ε)" if rule.eps == "clamp" else f"{h} + ε"


def words(rule: SophiaDialect) -> list[str]:
    """Describe the estimate, ε and the bias correction in a few sentences."""
    return [
        f"{ESTIMATE[rule.estimate]}; h takes it in every k steps, {REFRESH[rule.refresh]}.",
        f"The moment is divided by {denominator(rule)} and clipped at 1.",
        f"Bias corrected: {CORRECTED[rule.bias]}.",
    ]


FAMILY = Family(
    name="sophia",
    package=__package__ or "",
    title="Sophia",
    source=(
        "Sophia: A Scalable Stochastic Second-order Optimizer for Language Model Pre-training",
        "Liu et al., ICLR 2024, arXiv:2305.14342",
    ),
    cited="Liu et al., Sophia, ICLR 2024, Algorithm 3",
    dialect=SophiaDialect,
    hyper=(
        LEARNING_RATE,
        replace(BETA1, default=0.96),
        replace(BETA2, default=0.99),
        replace(EPS, default=1e-12),
        GAMMA,
        INTERVAL,
        WEIGHT_DECAY,
        CLIP,
    ),
    slots=(Slot("m", "m"), Slot("hessian", "h")),
    inputs=(Slot("curvature", r"\hat h"),),
    claims=(Claim("sophia", "Sophia", _SOPHIA, decays=True),),
    options=("betas", "eps", "gamma", "interval", "estimate", "refresh"),
    enters="moment",
    coupling="is divided by the curvature and clipped, so that no λ' serves all",
    columns=lambda rule: {
        "eps": rule.eps,
        "bias_correction": rule.bias,
        "estimate": rule.estimate,
        "refresh": rule.refresh,
        "scale": rule.scale,
    },
    denominator=denominator,
    corrected=lambda rule: CORRECTED[rule.bias],
    words=words,
    subjects={
        f"{__package__}.rule": ("sophia",),
        f"{__package__}.dialect": ("sophia_dialect", "scalars", "due"),
    },
)
