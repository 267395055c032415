"""What wdref knows of Adam, beside its rule and its tables."""

from dataclasses import replace

from ..contract import Claim, Conversion, Family, Kept, Slot
from ..hyper import BETA1, BETA2, CLIP, EPS, LEARNING_RATE, WEIGHT_DECAY
from ..vocabulary import BIAS, DENOMINATOR, EPS_WORDS, UNCORRECTED
from .convert import reason, solve
from .dialect import AdamDialect

_ADAM = """Adam with L2 regularisation: Algorithm 2 with its line 6.

::

    g ← ∇f(θ) + λ θ;  m, v from g;  θ ← θ - η α m̂ / (√v̂ + ε)

The L2 term is divided by √v̂ + ε like the gradient: it is not weight decay (Proposition 2).

>>> import wdref
>>> print(wdref.Adam(weight_decay=1e-2).dialect.recurrence()[0])
g ← ∇f(θ) + λ θ
"""

_ADAMW = """Adam with decoupled weight decay: Algorithm 2 with the decay of its line 12.

::

    g ← ∇f(θ);  m, v from g;  θ ← θ - η (α m̂ / (√v̂ + ε) + λ θ)

λ is not multiplied by the learning rate (form ``paper``). Most frameworks do multiply it: their
0.01 at learning rate 0.001 is λ = 0.00001 here. ``AdamW.like("pytorch", …)`` takes their value.
``answers`` puts other answers of `wdref.dialects.AdamDialect` in place of the convention's, as
in ``answers={"eps": "hat", "bias": "none"}``; ``clip`` clips the gradient by value.

>>> import numpy as np
>>> import wdref
>>> opt = wdref.AdamW(learning_rate=0.25, weight_decay=0.5, eps=0.0)
>>> params = {"w": np.array([1.0])}
>>> params, state = opt.update(params, {"w": np.array([4.0])}, opt.init(params))
>>> params, state.step
({'w': array([0.25])}, 1)
"""


def denominator(rule: AdamDialect) -> str:
    """Return what is divided by; ε/√(1-β2^t) is an ε where v is not corrected."""
    if rule.bias not in ("none", "first"):
        return DENOMINATOR[rule.eps]
    return UNCORRECTED["outside" if rule.eps == "hat" else rule.eps]


def words(rule: AdamDialect) -> list[str]:
    """Describe ε, the bias correction and AMSGrad in a few sentences."""
    at = EPS_WORDS[rule.eps]
    if rule.eps == "hat" and rule.bias in ("none", "first"):
        at = "ε is added to √v."
    said = [at, f"Bias corrected: {BIAS[rule.bias]}."]
    if rule.amsgrad != "none":
        of = "v, corrected afterwards" if rule.amsgrad == "raw" else "the corrected v̂"
        said.append(f"AMSGrad: the maximum of {of}.")
    return said


FAMILY = Family(
    name="adam",
    package=__package__ or "",
    title="Adam",
    source=(
        "Decoupled Weight Decay Regularization",
        "Loshchilov & Hutter, ICLR 2019, arXiv:1711.05101",
    ),
    cited="Loshchilov & Hutter, Decoupled Weight Decay Regularization, ICLR 2019, Algorithm 2",
    dialect=AdamDialect,
    hyper=(replace(LEARNING_RATE, default=1e-3), BETA1, BETA2, EPS, WEIGHT_DECAY, CLIP),
    slots=(
        Slot("m", "m"),
        Slot("v", "v", square=True),
        Slot("v_max", r"v^{\max}", square=True),
    ),
    claims=(
        Claim("adam", "Adam", _ADAM, twin="adamw"),
        Claim("adamw", "AdamW", _ADAMW, decays=True, twin="adam"),
    ),
    options=("betas", "eps", "amsgrad"),
    switches={"amsgrad": {"amsgrad": "raw"}, "bias_correction": {"bias": "both"}},
    keeps={
        "amsgrad": Kept(
            "{program} keeps AMSGrad's maximum as {theirs!r}, {name} here as {own!r}: use "
            "amsgrad={theirs!r}",
            free=("none",),
        )
    },
    columns=lambda rule: {
        "eps": rule.eps,
        "bias_correction": rule.bias,
        "amsgrad": rule.amsgrad,
    },
    denominator=denominator,
    corrected=lambda rule: BIAS[rule.bias],
    words=words,
    conversion=Conversion(solve, reason=reason),
    subjects={
        f"{__package__}.rule": ("adam",),
        f"{__package__}.dialect": (
            "adam_dialect",
            "_corrected",
            "_denominator",
            "scalars",
            "_eps",
            "correction",
        ),
    },
)
