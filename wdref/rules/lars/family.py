"""What wdref knows of LARS, beside its rule and its tables."""

from dataclasses import replace

from ..contract import Claim, Family, Hyperparameter, Kept, Slot
from ..hyper import EPS, LEARNING_RATE, MOMENTUM, WEIGHT_DECAY
from .dialect import LarsDialect

_LARS = """LARS: SGD with momentum, and for each tensor a rate by its length and its gradient's.

::

    g ← ∇f(θ);  ℓ ← κ ‖θ‖ / (‖g‖ + λ ‖θ‖);  m ← β1 m + η α ℓ (g + λ θ);  θ ← θ - m

You, Gitman & Ginsburg (2017), Algorithm 1; κ, the trust coefficient, is η there. The norms are
those of one tensor; where one is 0 the local rate ℓ is 1.

>>> import numpy as np
>>> import wdref
>>> opt = wdref.LARS(learning_rate=0.5, weight_decay=0.5, trust_coefficient=0.75)
>>> params = {"w": np.array([3.0, 4.0])}
>>> opt.update(params, {"w": np.array([0.0, 5.0])}, opt.init(params))[0]
{'w': array([2.625, 2.25 ])}
"""

PLACE = {
    "ratio": "The decay is part of what the local rate multiplies.",
    "outside": "The decay is no part of what the local rate multiplies.",
}
NORMS = {
    "parts": "Its denominator is ‖g‖ + λ ‖θ‖.",
    "sum": "Its denominator is the norm of the sum, ‖g + λ θ‖.",
    "gradient": "Its denominator is ‖g‖, without λ.",
}
GUARD = {
    "coefficient": "Where the trust coefficient is 0 the local rate is 1.",
    "decay": "Where λ is 0 the local rate is 1.",
    "none": "Where a norm is 0 it is what the quotient gives.",
}
KEPT = {
    "step": "The buffer keeps steps: past gradients have the rates of their own step.",
    "ratio": "The buffer keeps what the local rate scales; the learning rate stands outside.",
    "gradient": "The buffer keeps gradients: learning rate and local rate stand outside.",
}


def words(rule: LarsDialect) -> list[str]:
    """Describe the local rate and the momentum in a few sentences."""
    said = [PLACE["ratio" if rule.form == "ratio" else "outside"]]
    if rule.form == "ratio":
        said.append(NORMS[rule.norms])
    if rule.guard in GUARD:
        said.append(GUARD[rule.guard])
    said.append(KEPT[rule.kept])
    if rule.nesterov:
        said.append("The step looks ahead (Nesterov).")
    return said


TRUST = Hyperparameter("trust_coefficient", "κ", r"\kappa", strong=0.6, usual=1e-3, default=1e-3)

FAMILY = Family(
    name="lars",
    package=__package__ or "",
    title="LARS",
    source=(
        "Large Batch Training of Convolutional Networks",
        "You, Gitman & Ginsburg, 2017, arXiv:1708.03888",
    ),
    cited="You, Gitman & Ginsburg, Large Batch Training of Convolutional Networks (2017), "
    "Algorithm 1",
    dialect=LarsDialect,
    hyper=(
        LEARNING_RATE,
        MOMENTUM,
        TRUST,
        replace(EPS, default=None, sets={"eps": "outside"}),
        WEIGHT_DECAY,
    ),
    slots=(Slot("m", "m"),),
    claims=(Claim("lars", "LARS", _LARS, decays=True),),
    options=("momentum", "trust_coefficient", "eps", "nesterov", "norms"),
    switches={"nesterov": {"nesterov": True}},
    keeps={
        "kept": Kept(
            "{program} keeps the {theirs} in the momentum buffer, {name} here does not: "
            'use {name}.like("{program}", …)'
        )
    },
    enters="momentum",
    coupling="is multiplied by a rate that the norms set anew at every step, so that no λ' serves "
    "all",
    columns=lambda rule: {"norms": rule.norms, "guard": rule.guard, "kept": rule.kept},
    words=words,
    subjects={
        f"{__package__}.rule": ("lars", "local_rate"),
        f"{__package__}.dialect": ("lars_dialect", "scalars", "_guarded", "_local"),
    },
)
