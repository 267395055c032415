"""What wdref knows of Adadelta, beside its rule and its tables."""

from dataclasses import replace

from ..contract import Claim, Family, Hyperparameter, Slot
from ..hyper import CLIP, EPS, LEARNING_RATE, WEIGHT_DECAY
from ..vocabulary import UNCORRECTED
from .dialect import AdadeltaDialect

_ADADELTA = """Adadelta with L2 regularisation: Algorithm 1 of Zeiler (2012), λ θ in the gradient.

::

    g ← ∇f(θ) + λ θ;  v ← ρ v + (1-ρ) g²
    d ← √(u + ε)/√(v + ε) g;  u ← ρ u + (1-ρ) d²;  θ ← θ - η α d

The paper has no learning rate: 1, the default here, is the paper's. With another u is still that of
d, without the rate. ``form="lr"`` is Keras's decoupled decay.

>>> import wdref
>>> print(wdref.Adadelta.like("keras", weight_decay=1e-2))
Adadelta(learning_rate=0.001, rho=0.95, eps=1e-07, weight_decay=0.01, schedule=Constant(value=1.0))
  g ← ∇f(θ)
  v ← ρ v + (1-ρ) g²
  d ← √(u + ε)/√(v + ε) g
  u ← ρ u + (1-ρ) d²
  θ ← θ - η α d - η α λ θ
"""

RHO = Hyperparameter("rho", "ρ", r"\rho", strong=0.7, usual=0.95, default=0.95, below=1.0)


def words(rule: AdadeltaDialect) -> list[str]:
    """Describe ε and the averages in a few sentences."""
    said = [f"ε is added {rule.eps} the roots."]
    if rule.kept == "step":
        said.append("The learning rate stands inside the average of the steps.")
    if rule.numerator == "after":
        said.append("The step reads the average of the steps just made.")
    return said


FAMILY = Family(
    name="adadelta",
    package=__package__ or "",
    title="Adadelta",
    source=(
        "ADADELTA: An Adaptive Learning Rate Method",
        "Zeiler, 2012, arXiv:1212.5701",
    ),
    cited="Zeiler, ADADELTA: An Adaptive Learning Rate Method, 2012, Algorithm 1",
    dialect=AdadeltaDialect,
    hyper=(
        replace(LEARNING_RATE, default=1.0),
        RHO,
        replace(EPS, default=1e-6),
        WEIGHT_DECAY,
        CLIP,
    ),
    slots=(Slot("v", "v", square=True), Slot("u", "u", square=True)),
    claims=(Claim("adadelta", "Adadelta", _ADADELTA),),
    options=("rho", "eps"),
    enters="averages",
    columns=lambda rule: {"eps": rule.eps},
    denominator=lambda rule: UNCORRECTED[rule.eps],
    words=words,
    subjects={
        f"{__package__}.rule": ("adadelta",),
        f"{__package__}.dialect": ("adadelta_dialect", "_rms", "scalars"),
    },
)
