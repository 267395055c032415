"""What wdref knows of Rprop, beside its rule and its tables."""

from ..contract import Claim, Family, Hyperparameter, Slot
from ..hyper import CLIP, LEARNING_RATE, WEIGHT_DECAY
from .dialect import RpropDialect

_RPROP = """Rprop, as iRprop-: a step size for each coordinate, for gradients of the whole data.

::

    Δ ← min(η⁺ Δ, Δmax) where g g₋ > 0, max(η⁻ Δ, Δmin) and g ← 0 where g g₋ < 0
    θ ← θ - Δ sgn(g)

Igel & Hüsken (2003). The learning rate is the first Δ: no schedule is read, nothing decays.

>>> import numpy as np
>>> import wdref
>>> opt = wdref.Rprop(learning_rate=0.5)
>>> params = {"w": np.array([1.0])}
>>> opt.update(params, {"w": np.array([4.0])}, opt.init(params))[0]
{'w': array([0.5])}
"""

TURN = {
    "stay": "no step, g forgotten",
    "revert": "the last step taken back, g forgotten",
    "through": "along the new g",
    "late": "no step, and every step one late",
}
WORDS = {
    "stay": "Where the gradient changes its sign there is no step, and it is forgotten.",
    "revert": "Where the gradient changes its sign the last step is taken back.",
    "through": "Where the gradient changes its sign it is followed, with a smaller step.",
    "late": "Every step is that of the gradient before; where the sign changes there is none.",
}
BOUNDED = {
    "each": "A growing step is bounded above, a shrinking one below.",
    "both": "A step that grows or shrinks is bounded on both sides.",
    "always": "Every step is bounded on both sides, the first too.",
}

FAMILY = Family(
    name="rprop",
    package=__package__ or "",
    title="Rprop",
    source=(
        "Empirical evaluation of the improved Rprop learning algorithms",
        "Igel & Hüsken, Neurocomputing 50, 2003, doi:10.1016/S0925-2312(01)00700-7",
    ),
    cited="Igel & Hüsken, Empirical evaluation of the improved Rprop learning algorithms, "
    "Neurocomputing 50, 2003, iRprop-",
    dialect=RpropDialect,
    hyper=(
        LEARNING_RATE,
        Hyperparameter("shrink", "η⁻", r"\eta^-", strong=0.6, usual=0.5, default=0.5, below=1.0,
                       bounds=()),
        Hyperparameter("grow", "η⁺", r"\eta^+", strong=1.5, usual=1.2, default=1.2, bounds=()),
        Hyperparameter("smallest", "Δmin", r"\Delta_{\min}", strong=0.05, usual=1e-6,
                       default=1e-6, bounds=()),
        Hyperparameter("largest", "Δmax", r"\Delta_{\max}", strong=0.5, usual=50.0,
                       default=50.0, bounds=()),
        WEIGHT_DECAY,
        CLIP,
    ),
    slots=(Slot("last", "g"), Slot("size", r"\Delta")),
    claims=(Claim("rprop", "Rprop", _RPROP),),
    options=("shrink", "grow", "smallest", "largest"),
    enters="sign is taken",
    coupling="stands under the sign with the gradient, where no λ' gives a step of its size",
    columns=lambda rule: {"turn": TURN[rule.turn], "bounded": rule.bounded},
    words=lambda rule: [WORDS[rule.turn], BOUNDED[rule.bounded]],
    subjects={
        f"{__package__}.rule": ("rprop",),
        f"{__package__}.dialect": ("rprop_dialect", "_sized", "scalars"),
    },
)  # fmt: skip
