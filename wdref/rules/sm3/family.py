"""What wdref knows of SM3, beside its rule and its tables."""

from dataclasses import replace

from ..contract import Claim, Family, Slot
from ..hyper import BETA2, EPS, LEARNING_RATE, MOMENTUM, WEIGHT_DECAY
from .dialect import UNDER, Sm3Dialect

_SM3 = """SM3 with L2 regularisation: Adagrad whose sums of squares are kept by slices of a tensor.

::

    g ← ∇f(θ) + λ θ;  ν(i) ← min_r μ(r) + g(i)²;  μ(r) ← max_{j ∈ S_r} ν(j)
    m ← β1 m + (1-β1) g/√ν;  θ ← θ - η α m

Anil et al. (2019), SM3-II with momentum; S_r are the slices of the tensor along each of its axes.
The paper has no decay. The slot v is min_r μ(r), as large as θ.

>>> import numpy as np
>>> import wdref
>>> opt = wdref.SM3(learning_rate=0.5, momentum=0.0)
>>> params = {"w": np.ones((2, 2))}
>>> state = opt.init(params)
>>> for g in (np.array([[3.0, 0.0], [4.0, 0.0]]), np.array([[4.0, 3.0], [3.0, 3.0]])):
...     params, state = opt.update(params, {"w": g}, state)
>>> params["w"]
array([[ 0.1,  0.5],
       [-0.3,  0.5]])
"""

SUMS = {"sum": "Squares are summed.", "mean": "Squares are averaged with β2."}
EPS_SAYS = {
    "none": "There is no ε: 0/0 is 0.",
    "fixed": "ε is 1e-8, inside the root.",
    "inside": "ε is added inside the root.",
}

FAMILY = Family(
    name="sm3",
    package=__package__ or "",
    title="SM3",
    source=(
        "Memory-Efficient Adaptive Optimization",
        "Anil et al., NeurIPS 2019, arXiv:1901.11150",
    ),
    cited="Anil et al., Memory-Efficient Adaptive Optimization, NeurIPS 2019, SM3-II",
    dialect=Sm3Dialect,
    hyper=(
        LEARNING_RATE,
        MOMENTUM,
        replace(BETA2, default=None, sets={"squares": "mean"}),
        replace(EPS, default=None, sets={"eps": "inside"}),
        WEIGHT_DECAY,
    ),
    slots=(Slot("m", "m"), Slot("v", r"\nu", square=True)),
    claims=(Claim("sm3", "SM3", _SM3),),
    options=("momentum", "beta2", "eps"),
    enters="sums",
    columns=lambda rule: {"squares": rule.squares, "eps": rule.eps},
    denominator=lambda rule: f"√({UNDER[rule.eps]})".replace("√(v)", "√v"),
    words=lambda rule: [SUMS[rule.squares], EPS_SAYS[rule.eps]],
    subjects={
        f"{__package__}.rule": ("sm3",),
        f"{__package__}.dialect": ("sm3_dialect", "scalars"),
    },
)
