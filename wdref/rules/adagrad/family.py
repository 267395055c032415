"""What wdref knows of Adagrad, beside its rule and its tables."""

from dataclasses import replace

from ..contract import Claim, Family, Hyperparameter, Slot
from ..hyper import CLIP, EPS, INITIAL, LEARNING_RATE, WEIGHT_DECAY
from .dialect import AdagradDialect

_ADAGRAD = """Adagrad with L2 regularisation: the paper's Figure 1, the L2 term in its gradient.

::

    g ← ∇f(θ) + λ θ;  v ← v + g²;  θ ← θ - η α g/(√v + ε)

``initial`` is the number v0 that v starts with, ``annealing`` PyTorch's ``lr_decay`` κ, under
which the rate is α/(1 + κ (t-1)).

>>> import wdref
>>> print(wdref.Adagrad.like("keras").dialect.recurrence()[1])
v ← v + g²   (v starts at v0)
"""

_ADAGRADW = """Adagrad with decoupled weight decay: the paper's Figure 1, and AdamW's decay.

::

    g ← ∇f(θ);  v ← v + g²;  θ ← θ - η α g/(√v + ε) - η λ θ

λ is not multiplied by the learning rate (form ``paper``); ``form="lr"`` multiplies it, as Keras
does in its Adagrad.

>>> import numpy as np
>>> import wdref
>>> opt = wdref.AdagradW(learning_rate=0.25, weight_decay=0.5, eps=0.0)
>>> params = {"w": np.array([1.0])}
>>> opt.update(params, {"w": np.array([4.0])}, opt.init(params))[0]
{'w': array([0.25])}
"""

_EPS = {
    "outside": "ε is added to √v.",
    "inside": "ε is added inside the root.",
    "guarded": "ε is added inside the root; where v is 0 there is no step.",
    "none": "There is no ε.",
}
_DENOMINATOR = {
    "outside": "√v + ε",
    "inside": "√(v + ε)",
    "guarded": "√(v + ε), no step where v is 0",
    "none": "√v",
}


def words(rule: AdagradDialect) -> list[str]:
    """Describe ε, the start and the rate in a few sentences."""
    said = [_EPS[rule.eps]]
    if rule.start == "value":
        said.append("The sum of squares starts at v0.")
    if rule.rate == "annealed":
        said.append("The rate is α/(1 + κ (t-1)).")
    return said


FAMILY = Family(
    name="adagrad",
    package=__package__ or "",
    title="Adagrad",
    source=(
        "Adaptive Subgradient Methods for Online Learning and Stochastic Optimization",
        "Duchi, Hazan & Singer, JMLR 12 (2011), 2121-2159",
    ),
    cited="Duchi, Hazan & Singer, Adaptive Subgradient Methods, JMLR 12 (2011), Figure 1",
    dialect=AdagradDialect,
    hyper=(
        replace(LEARNING_RATE, default=1e-2),
        Hyperparameter(
            "annealing", "κ", r"\kappa", strong=0.25, usual=1e-3, sets={"rate": "annealed"}
        ),
        replace(EPS, default=1e-10),
        INITIAL,
        WEIGHT_DECAY,
        CLIP,
    ),
    slots=(Slot("v", "v", square=True),),
    claims=(
        Claim("adagrad", "Adagrad", _ADAGRAD, twin="adagradw"),
        Claim("adagradw", "AdagradW", _ADAGRADW, decays=True, twin="adagrad"),
    ),
    options=("eps", "initial", "annealing"),
    enters="sum of squares",
    columns=lambda rule: {"eps": rule.eps, "start": rule.start, "rate": rule.rate},
    denominator=lambda rule: _DENOMINATOR[rule.eps],
    words=words,
    subjects={
        f"{__package__}.rule": ("adagrad",),
        f"{__package__}.dialect": ("adagrad_dialect", "_denominator", "scalars", "starts"),
    },
)
