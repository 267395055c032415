"""What wdref knows of Fromage, beside its rule and its tables."""

from ..contract import Claim, Family, Hyperparameter
from ..hyper import LEARNING_RATE, WEIGHT_DECAY
from .dialect import FromageDialect

_FROMAGE = """Fromage: a step as long as the tensor, times the rate, and the tensor shrunk for it.

::

    g ← ∇f(θ);  θ ← (θ - η α (‖θ‖/‖g‖) g) / √(1 + (η α)²)

Bernstein et al. (2020), Algorithm 1. The norms are those of one tensor; where one is 0 the ratio
is 1. The root keeps lengths from growing: it is a decay that the rate sets, and λ is another.

>>> import numpy as np
>>> import wdref
>>> opt = wdref.Fromage(learning_rate=0.75)
>>> params = {"w": np.array([0.0, 4.0])}
>>> opt.update(params, {"w": np.array([2.0, 0.0])}, opt.init(params))[0]
{'w': array([-2.4,  3.2])}
"""

FLOOR = {"none": "Where a norm is 0 the ratio is 1.", "norms": "No norm counts less than ν."}
SHRINK = {"all": "θ and its step are divided by √(1 + (η α)²).", "none": "Nothing is divided."}
MIN_NORM = Hyperparameter(
    "min_norm", "ν", r"\nu", strong=0.75, usual=1e-6, sets={"floor": "norms"}
)  # fmt: skip

FAMILY = Family(
    name="fromage",
    package=__package__ or "",
    title="Fromage",
    source=(
        "On the distance between two neural networks and the stability of learning",
        "Bernstein, Vahdat, Yue & Liu, NeurIPS 2020, arXiv:2002.03432",
    ),
    cited="Bernstein et al., On the distance between two neural networks and the stability of "
    "learning, NeurIPS 2020, Algorithm 1",
    dialect=FromageDialect,
    hyper=(LEARNING_RATE, MIN_NORM, WEIGHT_DECAY),
    slots=(),
    claims=(Claim("fromage", "Fromage", _FROMAGE),),
    options=("min_norm", "shrink"),
    enters="norm",
    coupling="changes the direction whose length the ratio takes away, so that no λ' serves all",
    columns=lambda rule: {"floor": rule.floor, "shrink": rule.shrink},
    words=lambda rule: [FLOOR[rule.floor], SHRINK[rule.shrink]],
    subjects={
        f"{__package__}.rule": ("fromage",),
        f"{__package__}.dialect": ("fromage_dialect", "scalars", "_ratio"),
    },
)
