"""What wdref knows of D-Adaptation, beside its rule and its tables."""

from dataclasses import replace

from ..contract import Claim, Family, Slot
from ..hyper import BETA1, BETA2, DISTANCE, EPS, LEARNING_RATE, WEIGHT_DECAY
from .dialect import DAdaptDialect

_DADAPT = """D-Adapted Adam: Adam whose rate is an estimate of the distance to the solution.

::

    m from η α d g, v from g²;  s ← √β2 s + (1-√β2) η α d g;  r, likewise, from ⟨g, s/(√v + ε)⟩
    d' ← max(d, r/((1-√β2) ‖s‖_1));  θ ← θ - m/(√v + ε) - η α d λ θ

Defazio & Mishchenko (2023); r, ‖s‖_1 and d are those of all tensors together. The decay is that of
the authors' program. α is 1 as a rule: it is a factor of the estimated rate.

>>> import numpy as np
>>> import wdref
>>> opt = wdref.DAdaptAdamW(weight_decay=0.5, distance=0.25, betas=(0.0, 0.0), eps=0.0)
>>> params = {"w": np.array([1.0]), "b": np.array([-2.0])}
>>> grads = {"w": np.array([1.0]), "b": np.array([3.0])}
>>> opt.update(params, grads, opt.init(params))[0]
{'w': array([0.625]), 'b': array([-2.])}
"""

METRIC = {"new": "√v + ε, v just made", "old": "√v + ε, v before the step"}
BIAS = {"none": "none", "rate": "of the rate, wherever it stands"}


def words(rule: DAdaptDialect) -> list[str]:
    """Describe the estimate in a few sentences."""
    said = ["The rate is multiplied by a distance that all tensors estimate by their gradients."]
    if rule.form == "adapted":
        said.append("The decay is multiplied by that distance too.")
    if rule.bias == "rate":
        said.append("The rate is multiplied by Adam's bias correction, the decay with it.")
    if rule.metric == "old":
        said.append("The estimate is made with the second moment before the step.")
    return said


FAMILY = Family(
    name="dadapt",
    package=__package__ or "",
    title="D-Adaptation",
    source=(
        "Learning-Rate-Free Learning by D-Adaptation",
        "Defazio & Mishchenko, ICML 2023, arXiv:2301.07733",
    ),
    cited="Defazio & Mishchenko, Learning-Rate-Free Learning by D-Adaptation, ICML 2023",
    dialect=DAdaptDialect,
    hyper=(replace(LEARNING_RATE, default=1.0), BETA1, BETA2, EPS, DISTANCE, WEIGHT_DECAY),
    slots=(
        Slot("s", "s"),
        Slot("m", "m"),
        Slot("v", "v", square=True),
        Slot("r", "r"),
        Slot("d", "d", square=True),  # which is never below 0 either
    ),
    claims=(Claim("dadaptadamw", "DAdaptAdamW", _DADAPT, decays=True),),
    options=("betas", "eps", "distance", "bias", "metric"),
    switches={"use_bias_correction": {"bias": "rate"}},
    coupling="enters the estimate of d with the gradient, so that no λ' serves all",
    columns=lambda rule: {"metric": METRIC[rule.metric], "bias_correction": rule.bias},
    corrected=lambda rule: BIAS[rule.bias],
    words=words,
    subjects={
        f"{__package__}.rule": ("dadapt",),
        f"{__package__}.dialect": ("dadapt_dialect", "scalars"),
    },
)
