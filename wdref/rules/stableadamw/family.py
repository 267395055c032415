"""What wdref knows of StableAdamW, beside its rule and its tables."""

from dataclasses import replace

from ..contract import Claim, Family, Slot
from ..hyper import BETA1, BETA2, EPS, LEARNING_RATE, WEIGHT_DECAY
from ..vocabulary import DENOMINATOR, EPS_WORDS, UNCORRECTED
from .dialect import StableDialect

_STABLEADAMW = """StableAdamW: AdamW with a step that is shortened where gradients outgrow v.

::

    g ← ∇f(θ);  m, v from g;  r ← 1/max(1, RMS of g/max(√v̂, ε));  θ ← θ - η α r (m̂/(√v̂ + ε) + λ θ)

Wortsman et al. (2023), Algorithm 2. The root mean square is that of one tensor, and shortens its
decay too; ``rate="raw"`` leaves the decay as it is.

>>> import wdref
>>> opt = wdref.StableAdamW(learning_rate=1e-3, weight_decay=1e-2)
>>> print(opt.dialect.recurrence()[-2])
r ← 1/max(1, RMS of g/max(√v̂, ε))
"""

MEASURE = {
    "clamped": "the gradient by its √v̂, no less than ε",
    "added": "the gradient by √v̂ and ε",
    "step": "the step itself",
}
CORRECTED = {
    "rates": "both moments, through their rates",
    "moments": "both moments",
    "none": "none",
}


def denominator(rule: StableDialect) -> str:
    """Return what is divided by; ε/√(1-β2^t) is an ε where v is not corrected."""
    if rule.bias != "none":
        return DENOMINATOR[rule.eps]
    return UNCORRECTED["outside" if rule.eps == "hat" else rule.eps]


def words(rule: StableDialect) -> list[str]:
    """Describe the clip, ε and the bias correction in a few sentences."""
    length = "root mean square" if rule.length == "rms" else "norm"
    said = [f"A step is divided by the {length} of {MEASURE[rule.measure]}, where that is above 1."]
    if rule.form not in ("none", "l2", "ratio"):
        own = "is divided with it" if rule.rate == "clipped" else "is not"
        said.append(f"The decay {own}.")
    said += [EPS_WORDS[rule.eps], f"Bias corrected: {CORRECTED[rule.bias]}."]
    return said


FAMILY = Family(
    name="stableadamw",
    package=__package__ or "",
    title="StableAdamW",
    source=(
        "Stable and low-precision training for large-scale vision-language models",
        "Wortsman et al., NeurIPS 2023, arXiv:2304.13013",
    ),
    cited="Wortsman et al., Stable and low-precision training, NeurIPS 2023, Algorithm 2",
    dialect=StableDialect,
    hyper=(LEARNING_RATE, BETA1, replace(BETA2, default=0.99), EPS, WEIGHT_DECAY),
    slots=(Slot("m", "m"), Slot("v", "v", square=True)),
    claims=(Claim("stableadamw", "StableAdamW", _STABLEADAMW, decays=True),),
    options=("betas", "eps", "measure", "rate"),
    coupling="is divided by √v̂ and by the length of the gradient, so that no λ' serves all",
    columns=lambda rule: {
        "eps": rule.eps,
        "bias_correction": rule.bias,
        "measure": rule.measure,
        "length": rule.length,
        "rate": rule.rate,
    },
    denominator=denominator,
    corrected=lambda rule: CORRECTED[rule.bias],
    words=words,
    subjects={
        f"{__package__}.rule": ("stableadamw",),
        f"{__package__}.dialect": ("stable_dialect", "_squares", "scalars", "_debiased"),
    },
)
