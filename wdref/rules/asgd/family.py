"""What wdref knows of ASGD, beside its rule and its tables."""

from dataclasses import replace

from ..contract import Claim, Family, Hyperparameter, Slot
from ..hyper import CLIP, LEARNING_RATE, WEIGHT_DECAY
from .dialect import AsgdDialect

_ASGD = """ASGD: gradient descent at a rate that falls, and the average of its iterates.

::

    g ← ∇f(θ) + λ θ;  γ ← η α/(1 + λ_d η α (t-1))^a
    θ ← θ - γ (g + λ_d θ);  θ̄ ← (1-μ) θ̄ + μ θ, μ = 1/max(1, t-1-t0)

Bottou's rate, the average of Polyak & Juditsky (1992), which is the slot ``average`` of the state.
There are two decays: ``penalty`` is λ_d, PyTorch's ``lambd``, which makes the rate fall too, and
``weight_decay`` is λ, which does not. ``exponent`` is a, PyTorch's ``alpha``; ``onset`` is t0. A
mask exempts from λ alone.

>>> import numpy as np
>>> import wdref
>>> opt = wdref.ASGD(learning_rate=0.5, penalty=2.0, exponent=1.0)
>>> params, grads = {"w": np.array([1.0])}, {"w": np.array([2.0])}
>>> state = opt.init(params)
>>> for _ in range(3):
...     params, state = opt.update(params, grads, state)
>>> opt.scalars(3).step, params["w"], state.slots["average"]["w"]
(0.16666666666666666, array([-1.]), array([-1.]))
"""

WORDS = {
    "done": "The rate counts the steps before this one.",
    "all": "The rate counts this step too.",
    "sum": "1 + λ_d η α t is raised to a.",
    "count": "t alone is raised to a.",
}

FAMILY = Family(
    name="asgd",
    package=__package__ or "",
    title="ASGD",
    source=(
        "Acceleration of Stochastic Approximation by Averaging",
        "Polyak & Juditsky, SIAM Journal on Control and Optimization 30(4), 1992, "
        "doi:10.1137/0330046",
    ),
    cited="Polyak & Juditsky, Acceleration of Stochastic Approximation by Averaging, 1992; the "
    "rate: Bottou, Stochastic Gradient Descent Tricks, 2012",
    dialect=AsgdDialect,
    hyper=(
        replace(LEARNING_RATE, default=1e-2),
        Hyperparameter("penalty", "λ_d", r"\lambda_d", strong=0.5, usual=1e-4, default=1e-4),
        Hyperparameter(
            "exponent", "a", "a", strong=0.6, usual=0.75, default=0.75, below=32.0
        ),  # t^a stays a number
        Hyperparameter("onset", "t0", "t_0", strong=2.0, usual=1e6, default=0.0),
        WEIGHT_DECAY,
        CLIP,
    ),
    slots=(Slot("average", r"\bar\theta"),),
    claims=(Claim("asgd", "ASGD", _ASGD),),
    options=("penalty", "exponent", "onset"),
    enters="step",
    coupling="is multiplied by γ, which falls, where a decay follows the learning rate itself",
    columns=lambda rule: {"count": rule.count, "raised": rule.raised},
    words=lambda rule: [WORDS[rule.count], WORDS[rule.raised]],
    subjects={  # but for the average, which no step reads and no path shows
        f"{__package__}.rule": ("asgd",),
        f"{__package__}.dialect": ("asgd_dialect", "scalars", "_rate"),
    },
)
