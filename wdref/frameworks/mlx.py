"""Adapter for mlx.optimizers, on MLX's CPU stream: ``mlx:AdamW[bias_correction=True]``.

Options go to the constructor as they are (``beta_1=beta1`` is the case's own β1). The schedule sets
``learning_rate`` before each step. Adam has no weight decay: what a case prescribes is left out.
Tensors with hyperparameters of their own are a ``MultiOptimizer``'s; the tree of gradients lacks a
tensor that has none.
"""

import inspect
from collections.abc import Callable, Mapping
from importlib.metadata import version as installed
from typing import Any

import mlx.core as mx
import numpy as np
from mlx import optimizers

from wdref.oracle import Unsupported

from .driving.mlx import SUPPORTS, Training

INSTALL = 'pip install "mlx[cpu]"'
CONVENTION = "mlx"
OPTIMIZERS = {
    "AdamW": "adamw",
    "AdamW[bias_correction=True]": "adamw[bias=both]",
    "Adam": "adam",
    "Adam[bias_correction=True]": "adam[bias=both]",
    "AdaDelta": "adadelta",
    "Adamax": "adamax",
    "SGD": "sgd",
    "SGD[nesterov=True]": "sgd[nesterov=True]",
    "Lion": "lion",
    "Adagrad": "adagrad",
    "RMSprop": "rmsprop",
    "Adafactor": "adafactor",
    "Adafactor[relative_step=False]": "adafactor[rate=free]",
    "Adafactor[scale_parameter=False]": "adafactor[scale=none]",
    "Adafactor[beta_1=beta1]": "adafactor[momentum=after]",
}

# MLX's name of a hyperparameter: the case's, with - before it its negative; those of a rule that
# wdref lacks fit as they may
_RATE = {"learning_rate": "learning_rate"}
_ALL = {**_RATE, "weight_decay": "weight_decay"}
_ADAM = {**_RATE, "betas": ("beta1", "beta2"), "eps": "eps"}
HYPER: dict[str, dict[str, Any]] = {
    "AdamW": {**_ADAM, "weight_decay": "weight_decay"},
    "Adam": _ADAM,
    "SGD": {**_ALL, "momentum": "momentum", "dampening": "dampening"},
    "Adamax": _ADAM,
    "Lion": {**_ALL, "betas": ("beta1", "beta2")},
    "RMSprop": {**_RATE, "alpha": "rho", "eps": "eps"},
    "AdaDelta": {**_RATE, "rho": "rho", "eps": "eps"},
    "Adagrad": {**_RATE, "eps": "eps"},
    "Adafactor": {
        **_ALL,
        "decay_rate": "-power",
        "eps": ("eps", "eps2"),
        "clip_threshold": "threshold",
    },
    "Muon": {**_ALL, "momentum": "momentum"},
}


OWN = {"power", "eps2", "threshold"}  # of one rule alone: asked as another it has its own
OWN_OPTIONS = ("matrices",)  # of `drive`; the others are the constructor's


def load(optimizer: str, **options: Any) -> Callable[[Any], Any]:
    """Return `run(case)` for the class `optimizer` of mlx.optimizers."""
    cls, bare = _class(optimizer, options), optimizer == "Muon"  # which leaves vectors alone
    words = _Table(optimizer, options)
    counts = optimizer == "Adafactor" or bool(options.get("bias_correction"))
    return drive(cls, words, matrices=bare, counts=counts)


def drive(make: Callable[..., Any], words: Any, **own: Any) -> Callable[[Any], Any]:
    """Return `run(case)` for what `make` makes of keywords.

    ``words(hyper)`` are the keywords, `words.fixed` those that every object gets, `words.rate` is
    the learning rate's.
    """
    mx.set_default_device(mx.cpu)  # the only one with float64

    def run(case: Any) -> Any:
        return Training(make, words, case, own).run()

    run.supports = SUPPORTS  # type: ignore[attr-defined]  # the contract
    return run


def version() -> str:
    """Return MLX's version."""
    return installed("mlx")


def defaults(optimizer: str, **options: Any) -> dict[str, Any]:
    """Return the constructor's defaults."""
    own = inspect.signature(_class(optimizer, options)).parameters.values()
    return {p.name: p.default for p in own if p.default is not p.empty}


def primitives(dtype: str) -> dict[str, Callable[..., Any]]:
    """Return MLX's elementary operations on NumPy arrays, for the oracle to measure."""
    mx.set_default_device(mx.cpu)
    kind = getattr(mx, dtype)

    def on_arrays(f: Callable[..., Any]) -> Callable[..., Any]:
        return lambda *arrays: np.array(f(*(mx.array(x, dtype=kind) for x in arrays)))

    return {
        "sqrt": on_arrays(mx.sqrt),
        "divide": on_arrays(mx.divide),
        "multiply": on_arrays(mx.multiply),
        "fused": on_arrays(lambda x, y, z: x * y + z),
    }


def _class(optimizer: str, options: Mapping[str, Any]) -> Any:
    if optimizer not in HYPER:
        raise ValueError(f"mlx adapter: no {optimizer!r}; it knows {', '.join(HYPER)}")
    cls = getattr(optimizers, optimizer)
    known = list(inspect.signature(cls).parameters)
    for name in options:
        if name not in known:
            raise ValueError(
                f"mlx adapter: {optimizer} has no option {name!r}; it has {', '.join(known)}"
            )
    return cls


class _Table:
    """The words of MLX's own classes, as `drive` asks for them."""

    rate = "learning_rate"

    def __init__(self, optimizer: str, options: Mapping[str, Any]) -> None:
        self.averages = options.get("beta_1") == "beta1"  # the case's own
        self.optimizer = optimizer
        self.fixed = {k: x for k, x in options.items() if (k, x) != ("beta_1", "beta1")}

    def __call__(self, hyper: Mapping[str, float]) -> dict[str, Any]:
        """Hyperparameters of a case in the optimizer's words, but for those that are options."""
        optimizer, given = self.optimizer, {"dampening": 0.0, **hyper}
        if self.fixed.get("nesterov") and optimizer == "SGD" and given["dampening"]:
            raise Unsupported("mlx.optimizers.SGD refuses Nesterov with dampening")
        if optimizer == "AdaDelta" and given["eps"] == 0:
            raise Unsupported("mlx.optimizers.AdaDelta refuses an eps of 0")
        found: dict[str, Any] = {"beta_1": given["beta1"]} if self.averages else {}
        for name, whose in HYPER[optimizer].items():
            names = whose if isinstance(whose, tuple) else (whose.removeprefix("-"),)
            missing = [each for each in names if each not in given]
            if len(names) == len(missing) and OWN.issuperset(missing):
                continue
            if not OWN.issuperset(missing):
                what = f"mlx.optimizers.{optimizer} needs {missing[0]}"
                raise Unsupported(f"{what}: ask it otherwise")
            default: Any = defaults(optimizer)[name] if missing else names  # of a pair
            values = [given.get(each, default[k]) for k, each in enumerate(names)]
            found[name] = values if len(names) > 1 else values[0]
            if whose == f"-{names[0]}":
                found[name] = -values[0]
        return {name: value for name, value in found.items() if name not in self.fixed}
