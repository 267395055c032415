"""What wdref knows of SGD with momentum, beside its rule and its tables."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ..contract import Claim, Conversion, Family, Hyperparameter, Kept, Slot
from ..hyper import CLIP, LEARNING_RATE, MOMENTUM, WEIGHT_DECAY
from .convert import solve, without_momentum
from .dialect import MomentumDialect

_SGD = """SGD with momentum and L2 regularisation: Algorithm 1 with its line 6.

::

    g ← ∇f(θ) + λ θ;  m ← β1 m + η α g;  θ ← θ - m

The learning rate stands inside the buffer, as in the paper; ``SGD.like("pytorch", …)`` has it
outside. ``momentum=0.9`` as in the paper's experiments; 0 keeps no buffer.

>>> import numpy as np
>>> import wdref
>>> opt = wdref.SGD(learning_rate=0.5, weight_decay=0.5, momentum=0.0)
>>> params, state = {"w": np.array([1.0])}, None
>>> opt.update(params, {"w": np.array([0.5])}, opt.init(params))[0]
{'w': array([0.5])}
"""

_SGDW = """SGD with momentum and decoupled weight decay: Algorithm 1 with the decay of its line 9.

::

    g ← ∇f(θ);  m ← β1 m + η α g;  θ ← θ - m - η λ θ

λ is not multiplied by the learning rate (form ``paper``); ``form="lr"`` multiplies it.

>>> import wdref
>>> wdref.SGDW(learning_rate=0.1, weight_decay=1e-4)
SGDW(learning_rate=0.1, momentum=0.9, weight_decay=0.0001, schedule=Constant(value=1.0))
  g ← ∇f(θ)
  m ← β1 m + η α g
  θ ← θ - m - η λ θ
"""

_FURTHER: Mapping[Any, str] = {
    "twice": " twice (Nesterov)",
    "reread": " (Nesterov), and the buffer keeps the L2 term of the new parameter",
}


def momentum(rule: MomentumDialect) -> str:
    """Where the learning rate stands, what damps the gradient, and Nesterov's step."""
    if not rule.buffer:
        return "no momentum"
    damped = {"none": "g", "dampening": "(1-τ) g", "ema": "(1-β1) g"}[rule.damping]
    gain = f"η α {damped}" if rule.lr == "inside" else damped
    first = ", first m ← g" if rule.first == "gradient" and rule.damping != "none" else ""
    ahead = f", Nesterov {rule.nesterov}" if rule.nesterov else ""
    ahead = ", Nesterov" if rule.nesterov is True else ahead
    return f"m ← β1 m + {gain}{first}{ahead}"


def words(rule: MomentumDialect) -> list[str]:
    """Describe the momentum in a few sentences."""
    if not rule.buffer:
        return ["No momentum."]
    said = [f"The learning rate stands {rule.lr} the momentum buffer."]
    if rule.damping != "none":
        factor = "1-τ" if rule.damping == "dampening" else "1-β1"
        but = ", but for the first" if rule.first == "gradient" else ""
        said.append(f"Gradients enter it times {factor}{but}.")
    if rule.nesterov:
        said.append(f"The step looks ahead{_FURTHER.get(str(rule.nesterov), ' (Nesterov)')}.")
    return said


def reduced(found: MomentumDialect, convention: Any) -> MomentumDialect:
    """Return the same rule for β1 = 0, which needs no buffer."""
    # Nesterov's step is then the gradient itself, and the programs that have a dampening of their
    # own, PyTorch and MLX, dampen only what enters a buffer
    theirs = getattr(convention, "damping", "none") == "dampening"
    damped = not found.nesterov and found.first == "damped" and not theirs
    return replace(found, buffer=False, nesterov=False, damping=found.damping if damped else "none")


FAMILY = Family(
    name="sgd",
    package=__package__ or "",
    title="SGD with momentum",
    source=(
        "Decoupled Weight Decay Regularization",
        "Loshchilov & Hutter, ICLR 2019, arXiv:1711.05101",
    ),
    cited="Loshchilov & Hutter, Decoupled Weight Decay Regularization, ICLR 2019, Algorithm 1",
    dialect=MomentumDialect,
    hyper=(
        LEARNING_RATE,
        MOMENTUM,
        Hyperparameter(
            "dampening", "τ", r"\tau", strong=0.3, usual=0.1, sets={"damping": "dampening"}
        ),
        WEIGHT_DECAY,
        CLIP,
    ),
    slots=(Slot("m", "m"),),
    claims=(
        Claim("sgd", "SGD", _SGD, twin="sgdw"),
        Claim("sgdw", "SGDW", _SGDW, decays=True, twin="sgd"),
    ),
    options=("momentum", "dampening", "nesterov"),
    switches={"classic": {"lr": "inside"}, "nesterov": {"nesterov": True}},
    keeps={
        "lr": Kept(
            "{program} holds the learning rate {theirs} the momentum buffer, {name} here does not: "
            'use {name}.like("{program}", …)'
        )
    },
    enters="momentum",
    coupling="",
    columns=lambda rule: {"momentum": momentum(rule)},
    words=words,
    reduced=reduced,
    conversion=Conversion(solve, without_momentum),
    subjects={
        f"{__package__}.rule": ("sgd",),
        f"{__package__}.dialect": ("sgd_dialect", "_gradient", "scalars", "_weight"),
    },
)
