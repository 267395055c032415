"""What wdref knows of Adamax, beside its rule and its tables."""

from dataclasses import replace

from ..contract import Claim, Family, Slot
from ..hyper import BETA1, BETA2, CLIP, EPS, LEARNING_RATE, WEIGHT_DECAY
from .dialect import AdamaxDialect

_ADAMAX = """Adamax with L2 regularisation: Algorithm 2 of Adam's paper, λ θ in the gradient.

::

    g ← ∇f(θ) + λ θ;  m ← β1 m + (1-β1) g;  u ← max(β2 u, |g|);  θ ← θ - η α/(1-β1^t) m/u

The paper has no ε, and θ is no number while every gradient was 0. ``answers={"eps": "num"}`` puts
`eps` where PyTorch and optax have it, "out" where Keras has it, "old" where Paddle has it.

>>> import wdref
>>> print(wdref.Adamax(answers={"eps": "num"}, eps=1e-3).dialect.recurrence()[2])
u ← max(β2 u, |g| + ε)
"""

_ADAMAXW = """Adamax with decoupled weight decay: Algorithm 2 of Adam's paper with AdamW's decay.

::

    g ← ∇f(θ);  m, u from g;  θ ← θ - η α/(1-β1^t) m/u - η λ θ

λ is not multiplied by the learning rate (form ``paper``); ``AdamaxW.like("optax", …)`` multiplies
it, and has an ε, of which the paper has none.

>>> import numpy as np
>>> import wdref
>>> opt = wdref.AdamaxW(learning_rate=0.25, weight_decay=0.5)
>>> params = {"w": np.array([1.0])}
>>> opt.update(params, {"w": np.array([4.0])}, opt.init(params))[0]
{'w': array([0.25])}
"""

EPS_WORDS = {
    "none": "No ε.",
    "num": "ε is added to |g|, inside the maximum.",
    "old": "ε is added to β2 u, inside the maximum, at every step.",
    "out": "ε is added to u.",
}
DENOMINATOR = {
    "none": "u",
    "num": "u, with |g| + ε in it",
    "old": "u, with β2 u + ε in it",
    "out": "u + ε",
}
BIAS_WORDS = {
    "first": "first moment",
    "none": "none",
    "both": "first moment and norm",
    "ahead": "first moment, t one ahead",
    "behind": "first moment, t one behind",
}


def words(rule: AdamaxDialect) -> list[str]:
    """Describe ε and the bias correction in a few sentences."""
    return [EPS_WORDS[rule.eps], f"Bias corrected: {BIAS_WORDS[rule.bias]}."]


FAMILY = Family(
    name="adamax",
    package=__package__ or "",
    title="Adamax",
    source=(
        "Adam: A Method for Stochastic Optimization",
        "Kingma & Ba, ICLR 2015, arXiv:1412.6980",
    ),
    cited="Kingma & Ba, Adam: A Method for Stochastic Optimization, ICLR 2015, Algorithm 2",
    dialect=AdamaxDialect,
    hyper=(replace(LEARNING_RATE, default=2e-3), BETA1, BETA2, EPS, WEIGHT_DECAY, CLIP),
    slots=(Slot("m", "m"), Slot("u", "u", square=True)),
    claims=(
        Claim("adamax", "Adamax", _ADAMAX, twin="adamaxw"),
        Claim("adamaxw", "AdamaxW", _ADAMAXW, decays=True, twin="adamax"),
    ),
    options=("betas", "eps"),
    columns=lambda rule: {"eps": rule.eps, "bias_correction": rule.bias},
    denominator=lambda rule: DENOMINATOR[rule.eps],
    corrected=lambda rule: BIAS_WORDS[rule.bias],
    words=words,
    subjects={
        f"{__package__}.rule": ("adamax",),
        f"{__package__}.dialect": ("adamax_dialect", "_denominator", "scalars", "correction"),
    },
)
