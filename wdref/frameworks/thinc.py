"""Adapter for thinc.optimizers: ``thinc:Adam``, ``thinc:Adam[L2_is_weight_decay=False]``.

Options go to the function as they are, but for ``ops=cupy``, which asks for CuPy's arrays. The
gradient's norm is not clipped (``grad_clip=0``) unless an option says so, since Thinc's own default
of 1 is no part of any rule here. The schedule is one of Thinc's own, as are hyperparameters that
differ from tensor to tensor: a schedule is told which one it is for.
"""

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import thinc
from thinc import optimizers
from thinc.api import get_ops
from thinc.compat import has_cupy_gpu

from wdref.oracle import Unsupported

from .driving.thinc import SUPPORTS, Training

INSTALL = "pip install thinc"
CONVENTION = "thinc"
OPTIMIZERS = {
    "Adam": "adamw",
    "Adam[L2_is_weight_decay=False]": "adam",
    "RAdam": "radamw",
    "RAdam[L2_is_weight_decay=False]": "radam",
    "SGD": "sgdw",
    "SGD[L2_is_weight_decay=False]": "sgd",
}

# Thinc's name of a hyperparameter: the case's
_ADAM = {"L2": "weight_decay", "beta1": "beta1", "beta2": "beta2", "eps": "eps"}
HYPER = {"Adam": _ADAM, "SGD": {"L2": "weight_decay"}, "RAdam": _ADAM}


OWN_OPTIONS = ("ops",)  # of `drive`; the others are the function's


def load(optimizer: str, **options: Any) -> Callable[[Any], Any]:
    """Return `run(case)` for a function of thinc.optimizers; SGD has no momentum."""
    make = _function(optimizer, options)
    own = {"ops": options.pop("ops", "numpy")}
    return drive(make, _Table(optimizer, {"grad_clip": 0.0, **options}), **own)


def drive(make: Callable[..., Any], words: Any, **own: Any) -> Callable[[Any], Any]:
    """Return `run(case)` for what `make` makes of keywords.

    ``words(hyper)`` are the keywords, `words.fixed` those that every object gets, `words.rate` is
    the learning rate's.
    """
    ops = _ops(own.get("ops", "numpy"))

    def run(case: Any) -> Any:
        return Training(make, words, case, ops).run()

    run.supports = SUPPORTS  # type: ignore[attr-defined]  # the contract
    return run


def version() -> str:
    """Return Thinc's version."""
    return str(thinc.__version__)


def defaults(optimizer: str, **options: Any) -> dict[str, Any]:
    """Return the function's defaults."""
    own = inspect.signature(_function(optimizer, options)).parameters.values()
    return {p.name: p.default for p in own if p.default is not p.empty}


def primitives(dtype: str) -> dict[str, Callable[..., Any]]:
    """Return NumPy's elementary operations; Thinc's own loops are compiled C of the same ones."""
    return {
        "sqrt": np.sqrt,
        "divide": np.divide,
        "multiply": np.multiply,
        "fused": lambda x, y, z: x * y + z,
    }


def _function(optimizer: str, options: Mapping[str, Any]) -> Callable[..., Any]:
    if optimizer not in HYPER:
        raise ValueError(f"thinc adapter: no {optimizer!r}; it knows {', '.join(HYPER)}")
    make: Callable[..., Any] = getattr(optimizers, optimizer)
    known = [*inspect.signature(make).parameters, "ops"]
    for name in options:
        if name not in known:
            raise ValueError(
                f"thinc adapter: {optimizer} has no option {name!r}; it has {', '.join(known)}"
            )
    return make


def _ops(name: str) -> Any:
    if name not in ("numpy", "cupy"):
        raise ValueError(f"thinc adapter: ops={name!r}: expected 'numpy' or 'cupy'")
    if name == "cupy" and not has_cupy_gpu:
        raise ValueError("thinc adapter: ops=cupy needs CuPy and a GPU that it can use")
    return get_ops(name)


class _Table:
    """The words of Thinc's own functions, as `drive` asks for them."""

    rate = "learn_rate"

    def __init__(self, optimizer: str, options: Mapping[str, Any]) -> None:
        self.optimizer, self.fixed = optimizer, options

    def __call__(self, hyper: Mapping[str, float]) -> dict[str, float]:
        """Hyperparameters of a case in the optimizer's words."""
        if hyper.get("dampening"):
            raise Unsupported("Thinc has no dampening")
        words = HYPER[self.optimizer]
        missing = [name for name in words.values() if name not in hyper]
        if missing:
            what = f"thinc.optimizers.{self.optimizer} needs {missing[0]}"
            raise Unsupported(f"{what}: ask it otherwise")
        return {own: hyper[name] for own, name in words.items()}
