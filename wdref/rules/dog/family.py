"""What wdref knows of DoG and DoWG, beside their rules and their tables."""

from dataclasses import replace

from ..contract import Claim, Family, Slot
from ..hyper import DISTANCE, EPS, LEARNING_RATE, WEIGHT_DECAY
from .dialect import DogDialect

_DOG = """DoG: the rate is the distance gone over the gradients seen, of all tensors together.

::

    g ← ∇f(θ) + λ θ;  r ← max(r, ‖θ - θ0‖);  G ← G + ‖g‖²;  θ ← θ - η α r/√(G + ε) g

Ivgi et al. (2023), whose first r is rε (1 + ‖θ0‖). The decay is an L2 term, as in the authors'
program, and a part of the norm. α is 1 as a rule.

>>> import numpy as np
>>> import wdref
>>> opt = wdref.DoG(weight_decay=0.0, distance=0.5, eps=0.0)
>>> params, grads = {"w": np.array([0.0, 3.0])}, {"w": np.array([4.0, 0.0])}
>>> opt.update(params, grads, opt.init(params))[0]
{'w': array([-2.,  3.])}
"""

_DOWG = """DoWG: as DoG, each gradient weighted with the distance at which it was seen.

::

    g ← ∇f(θ) + λ θ;  r ← max(r, ‖θ - θ0‖);  G ← G + r² ‖g‖²;  θ ← θ - η α r²/(√G + ε) g

Khaled, Mishchenko & Jin (2023), Algorithm 1, whose first r is rε. ε and the decay are optax's.

>>> import numpy as np
>>> import wdref
>>> opt = wdref.DoWG(weight_decay=0.0, distance=0.5, eps=0.0)
>>> params, grads = {"w": np.array([0.0, 3.0])}, {"w": np.array([4.0, 0.0])}
>>> opt.update(params, grads, opt.init(params))[0]
{'w': array([-0.5,  3. ])}
"""

WEIGHTS = {"once": "‖g‖²", "distance": "r² ‖g‖²"}
EPS_OF = {"inside": "√(G + ε)", "outside": "√G + ε"}


def words(rule: DogDialect) -> list[str]:
    """Describe the rate in a few sentences."""
    said = ["The rate is the distance gone over the gradients seen, of all tensors together."]
    if rule.weights == "distance":
        said.append("Each gradient is weighted with the distance at which it was seen.")
    if rule.form == "adapted":
        said.append("The decay is multiplied by that rate.")
    return said


FAMILY = Family(
    name="dog",
    package=__package__ or "",
    title="distance over gradients",
    source=(
        "DoG is SGD's Best Friend: A Parameter-Free Dynamic Step Size Schedule",
        "Ivgi, Hinder & Carmon, ICML 2023, arXiv:2302.12022",
    ),
    cited="Ivgi, Hinder & Carmon, DoG is SGD's Best Friend, ICML 2023",
    dialect=DogDialect,
    hyper=(replace(LEARNING_RATE, default=1.0), EPS, DISTANCE, WEIGHT_DECAY),
    slots=(
        Slot("theta0", r"\theta_0"),
        Slot("r", "r", square=True),  # a distance: never below 0 either
        Slot("G", "G", square=True),
    ),
    claims=(Claim("dog", "DoG", _DOG, decays=True), Claim("dowg", "DoWG", _DOWG, decays=True)),
    options=("eps", "distance", "start"),
    enters="norm",
    coupling="is part of the norm that the step is divided by, so that no λ' serves all",
    columns=lambda rule: {"weights": WEIGHTS[rule.weights], "eps": rule.eps},
    denominator=lambda rule: EPS_OF[rule.eps],
    words=words,
    subjects={
        f"{__package__}.rule": ("dog",),
        f"{__package__}.weighted": ("dowg",),
        f"{__package__}.dialect": ("dog_dialect", "scalars"),
    },
)
