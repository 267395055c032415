"""What wdref knows of RMSprop, beside its rule and its tables."""

from dataclasses import replace
from typing import Any

from ..contract import Claim, Family, Hyperparameter, Kept, Slot
from ..hyper import CLIP, EPS, INITIAL, LEARNING_RATE, MOMENTUM, WEIGHT_DECAY
from .dialect import RMSpropDialect

_RMSPROP = """RMSprop with L2 regularisation: Hinton's, with the ε and the momentum of Graves.

::

    g ← ∇f(θ) + λ θ;  v ← ρ v + (1-ρ) g²;  m ← μ m + η α g/√(v + ε);  θ ← θ - m

``momentum=0.0``, the default, keeps no m; ``centered=True`` takes the square of the average
gradient from v, as Graves does. PyTorch has ε and the rate elsewhere: ``RMSprop.like("pytorch")``.

>>> import wdref
>>> print(wdref.RMSprop.like("pytorch", momentum=0.9).dialect.recurrence()[2])
m ← μ m + g/(√v + ε)
"""

_RMSPROPW = """RMSprop with decoupled weight decay: Hinton's and Graves', and SGDW's decay.

::

    g ← ∇f(θ);  v ← ρ v + (1-ρ) g²;  m ← μ m + η α g/√(v + ε);  θ ← θ - m - η λ θ

λ is not multiplied by the learning rate (form ``paper``); ``form="lr"`` multiplies it, as Keras
does in its RMSprop.

>>> import numpy as np
>>> import wdref
>>> opt = wdref.RMSpropW(learning_rate=0.25, weight_decay=0.5, rho=0.75, eps=0.0)
>>> params = {"w": np.array([1.0])}
>>> opt.update(params, {"w": np.array([4.0])}, opt.init(params))[0]
{'w': array([0.])}
"""


def words(rule: RMSpropDialect) -> list[str]:
    """Describe what is divided by, and the momentum, in a few sentences."""
    said = [f"ε is added {'inside the root' if rule.eps == 'inside' else 'to the root'}."]
    if rule.centered:
        said.append("The square of the average gradient is taken from the average square.")
    if rule.bias == "corrected":
        said.append("Averages are divided by 1-ρ^t.")
    if rule.start != "zero":
        said.append(f"The average square starts at {'1' if rule.start == 'one' else 'v0'}.")
    if not rule.buffer:
        return [*said, "No momentum."]
    ahead = ", and the step looks ahead (Nesterov)" if rule.nesterov else ""
    return [*said, f"The learning rate stands {rule.lr} the momentum{ahead}."]


def denominator(rule: RMSpropDialect) -> str:
    """Return the root that divides the gradient; ḡ is its average."""
    v = "v̂" if rule.bias == "corrected" else "v"
    inside = f"{v} - ḡ²" if rule.centered else v
    if rule.eps == "inside":
        return f"√({inside} + ε)"
    return f"√({inside}) + ε" if rule.centered else f"√{inside} + ε"


def columns(rule: RMSpropDialect) -> dict[str, Any]:
    """Return what the matrix shows of the rule."""
    ahead = ", Nesterov" if rule.nesterov else ""
    momentum = f"the rate {rule.lr}{ahead}" if rule.buffer else "no momentum"
    return {"eps": rule.eps, "bias_correction": rule.bias, "momentum": momentum,
            "centered": rule.centered, "start": rule.start}  # fmt: skip


def reduced(found: RMSpropDialect, convention: Any) -> RMSpropDialect:
    """Return the same rule for μ = 0, which needs no buffer."""
    return replace(found, buffer=False, nesterov=False)


FAMILY = Family(
    name="rmsprop",
    package=__package__ or "",
    title="RMSprop",
    source=(
        "Generating Sequences With Recurrent Neural Networks",
        "Graves, arXiv:1308.0850 (2013), after Tieleman & Hinton, Lecture 6.5 (2012)",
    ),
    cited="Tieleman & Hinton, Lecture 6.5 (2012); Graves, arXiv:1308.0850 (2013), eqs. 38-45",
    dialect=RMSpropDialect,
    hyper=(
        replace(LEARNING_RATE, default=1e-3),
        Hyperparameter("rho", "ρ", r"\rho", strong=0.7, usual=0.99, default=0.9, below=1.0),
        replace(MOMENTUM, letter="μ", latex=r"\mu", default=0.0),
        EPS,
        INITIAL,
        WEIGHT_DECAY,
        CLIP,
    ),
    slots=(
        Slot("v", "v", square=True),
        Slot("mean", r"\bar g"),
        Slot("m", "m"),
    ),
    claims=(
        Claim("rmsprop", "RMSprop", _RMSPROP, twin="rmspropw"),
        Claim("rmspropw", "RMSpropW", _RMSPROPW, decays=True, twin="rmsprop"),
    ),
    options=("rho", "momentum", "eps", "centered", "nesterov", "initial"),
    keeps={
        "lr": Kept(
            "{program} holds the learning rate {theirs} the momentum, {name} here does not: "
            'use {name}.like("{program}", …)'
        )
    },
    enters="averages",
    columns=columns,
    denominator=denominator,
    corrected=lambda rule: {"none": "none", "corrected": "every average"}[rule.bias],
    words=words,
    reduced=reduced,
    subjects={
        f"{__package__}.rule": ("rmsprop",),
        f"{__package__}.dialect": ("rmsprop_dialect", "_denominator", "scalars", "starts",
                                   "correction"),
    },
)  # fmt: skip
