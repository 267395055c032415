"""Where the recurrence of each file of vectors is written down."""

from collections.abc import Mapping
from typing import NamedTuple

DTYPES = ("float64", "float32")  # of the groups, in their order


class Source(NamedTuple):
    """Where a recurrence is written down."""

    name: str
    reference: str
    where: str


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
