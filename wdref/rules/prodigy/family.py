"""What wdref knows of Prodigy, beside its rule and its tables."""

from dataclasses import replace

from ..contract import Claim, Family, Slot
from ..hyper import BETA1, BETA2, COEFFICIENT, DISTANCE, EPS, LEARNING_RATE, WEIGHT_DECAY
from .dialect import ProdigyDialect

_PRODIGY = """Prodigy: Adam whose rate is an estimate of the distance to the solution.

::

    m, v from d g;  s ← √β2 s + (1-√β2) η α d² g;  r, likewise, from ⟨g, θ0 - θ⟩
    d' ← max(d, r/‖s‖_1);  θ ← θ - η α d (m/(√v + d ε) + λ θ)

Mishchenko & Defazio (2023), Algorithm 4; r, ‖s‖_1 and d are those of all tensors together. The
decay is that of the authors' program. α is 1 as a rule: it is a factor of the estimated rate.

>>> import numpy as np
>>> import wdref
>>> opt = wdref.Prodigy(weight_decay=0.5, distance=0.25, betas=(0.0, 0.0), eps=0.0)
>>> params = {"w": np.array([1.0]), "b": np.array([-2.0])}
>>> grads = {"w": np.array([1.0]), "b": np.array([3.0])}
>>> opt.update(params, grads, opt.init(params))[0]
{'w': array([0.625]), 'b': array([-2.])}
"""

EPS_OF = {"old": "√v + d ε, d before the step", "new": "√v + d ε, d just made"}
BIAS = {"none": "none", "rate": "of the rate, wherever it stands"}


def words(rule: ProdigyDialect) -> list[str]:
    """Describe the estimate in a few sentences."""
    said = ["The rate is multiplied by a distance that all tensors estimate by their way so far."]
    if rule.form == "adapted":
        said.append("The decay is multiplied by that distance too.")
    if rule.bias == "rate":
        said.append("The rate is multiplied by Adam's bias correction, the decay with it.")
    if rule.eps == "new":
        said.append("ε is multiplied by the distance just made.")
    if rule.rate == "new":
        said.append("The step reads the distance that it has just made.")
    if rule.weight == "distance":
        said.append("The sum that the estimate is divided by has no learning rate.")
    return said


FAMILY = Family(
    name="prodigy",
    package=__package__ or "",
    title="Prodigy",
    source=(
        "Prodigy: An Expeditiously Adaptive Parameter-Free Learner",
        "Mishchenko & Defazio, ICML 2024, arXiv:2306.06101",
    ),
    cited="Mishchenko & Defazio, Prodigy, ICML 2024, Algorithm 4",
    dialect=ProdigyDialect,
    hyper=(replace(LEARNING_RATE, default=1.0), BETA1, BETA2, EPS, DISTANCE, COEFFICIENT,
           WEIGHT_DECAY),
    slots=(
        Slot("theta0", r"\theta_0"),
        Slot("s", "s"),
        Slot("m", "m"),
        Slot("v", "v", square=True),
        Slot("r", "r"),
        Slot("d", "d", square=True),  # which is never below 0 either
    ),
    claims=(Claim("prodigy", "Prodigy", _PRODIGY, decays=True),),
    options=("betas", "eps", "distance", "coefficient", "bias", "weight"),
    switches={
        "use_bias_correction": {"bias": "rate"},
        "safeguard_warmup": {"weight": "distance"},
    },
    coupling="enters the estimate of d with the gradient, so that no λ' serves all",
    columns=lambda rule: {"eps": rule.eps, "bias_correction": rule.bias},
    denominator=lambda rule: EPS_OF[rule.eps],
    corrected=lambda rule: BIAS[rule.bias],
    words=words,
    subjects={
        f"{__package__}.rule": ("prodigy",),
        f"{__package__}.dialect": ("prodigy_dialect", "scalars"),
    },
)  # fmt: skip
