"""Adapter for mlx.optimizers, on MLX's CPU stream: ``mlx:AdamW[bias_correction=True]``.

Options go to the constructor as they are. The schedule sets ``learning_rate`` before each step.
Adam has no weight decay: what a case prescribes is left out.
"""

import inspect
from collections.abc import Callable, Mapping
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
    "SGD": "sgd",
    "SGD[nesterov=True]": "sgd[nesterov=True]",
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
    "RMSprop": {**_RATE, "alpha": "beta2", "eps": "eps"},
    "AdaDelta": {**_RATE, "rho": "beta2", "eps": "eps"},
    "Adagrad": {**_RATE, "eps": "eps"},
    "Adafactor": _ALL,
    "Muon": {**_ALL, "momentum": "momentum"},
}


def load(optimizer: str, **options: Any) -> Callable[[Any], Any]:
    """Return `run(case)` for the class `optimizer` of mlx.optimizers."""
    cls = _class(optimizer, options)
    mx.set_default_device(mx.cpu)  # the only one with float64

    def run(case: Any) -> Any:
        many = "tensors" in case.flags
        thetas, grads = (case.theta0, case.grads) if many else ([case.theta0], [case.grads])
        dtype = getattr(mx, case.dtype)
        params = {str(i): _array(x, dtype, optimizer) for i, x in enumerate(thetas)}
        opt = cls(**{**_hyper(optimizer, case, options), **options})
        opt.init(params)
        path: list[list[Any]] = [[] for _ in params]
        for t, eta in enumerate(case.eta.tolist()):
            opt.learning_rate = case.hyper["learning_rate"] * eta
            now = {str(i): _array(g[t], dtype, optimizer) for i, g in enumerate(grads)}
            params = opt.apply_gradients(now, params)
            mx.eval(params, opt.state)
            for steps, p in zip(path, params.values(), strict=True):
                steps.append(np.array(p.astype(mx.float64)).ravel())
        return [np.array(steps) for steps in path] if many else np.array(path[0])

    # not "late": one step is counted for all; not "groups": these are optimizers of their own
    run.supports = ("tensors",)  # type: ignore[attr-defined]  # the contract
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


def _array(x: Any, dtype: Any, optimizer: str) -> Any:
    array = mx.array(x, dtype=dtype)
    return array.reshape(1, -1) if optimizer == "Muon" else array  # which leaves vectors alone


def _hyper(optimizer: str, case: Any, options: Mapping[str, Any]) -> dict[str, Any]:
    """Hyperparameters of a case in the optimizer's words, but for those that are options."""
    given = {"dampening": 0.0, **case.hyper}
    if options.get("nesterov") and optimizer == "SGD" and given["dampening"]:
        raise Unsupported("mlx.optimizers.SGD refuses Nesterov with dampening")
    found = {}
    for name, whose in HYPER[optimizer].items():
        names = whose if isinstance(whose, tuple) else (whose,)
        missing = [each for each in names if each not in given]
        if missing:
            raise Unsupported(f"mlx.optimizers.{optimizer} needs {missing[0]}: ask it otherwise")
        found[name] = [given[each] for each in names] if len(names) > 1 else given[whose]
    return {name: value for name, value in found.items() if name not in options}
