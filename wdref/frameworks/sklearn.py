"""Adapter for the optimizers inside scikit-learn's MLP: ``sklearn:Adam``, ``sklearn:SGD``.

Both are private classes of scikit-learn, driven here as MLPRegressor drives them: its own
``_compute_loss_grad`` adds the L2 term to a gradient that is prescribed exactly (one sample whose
inputs are the gradient, with an error signal of 1), then its optimizer updates the weights. Each
tensor is the weights of a layer.
"""

import pickle
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import sklearn
from sklearn.neural_network import MLPRegressor
from sklearn.neural_network._stochastic_optimizers import AdamOptimizer, SGDOptimizer

from wdref.oracle import Unsupported

from .driving.events import changes

INSTALL = "pip install scikit-learn"
CONVENTION = "sklearn"
OPTIMIZERS = {
    "Adam": "adam",
    "SGD": "sgd",
    "SGD[nesterov=True]": "sgd[nesterov=True]",
}
# what MLPRegressor calls the hyperparameters of each, the L2 term among them
OWN = {
    "Adam": ("learning_rate_init", "beta_1", "beta_2", "epsilon", "alpha"),
    "SGD": ("learning_rate_init", "momentum", "nesterovs_momentum", "alpha"),
}


def load(optimizer: str, **options: Any) -> Callable[[Any], Any]:
    """Return `run(case)` for ``Adam`` or ``SGD``; option ``nesterov`` for SGD."""
    _check(optimizer, options)

    def run(case: Any) -> Any:
        if case.dtype not in ("float32", "float64"):
            raise Unsupported(f"scikit-learn's MLP has no {case.dtype}")
        many = "tensors" in case.flags
        thetas, grads = (case.theta0, case.grads) if many else ([case.theta0], [case.grads])
        weights = [theta.reshape(-1, 1).copy() for theta in thetas]
        mlp = MLPRegressor(alpha=case.hyper["weight_decay"])
        mlp.coefs_ = weights
        opt = MAKE[optimizer](weights, case.hyper, **options)
        path: list[list[Any]] = [[] for _ in weights]
        alpha = case.hyper["learning_rate"]
        for t, eta in enumerate(case.eta.tolist()):
            new = _changes(case, t + 1)
            mlp.set_params(alpha=new.get("weight_decay", mlp.alpha))
            alpha = new.get("learning_rate", alpha)
            lr = alpha * eta
            opt.learning_rate_init, opt.learning_rate = lr, lr
            opt.update_params(weights, _gradients(mlp, [g[t] for g in grads]))
            for w, steps in zip(weights, path, strict=True):
                steps.append(w[:, 0].copy())
            if case.life.get("resume") == t + 1:  # as scikit-learn's documentation keeps models
                mlp, opt, weights = pickle.loads(pickle.dumps((mlp, opt, weights)))
        return [np.array(steps) for steps in path] if many else np.array(path[0])

    run.supports = ("tensors", "resume", "change")  # type: ignore[attr-defined]  # the contract
    return run


def version() -> str:
    """Return scikit-learn's version."""
    return str(sklearn.__version__)


def defaults(optimizer: str, **options: Any) -> dict[str, Any]:
    """Return the defaults of MLPRegressor, which makes the optimizer."""
    _check(optimizer, options)
    own = MLPRegressor().get_params()
    return {name: own[name] for name in OWN[optimizer]}


def primitives(dtype: str) -> dict[str, Callable[..., Any]]:
    """Return NumPy's elementary operations, which scikit-learn computes with."""
    return {
        "sqrt": np.sqrt,
        "divide": np.divide,
        "multiply": np.multiply,
        "fused": lambda x, y, z: x * y + z,
    }


def _check(optimizer: str, options: Mapping[str, Any]) -> None:
    if optimizer not in MAKE:
        raise ValueError(f"sklearn adapter: no {optimizer!r}; it knows {', '.join(MAKE)}")
    known = {"SGD": ["nesterov"]}.get(optimizer, [])
    for name in options:
        if name not in known:
            has = ", ".join(known) or "none"
            raise ValueError(f"sklearn adapter: {optimizer} has no option {name!r}; it has {has}")


def _changes(case: Any, t: int) -> dict[str, float]:
    """Return what is another from step `t` on, from 1."""
    new = changes(case, t)
    if set(new) - {"learning_rate", "weight_decay"}:
        raise Unsupported("MLPRegressor hands its optimizer nothing new: only alpha is read later")
    return new


def _gradients(mlp: Any, gs: Sequence[Any]) -> Any:
    """Let scikit-learn add its L2 term: (g · 1 + alpha w) / 1 sample."""
    coef_grads, intercept_grads = [None] * len(gs), [None] * len(gs)
    inputs, ones = [g.reshape(1, -1) for g in gs], [np.ones((1, 1), dtype=g.dtype) for g in gs]
    for layer in range(len(gs)):
        mlp._compute_loss_grad(layer, 1, inputs, ones, coef_grads, intercept_grads)
    return coef_grads


def _adam(params: Any, hyper: Any) -> Any:
    return AdamOptimizer(
        params, hyper["learning_rate"], hyper["beta1"], hyper["beta2"], hyper["eps"]
    )


def _sgd(params: Any, hyper: Any, *, nesterov: bool = False) -> Any:
    if hyper.get("dampening", 0.0):
        raise Unsupported("scikit-learn's SGD has no dampening")
    return SGDOptimizer(
        params, hyper["learning_rate"], momentum=hyper["momentum"], nesterov=nesterov
    )


MAKE: dict[str, Callable[..., Any]] = {"Adam": _adam, "SGD": _sgd}
