"""What vector files say about themselves: the sources of each convention, and the flags' notes."""

from collections.abc import Mapping
from typing import NamedTuple

DTYPES = ("float64", "float32")  # of the groups, in their order


class Source(NamedTuple):
    """Where a recurrence is written down."""

    name: str
    reference: str
    where: str


class Note(NamedTuple):
    """A flag: what its cases do, and the class of mistakes that fails in them."""

    description: str
    bugs: str


PAPER = ("Decoupled Weight Decay Regularization",
         "Loshchilov & Hutter, ICLR 2019, arXiv:1711.05101")  # fmt: skip
AUTHORS = ("the authors' program", "github.com/loshchil/AdamW-and-SGDW, commit 0ae5185")
PYTORCH = ("PyTorch", "github.com/pytorch/pytorch, version 2.13")
KERAS = ("Keras", "github.com/keras-team/keras, version 3")
SKLEARN = ("scikit-learn", "github.com/scikit-learn/scikit-learn, version 1.9")
_KERAS_DECAY = "decay of keras/src/optimizers/base_optimizer.py, _apply_weight_decay"
_SKLEARN_STEPS = "sklearn/neural_network/_stochastic_optimizers.py"
_SKLEARN_L2 = "L2 of _multilayer_perceptron.py, per sample, set to one sample"

SOURCES: Mapping[tuple[str, str], Source] = {
    ("paper", "sgd"): Source(*PAPER, "Algorithm 1, lines 6-9, SGD with L2 regularisation"),
    ("paper", "sgdw"): Source(*PAPER, "Algorithm 1, lines 6-9, SGDW"),
    ("paper", "adam"): Source(*PAPER, "Algorithm 2, lines 6-12, Adam with L2 regularisation"),
    ("paper", "adamw"): Source(*PAPER, "Algorithm 2, lines 6-12, AdamW"),
    ("authors_code", "sgd"): Source(*AUTHORS, "UPDATETORCHFILES/sgd.lua, SGD"),
    ("authors_code", "sgdw"): Source(
        *AUTHORS, "UPDATETORCHFILES/sgd.lua, SGDdec: SGDW before its decay is normalised"
    ),
    ("authors_code", "adam"): Source(*AUTHORS, "UPDATETORCHFILES/adam.lua, ADAM"),
    ("authors_code", "adamw"): Source(
        *AUTHORS, "UPDATETORCHFILES/adam.lua, ADAMdec: ADAMW before its decay is normalised"
    ),
    ("pytorch", "sgd"): Source(*PYTORCH, "torch/optim/sgd.py, SGD"),
    ("pytorch", "sgdw"): Source(
        *PYTORCH, "torch/optim/sgd.py with the decay of torch/optim/adamw.py: it has no SGDW"
    ),
    ("pytorch", "adam"): Source(*PYTORCH, "torch/optim/adam.py, Adam"),
    ("pytorch", "adamw"): Source(*PYTORCH, "torch/optim/adamw.py, AdamW"),
    ("keras", "sgd"): Source(*KERAS, f"keras/src/optimizers/sgd.py, {_KERAS_DECAY}"),
    ("keras", "sgdw"): Source(
        *KERAS, f"keras/src/optimizers/sgd.py, {_KERAS_DECAY}: its SGD is SGDW"
    ),
    ("keras", "adam"): Source(*KERAS, f"keras/src/optimizers/adam.py, {_KERAS_DECAY}"),
    ("keras", "adamw"): Source(*KERAS, f"keras/src/optimizers/adamw.py, {_KERAS_DECAY}"),
    ("sklearn", "sgd"): Source(*SKLEARN, f"{_SKLEARN_STEPS}, SGDOptimizer; {_SKLEARN_L2}"),
    ("sklearn", "adam"): Source(*SKLEARN, f"{_SKLEARN_STEPS}, AdamOptimizer; {_SKLEARN_L2}"),
}

NOTES: Mapping[str, Note] = {
    "separates": Note(
        "Strong hyperparameters, a schedule and shrinking gradients: every term has its weight.",
        "Any other formula: coupled decay, decay without the learning rate or the schedule, decay "
        "after the step, eps in another place, a missing or miscounted bias correction.",
    ),
    "long": Note(
        "A thousand steps with the usual hyperparameters.",
        "What drifts: scalars kept in float32, running products of beta, a counter that stops.",
    ),
    "zero": Note(
        "Gradients are zero at first, always in one coordinate, sometimes in the others.",
        "Decay skipped where the gradient is zero, 0/0 before the first gradient.",
    ),
    "maximum": Note(
        "Gradients shrink or come in bursts, so that a maximum over the past differs from now.",
        "AMSGrad switched on unasked, its maximum not stored, or taken of the other second moment.",
    ),
    "eps": Note(
        "Gradients lie far below eps, which then sets the size of the step.",
        "eps added before the bias correction, inside the root, twice, or dropped.",
    ),
    "subnormal": Note(
        "Gradients are subnormal numbers of the dtype.",
        "Subnormal numbers flushed to zero, products that underflow for want of an order.",
    ),
    "schedule": Note(
        "The multiplier changes: it falls to zero, or restarts.",
        "Decay that ignores the schedule, the multiplier of another step, moments reset.",
    ),
    "first": Note(
        "One step alone.",
        "The first step: bias correction with t = 0 or 2, a first buffer damped or not.",
    ),
}
