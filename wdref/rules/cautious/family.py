"""What wdref knows of the cautious rules and of Grams, beside their rules and their tables."""

from ..contract import Claim, Family, Slot
from ..hyper import BETA1, BETA2, EPS, LEARNING_RATE, WEIGHT_DECAY
from ..vocabulary import BIAS, DENOMINATOR, EPS_WORDS, UNCORRECTED
from .dialect import CautiousDialect

_CAUTIOUSADAMW = """Cautious AdamW: AdamW that steps no coordinate against its gradient.

::

    g ← ∇f(θ);  m, v from g;  u ← m̂/(√v̂ + ε);  φ ← 1 where u g > 0, else 0;
    θ ← θ - η α n/(Σφ + 1) φ u;  θ ← θ - η α λ θ

Liang et al. (2024), Algorithm 2. Σφ is the sum over one tensor of n elements, whose steps are made
longer by those that it leaves out; ``scale="mean"`` does so as most programs do. The decay is not
masked.

>>> import numpy as np
>>> import wdref
>>> opt = wdref.CautiousAdamW(learning_rate=0.5, weight_decay=0.0, betas=(0.5, 0.0), eps=0.0)
>>> params = {"w": np.zeros(3)}
>>> state = opt.init(params)
>>> for g in ([4.0, 4.0, 4.0], [1.0, 1.0, -1.0]):  # the last one's m is 1/2, against its gradient
...     params, state = opt.update(params, {"w": np.array(g)}, state)
>>> print(params["w"])
[-1.375 -1.375 -0.375]
"""

_CAUTIOUSLION = """Cautious Lion: Lion that steps no coordinate against its gradient.

::

    g ← ∇f(θ);  u ← sgn(β1 m + (1-β1) g);  m ← β2 m + (1-β2) g;  φ ← 1 where u g > 0, else 0;
    θ ← θ - η α (n/(Σφ + 1) φ u + λ θ)

Liang et al. (2024), whose program c_lion.py has this order of the decay.

>>> import wdref
>>> wdref.CautiousLion(learning_rate=1e-4, weight_decay=1e-2).dialect.slots
('m',)
"""

_GRAMS = """Grams: as long a step as AdamW's, in the direction of the gradient.

::

    g ← ∇f(θ);  m, v from g;  u ← m̂/(√v̂ + ε);  θ ← θ - η α (sgn(g) |u| + λ θ)

Cao, Li & Song (2024), with the decay of their program.

>>> import wdref
>>> print(wdref.Grams(learning_rate=1e-3, weight_decay=1e-2).dialect.recurrence()[-1])
θ ← θ - η α sgn(g) |u| - η α λ θ
"""

MASK = {
    "aligned": "A coordinate is stepped where the step and the gradient have one sign.",
    "gradient": "A coordinate is stepped in the direction of its gradient.",
}
SCALE = {
    "count": "What is left of the step is multiplied by n/(Σφ + 1).",
    "mean": "What is left of the step is divided by the share of it, which is at least 1/1000.",
}


def denominator(rule: CautiousDialect) -> str:
    """Return what is divided by, if anything."""
    if rule.base == "lion":
        return ""
    return UNCORRECTED[rule.eps] if rule.bias == "none" else DENOMINATOR[rule.eps]


def words(rule: CautiousDialect) -> list[str]:
    """Describe the mask, the scale, the base, ε and the bias correction in a few sentences."""
    said = [MASK[rule.mask]]
    if rule.mask != "gradient":
        said.append(SCALE[rule.scale])
    if rule.base == "lion":
        return [*said, "The step is Lion's, a sign."]
    at = EPS_WORDS[rule.eps] if rule.bias == "both" else "ε is added to √v."
    return [*said, "The step is Adam's.", at, f"Bias corrected: {BIAS[rule.bias]}."]


FAMILY = Family(
    name="cautious",
    package=__package__ or "",
    title="the cautious rules",
    source=(
        "Cautious Optimizers: Improving Training with One Line of Code",
        "Liang et al., 2024, arXiv:2411.16085",
    ),
    cited="Liang et al., Cautious Optimizers, 2024, Algorithm 2",
    dialect=CautiousDialect,
    hyper=(LEARNING_RATE, BETA1, BETA2, EPS, WEIGHT_DECAY),
    slots=(Slot("m", "m"), Slot("v", "v", square=True)),
    claims=(
        Claim("cautiousadamw", "CautiousAdamW", _CAUTIOUSADAMW, decays=True),
        Claim("cautiouslion", "CautiousLion", _CAUTIOUSLION, decays=True,
              options={"betas": (0.9, 0.99), "scale": None}),
        Claim("grams", "Grams", _GRAMS, decays=True,
              options={"betas": (BETA1.default, BETA2.default), "eps": 1e-6}),
    ),
    options=("betas", "eps", "scale"),
    coupling="is masked with the gradient and scaled with its tensor, so that no λ' serves all",
    columns=lambda rule: {
        "base": rule.base,
        "mask": rule.mask,
        "scale": rule.scale,
        "eps": rule.eps,
        "bias_correction": rule.bias,
    },
    denominator=denominator,
    corrected=lambda rule: BIAS[rule.bias] if rule.base == "adam" else "",
    words=words,
    subjects={
        f"{__package__}.rule": ("cautious",),
        f"{__package__}.grams": ("grams",),
        f"{__package__}.dialect": ("cautious_dialect", "grams_dialect", "_updated", "scalars"),
    },
)  # fmt: skip
