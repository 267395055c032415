"""What wdref knows of MARS, beside its rule and its tables."""

from dataclasses import replace

from ..contract import Claim, Family, Hyperparameter, Slot
from ..hyper import BETA1, BETA2, EPS, LEARNING_RATE, WEIGHT_DECAY
from ..vocabulary import BIAS, DENOMINATOR, EPS_WORDS, UNCORRECTED
from .dialect import MarsDialect

_MARS = """MARS-AdamW: AdamW of a gradient that is corrected by its change, and clipped.

::

    c ← g + γ β1/(1-β1) (g - g₋);  c ← c/max(1, ‖c‖);  m, v from c;  θ ← θ - η α (m̂/(√v̂ + ε) + λ θ)

Yuan et al. (2024), Algorithm 2, with one gradient a step: g₋ is that of the step before. The first
step has no correction; ``start="zero"`` corrects it by a gradient of 0, as most programs do.

>>> import numpy as np
>>> import wdref
>>> opt = wdref.MARS(learning_rate=0.5, weight_decay=0.5, betas=(0.5, 0.5), gamma=0.25, eps=0.0)
>>> params = {"w": np.array([1.0, -1.0])}
>>> opt.update(params, {"w": np.array([3.0, -4.0])}, opt.init(params))[0]
{'w': array([ 0.25, -0.25])}
"""

_MARSLION = """MARS-Lion: the sign of a moment of gradients corrected as MARS does.

::

    c ← g + γ β1/(1-β1) (g - g₋);  c ← c/max(1, ‖c‖);  m from c;  θ ← θ - η α (sgn(m) + λ θ)

Yuan et al. (2024), Algorithm 3. There is one β: without the correction it is Tiger of clipped
gradients.

>>> import wdref
>>> wdref.MARSLion(learning_rate=1e-3, weight_decay=1e-2).dialect.slots
('m', 'last')
"""

START = {
    "first": "The first step has no correction.",
    "zero": "The first gradient is corrected by one of 0 before it.",
}
NORM = {
    "tensor": "What is corrected is clipped to the norm 1, tensor by tensor.",
    "none": "What is corrected is not clipped.",
}


def denominator(rule: MarsDialect) -> str:
    """Return what is divided by; ε/√(1-β2^t) is an ε where v is not corrected."""
    if rule.direction == "sign":
        return ""
    if rule.bias == "both":
        return DENOMINATOR[rule.eps]
    return UNCORRECTED["outside" if rule.eps == "hat" else rule.eps]


def words(rule: MarsDialect) -> list[str]:
    """Describe the correction, the clip and the moments in a few sentences."""
    said = [START[rule.start], NORM[rule.norm]]
    if rule.direction == "sign":
        return [*said, "The step is the sign of the moment."]
    if rule.square == "gradient":
        said.append("The second moment is of the gradient, not of what is corrected.")
    return [*said, EPS_WORDS[rule.eps], f"Bias corrected: {BIAS[rule.bias]}."]


FAMILY = Family(
    name="mars",
    package=__package__ or "",
    title="MARS",
    source=(
        "MARS: Unleashing the Power of Variance Reduction for Training Large Models",
        "Yuan et al., ICML 2025, arXiv:2411.10438",
    ),
    cited="Yuan et al., MARS: Unleashing the Power of Variance Reduction, ICML 2025, Algorithm 2",
    dialect=MarsDialect,
    hyper=(
        LEARNING_RATE,
        replace(BETA1, default=0.95),
        replace(BETA2, default=0.99),
        EPS,
        Hyperparameter("gamma", "γ", r"\gamma", strong=0.3, usual=0.025, default=0.025),
        WEIGHT_DECAY,
    ),
    slots=(Slot("m", "m"), Slot("v", "v", square=True), Slot("last", "g")),
    claims=(
        Claim("mars", "MARS", _MARS, decays=True),
        Claim(
            "marslion",
            "MARSLion",
            _MARSLION,
            decays=True,
            options={"beta1": 0.95, "gamma": 0.025, "start": None},
        ),
    ),
    options=("betas", "eps", "gamma", "start"),
    coupling="is corrected and clipped with the gradient, so that no λ' serves all",
    columns=lambda rule: {
        "start": rule.start,
        "norm": rule.norm,
        "square": rule.square,
        "direction": rule.direction,
        "eps": rule.eps,
        "bias_correction": rule.bias,
    },
    denominator=denominator,
    corrected=lambda rule: BIAS[rule.bias] if rule.direction == "adam" else "",
    words=words,
    subjects={
        f"{__package__}.rule": ("mars",),
        f"{__package__}.dialect": ("mars_dialect", "scalars", "_of_adam"),
    },
)
