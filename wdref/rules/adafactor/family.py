"""What wdref knows of Adafactor, beside its rule and its tables."""

from dataclasses import replace

from ..contract import Claim, Family, Hyperparameter, Slot
from ..hyper import BETA1, EPS, LEARNING_RATE, WEIGHT_DECAY
from .dialect import AdafactorDialect

_ADAFACTOR = """Adafactor: the second moments of a matrix, as those of its rows and its columns.

::

    α_t ← max(ε2, RMS(θ)) min(η α, 1/√t);  g ← ∇f(θ);  r, c from the means of g² + ε1
    u ← g/√(r c/mean(r));  û ← u/max(1, RMS(u)/d);  θ ← θ - α_t û - η λ θ

Shazeer & Stern (2018), Algorithms 4 to 6, which have no decay. `power` is p in β2 = 1 - t^-p,
`threshold` is d; with `beta1` the steps are averaged, after the rate.

>>> import numpy as np
>>> import wdref
>>> opt = wdref.Adafactor(learning_rate=0.5, weight_decay=0.0)
>>> params = {"w": np.array([[3.0, 4.0, 0.0], [0.0, 0.0, 5.0]])}
>>> new, state = opt.update(params, {"w": np.ones((2, 3))}, opt.init(params))
>>> (new["w"] - params["w"])[0], state.slots["r"]["w"].shape, state.slots["v"]["w"].shape
(array([-1.44337567, -1.44337567, -1.44337567]), (2, 1), (0,))
"""

RATE = {
    "relative": "ρ_t is the learning rate, and at most 1/√t.",
    "free": "ρ_t is the learning rate.",
    "constant": "ρ_t is 1/100, and at most 1/√t: no learning rate is read.",
}


def words(rule: AdafactorDialect) -> list[str]:
    """Describe the step size and what is divided by in a few sentences."""
    said = [RATE[rule.rate]]
    if rule.scale == "thousandth":
        said.append("RMS(θ) is at least 1/1000.")
    if rule.scale == "none":
        said.append("It is not multiplied by RMS(θ).")
    if rule.eps == "bound":
        said.append("ε1 bounds the second moments from below.")
    if rule.factored == "never":
        said.append("Nothing is factored.")
    if rule.momentum != "none":
        said.append(f"The momentum stands {rule.momentum} the rate.")
    return said


FAMILY = Family(
    name="adafactor",
    package=__package__ or "",
    title="Adafactor",
    source=(
        "Adafactor: Adaptive Learning Rates with Sublinear Memory Cost",
        "Shazeer & Stern, ICML 2018, arXiv:1804.04235",
    ),
    cited="Shazeer & Stern, Adafactor, ICML 2018, Algorithms 4, 5 and 6",
    dialect=AdafactorDialect,
    hyper=(
        replace(LEARNING_RATE, default=1e-2),
        replace(BETA1, default=None, sets={"momentum": "after"}),
        Hyperparameter("power", "p", "p", strong=0.6, usual=0.8, default=0.8),
        replace(EPS, letter="ε1", latex=r"\varepsilon_1", default=1e-30),
        Hyperparameter("eps2", "ε2", r"\varepsilon_2", strong=0.5, usual=1e-3, default=1e-3),
        # PyTorch takes none below 1
        Hyperparameter("threshold", "d", "d", strong=1.25, usual=1.0, default=1.0, bounds=(1.0,)),
        WEIGHT_DECAY,
    ),
    slots=(
        Slot("r", "R", square=True),
        Slot("c", "C", square=True),
        Slot("v", r"\hat V", square=True),
        Slot("m", "m"),
    ),
    claims=(Claim("adafactor", "Adafactor", _ADAFACTOR, decays=True),),
    options=("beta1", "power", "eps", "eps2", "threshold", "rate", "scale", "factored"),
    coupling="is divided by √V̂ and then by the RMS of the whole, so that no λ' serves all",
    columns=lambda rule: {"eps": rule.eps, "rate": rule.rate, "factored": rule.factored,
                          "momentum": rule.momentum},
    denominator=lambda rule: "√V̂" if rule.eps == "added" else "√max(V̂, ε1²)",
    words=words,
    subjects={
        f"{__package__}.rule": ("adafactor",),
        f"{__package__}.dialect": ("adafactor_dialect", "scalars", "_rho", "_second", "_bounded",
                                   "_stepped"),
    },
)  # fmt: skip
