"""Adapter for mlx.optimizers, on MLX's CPU stream: ``mlx:AdamW[bias_correction=True]``.

Options go to the constructor as they are. The schedule sets ``learning_rate`` before each step.
Adam has no weight decay: what a case prescribes is left out. Tensors with hyperparameters of their
own are a ``MultiOptimizer``'s; the tree of gradients lacks a tensor that has none.
"""

import inspect
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version as installed
from typing import Any

import mlx.core as mx
import numpy as np
from mlx import optimizers

from wdref.oracle import Unsupported

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
}

# MLX's name of a hyperparameter: the case's; those of a rule that wdref lacks fit as they may
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
    "Adafactor": _ALL,
    "Muon": {**_ALL, "momentum": "momentum"},
}


OWN_OPTIONS = ("matrices",)  # of `drive`; the others are the constructor's


def load(optimizer: str, **options: Any) -> Callable[[Any], Any]:
    """Return `run(case)` for the class `optimizer` of mlx.optimizers."""
    cls, bare = _class(optimizer, options), optimizer == "Muon"  # which leaves vectors alone
    words = _Table(optimizer, options)
    return drive(cls, words, matrices=bare, counts=bool(options.get("bias_correction")))


def drive(make: Callable[..., Any], words: Any, **own: Any) -> Callable[[Any], Any]:
    """Return `run(case)` for what `make` makes of keywords.

    ``words(hyper)`` are the keywords, `words.fixed` those that every object gets.
    """
    mx.set_default_device(mx.cpu)  # the only one with float64
    matrices = own.get("matrices", False)

    def run(case: Any) -> Any:
        many = "tensors" in case.flags
        thetas, grads = (case.theta0, case.grads) if many else ([case.theta0], [case.grads])
        dtype = getattr(mx, case.dtype)
        params = {f"p{i}": _array(x, dtype, matrices) for i, x in enumerate(thetas)}
        if own.get("counts", True) and (case.starts or case.gaps):
            raise Unsupported("MLX counts one t for all parameters of an optimizer")
        hypers = [{**case.hyper, **group} for group in case.groups or [{}]]
        opts = [make(**{**words(h), **words.fixed}) for h in hypers]
        opt = opts[0] if case.groups is None else optimizers.MultiOptimizer(opts, _filters(opts))
        opt.init(params)
        path: list[list[Any]] = [[] for _ in params]
        for t, eta in enumerate(case.eta.tolist()):
            for each, h in zip(opts, hypers, strict=True):
                each.learning_rate = h["learning_rate"] * eta
            now = {f"p{i}": _array(g[t], dtype, matrices) for i, g in enumerate(grads)
                   if not _waits(case, i, t)}  # fmt: skip
            params |= opt.apply_gradients(now, params)
            mx.eval(params, opt.state)
            for steps, p in zip(path, params.values(), strict=True):
                steps.append(np.array(p.astype(mx.float64)).ravel())
        return [np.array(steps) for steps in path] if many else np.array(path[0])

    run.supports = ("tensors", "groups", "late", "none")  # type: ignore[attr-defined]  # the contract
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


def _array(x: Any, dtype: Any, matrices: bool) -> Any:
    array = mx.array(x, dtype=dtype)
    return array.reshape(1, -1) if matrices and array.ndim < 2 else array


def _waits(case: Any, i: int, t: int) -> bool:
    """Whether tensor `i` has no gradient at step `t`, from 0."""
    late = case.starts is not None and t + 1 < case.starts[i]
    return late or (case.gaps is not None and t + 1 in case.gaps[i])


def _filters(opts: Sequence[Any]) -> list[Callable[..., bool]]:
    """For each optimizer but the last, whether a tensor is its own."""
    return [lambda path, _, i=i: path == f"p{i}" for i in range(len(opts) - 1)]


class _Table:
    """The words of MLX's own classes, as `drive` asks for them."""

    def __init__(self, optimizer: str, options: Mapping[str, Any]) -> None:
        self.optimizer, self.fixed = optimizer, options

    def __call__(self, hyper: Mapping[str, float]) -> dict[str, Any]:
        """Hyperparameters of a case in the optimizer's words, but for those that are options."""
        optimizer, given = self.optimizer, {"dampening": 0.0, **hyper}
        if self.fixed.get("nesterov") and optimizer == "SGD" and given["dampening"]:
            raise Unsupported("mlx.optimizers.SGD refuses Nesterov with dampening")
        if optimizer == "AdaDelta" and given["eps"] == 0:
            raise Unsupported("mlx.optimizers.AdaDelta refuses an eps of 0")
        found = {}
        for name, whose in HYPER[optimizer].items():
            names = whose if isinstance(whose, tuple) else (whose,)
            missing = [each for each in names if each not in given]
            if missing:
                what = f"mlx.optimizers.{optimizer} needs {missing[0]}"
                raise Unsupported(f"{what}: ask it otherwise")
            found[name] = [given[each] for each in names] if len(names) > 1 else given[whose]
        return {name: value for name, value in found.items() if name not in self.fixed}
