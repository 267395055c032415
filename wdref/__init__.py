"""wdref: the reference for weight decay.

The update rules of "Decoupled Weight Decay Regularization" (Loshchilov & Hutter, ICLR 2019) and
their relatives, written once against the Python Array API.
"""

from . import checkpoint, decay, interchange, schedules, states
from .checkpoint import load, save
from .conversions import convert
from .methods import SGD, SGDW, Adam, AdamW
from .optimizer import Optimizer, State

__all__ = [
    "SGD",
    "SGDW",
    "Adam",
    "AdamW",
    "Optimizer",
    "State",
    "checkpoint",
    "convert",
    "decay",
    "interchange",
    "load",
    "save",
    "schedules",
    "states",
]


def __getattr__(name: str) -> str:
    if name == "__version__":  # read when asked for: importlib.metadata would slow the import
        from importlib.metadata import version

        return version("wdref")
    raise AttributeError(f"module 'wdref' has no attribute {name!r}")
