"""Adapter for tinygrad.nn.optim on its CPU: ``tinygrad:AdamW``, ``tinygrad:SGD[classic=True]``.

Options go to the function as they are, but for two: ``device=PYTHON`` needs no compiler, where the
CPU needs clang, and ``OPTIM_DTYPE=float64`` is the environment's variable of that name, the dtype
of the state, which is float32 without it. The schedule assigns ``lr`` before each step. Tensors
with hyperparameters of their own have an optimizer each, in an ``OptimizerGroup``. Adam has no
weight decay: what a case prescribes is left out, as are tensors without elements.
"""

import inspect
import shutil
from collections.abc import Callable, Mapping
from importlib.metadata import version as installed
from typing import Any

from tinygrad import Tensor
from tinygrad.nn import optim

from wdref.oracle import Unsupported

from .driving.tinygrad import SUPPORTS, Training

INSTALL = "pip install tinygrad"
CONVENTION = "tinygrad"
COMPILES = "."
OPTIMIZERS = {
    "AdamW": "adamw",
    "AdamW[fused=True]": "adamw",
    "AdamW[OPTIM_DTYPE=float64]": "adamw",
    "Adam": "adam",
    "LAMB": "lamb",
    "LARS": "lars",
    "LARS[fused=True]": "lars",
    "LARS[classic=False]": "lars[kept=gradient]",
    "LARS[nesterov=True]": "lars[nesterov=True]",
    "LARS[OPTIM_DTYPE=float64]": "lars",
    "SGD": "sgd",
    "SGD[OPTIM_DTYPE=float64]": "sgd",
    "SGD[nesterov=True]": "sgd[nesterov=True]",
    "SGD[classic=True]": "sgd[lr=inside]",
}

# tinygrad's name of a hyperparameter: the case's
_ADAM = {"lr": "learning_rate", "b1": "beta1", "b2": "beta2", "eps": "eps"}
HYPER = {
    "AdamW": {**_ADAM, "weight_decay": "weight_decay"},
    "Adam": _ADAM,
    "LAMB": {**_ADAM, "weight_decay": "weight_decay"},
    "SGD": {"lr": "learning_rate", "momentum": "momentum", "weight_decay": "weight_decay"},
    "LARS": {
        "lr": "learning_rate",
        "momentum": "momentum",
        "tcoef": "trust_coefficient",
        "weight_decay": "weight_decay",
    },
    "Muon": {"lr": "learning_rate", "momentum": "momentum", "weight_decay": "weight_decay"},
}


OWN_OPTIONS = ("device", "OPTIM_DTYPE")  # of `drive`; the others are the function's


def load(optimizer: str, **options: Any) -> Callable[[Any], Any]:
    """Return `run(case)` for a class or function of tinygrad.nn.optim."""
    make = _function(optimizer, options)
    own = {name: options.pop(name) for name in OWN_OPTIONS if name in options}
    return drive(make, _Table(optimizer, options), **own)


def drive(make: Callable[..., Any], words: Any, **own: Any) -> Callable[[Any], Any]:
    """Return `run(case)` for what `make` makes of tensors and of keywords.

    ``words(hyper)`` are the keywords, `words.fixed` those that every object gets.
    """
    if own.get("device", "CPU") == "CPU" and shutil.which("clang") is None:
        raise ValueError("tinygrad adapter: its CPU needs clang; device=PYTHON needs no compiler")

    def run(case: Any) -> Any:
        return Training(make, words, case, own).run()

    run.supports = SUPPORTS  # type: ignore[attr-defined]  # the contract
    return run


def version() -> str:
    """Return tinygrad's version."""
    return installed("tinygrad")


def defaults(optimizer: str, **options: Any) -> dict[str, Any]:
    """Return the function's defaults, but for those that choose an implementation."""
    own = inspect.signature(_function(optimizer, options)).parameters.values()
    how = ("device", "fused")
    return {p.name: p.default for p in own if p.default is not p.empty and p.name not in how}


def primitives(dtype: str) -> dict[str, Callable[..., Any]]:
    """Return tinygrad's elementary operations on NumPy arrays, for the oracle to measure."""

    def on_arrays(f: Callable[..., Any]) -> Callable[..., Any]:
        return lambda *arrays: f(*(Tensor(x, device="CPU") for x in arrays)).numpy()

    return {
        "sqrt": on_arrays(lambda x: x.sqrt()),
        "divide": on_arrays(lambda x, y: x / y),
        "multiply": on_arrays(lambda x, y: x * y),
        "fused": on_arrays(lambda x, y, z: x * y + z),
    }


def _function(optimizer: str, options: Mapping[str, Any]) -> Callable[..., Any]:
    if optimizer not in HYPER:
        raise ValueError(f"tinygrad adapter: no {optimizer!r}; it knows {', '.join(HYPER)}")
    make: Callable[..., Any] = getattr(optim, optimizer)
    known = [*inspect.signature(make).parameters, "OPTIM_DTYPE"]
    for name in options:
        if name not in known:
            raise ValueError(
                f"tinygrad adapter: {optimizer} has no option {name!r}; it has {', '.join(known)}"
            )
    return make


class _Table:
    """The words of tinygrad's own functions, as `drive` asks for them."""

    def __init__(self, optimizer: str, options: Mapping[str, Any]) -> None:
        self.optimizer, self.fixed = optimizer, options

    def __call__(self, hyper: Mapping[str, float]) -> dict[str, float]:
        """Hyperparameters of a case in the optimizer's words."""
        words = HYPER[self.optimizer]
        if hyper.get("dampening"):
            raise Unsupported("tinygrad has no dampening")
        missing = [name for name in words.values() if name not in hyper]
        if missing:
            what = f"tinygrad's {self.optimizer} needs {missing[0]}"
            raise Unsupported(f"{what}: ask it as another rule")
        return {own: hyper[name] for own, name in words.items()}
