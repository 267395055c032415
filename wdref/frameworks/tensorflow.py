"""Adapter for TensorFlow's own optimizers: ``tensorflow:AdamOptimizer``, ``tensorflow:ApplyAdam``.

The classes are those of tf.compat.v1.train, the others the raw operators that they and tf.keras
call, ``ApplyAdam`` for tf.raw_ops.ResourceApplyAdam. Every step runs in a tf.function with the
learning rate as a tensor of the parameter's dtype; options go to the class or the operator
(``use_nesterov``), and beside them:

- ``decay=l2``: the caller adds weight_decay · θ to the gradient. TensorFlow has no decay itself;
- ``jit_compile=True``: the step is compiled by XLA;
- ``powers``: where an operator's caller computes β^t, in ``float64`` on the host, rounded once, or
  as ``products`` kept in the parameter's dtype, as AdamOptimizer does.
"""

import inspect
import os
from collections.abc import Callable
from typing import Any

import numpy as np

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # before the import: its notes are no errors
import tensorflow as tf

from wdref.oracle import Unsupported

INSTALL = "pip install tensorflow-cpu"
CONVENTION = "tensorflow"
COMPILES = "."
OPTIMIZERS = {
    "GradientDescentOptimizer": "sgd[buffer=False]",
    "GradientDescentOptimizer[decay=l2]": "sgd[form=l2,buffer=False]",
    "MomentumOptimizer": "sgd",
    "MomentumOptimizer[decay=l2]": "sgd[form=l2]",
    "MomentumOptimizer[decay=l2,use_nesterov=True]": "sgd[form=l2,nesterov=True]",
    "AdamOptimizer": "adam",
    "AdamOptimizer[decay=l2]": "adam[form=l2]",
    "ApplyGradientDescent[decay=l2]": "sgd[form=l2,buffer=False]",
    "ApplyMomentum[decay=l2]": "sgd[form=l2]",
    "ApplyMomentum[decay=l2,use_nesterov=True]": "sgd[form=l2,nesterov=True]",
    "ApplyKerasMomentum[decay=l2]": "sgd[form=l2,lr=inside]",
    "ApplyKerasMomentum[decay=l2,use_nesterov=True]": "sgd[form=l2,lr=inside,nesterov=True]",
    "ApplyAdam[decay=l2]": "adam[form=l2]",
    "ApplyAdam[decay=l2,jit_compile=True]": "adam[form=l2]",
    "ApplyAdamWithAmsgrad[decay=l2]": "adam[form=l2,amsgrad=raw]",
}
CLASSES = {"GradientDescentOptimizer": (), "MomentumOptimizer": ("momentum",),
           "AdamOptimizer": ("beta1", "beta2", "epsilon")}  # fmt: skip
OPERATORS = {
    "ApplyGradientDescent": (),
    "ApplyMomentum": ("accum",),
    "ApplyKerasMomentum": ("accum",),
    "ApplyAdam": ("m", "v"),
    "ApplyAdamWithAmsgrad": ("m", "v", "vhat"),
}
NAMES = (*CLASSES, *OPERATORS)
HYPER = {"momentum": "momentum", "beta1": "beta1", "beta2": "beta2", "epsilon": "eps"}


def load(
    optimizer: str,
    *,
    decay: str = "none",
    jit_compile: bool = False,
    powers: str = "float64",
    **options: Any,
) -> Callable[[Any], Any]:
    """Return `run(case)` for a class of tf.compat.v1.train or a raw operator."""
    if optimizer not in NAMES:
        raise ValueError(f"tensorflow adapter: no {optimizer!r}; it knows {', '.join(NAMES)}")
    if decay not in ("none", "l2"):
        raise ValueError(f"tensorflow adapter: decay={decay!r}; expected none or l2")
    if powers not in ("float64", "products"):
        raise ValueError(f"tensorflow adapter: powers={powers!r}; expected float64 or products")
    known = [name for name in inspect.signature(_callable(optimizer)).parameters
             if name in ("use_nesterov", "use_locking")]  # fmt: skip
    if unknown := [name for name in options if name not in known]:
        words = ", ".join([*known, "decay", "jit_compile", "powers"])
        raise ValueError(
            f"tensorflow adapter: {optimizer} has no option {unknown[0]!r}; it has {words}"
        )

    def run(case: Any) -> Any:
        if case.hyper.get("dampening", 0.0):
            raise Unsupported("TensorFlow has no dampening")
        if case.starts is not None and optimizer == "AdamOptimizer":
            raise Unsupported("AdamOptimizer counts one t for all variables")
        return _train(case, optimizer, options, decay, jit_compile, powers)

    run.supports = ("tensors", "groups", "late")  # type: ignore[attr-defined]  # the contract
    return run


def version() -> str:
    """Return the version of TensorFlow."""
    return str(tf.__version__)


def defaults(name: str, **options: Any) -> dict[str, Any]:
    """Return the arguments that have a default, with TensorFlow's names and values."""
    parameters = inspect.signature(_callable(name)).parameters.values()
    return {p.name: p.default for p in parameters if p.default is not inspect.Parameter.empty}


def primitives(dtype: str) -> dict[str, Callable[..., Any]]:
    """Return TensorFlow's elementary operations on NumPy arrays, for the oracle to measure."""

    def on_arrays(f: Callable[..., Any]) -> Callable[..., Any]:
        return lambda *arrays: tf.function(f)(*map(tf.constant, arrays)).numpy()

    return {
        "sqrt": on_arrays(tf.sqrt),
        "divide": on_arrays(tf.divide),
        "multiply": on_arrays(tf.multiply),
        "fused": on_arrays(lambda x, y, z: x * y + z),
    }


def _callable(name: str) -> Any:
    if name in CLASSES:
        return getattr(tf.compat.v1.train, name)
    return getattr(tf.raw_ops, f"Resource{name}")


def _train(
    case: Any, optimizer: str, options: dict[str, Any], decay: str, jit_compile: bool, powers: str
) -> Any:
    many = "tensors" in case.flags
    thetas, grads = (case.theta0, case.grads) if many else ([case.theta0], [case.grads])
    variables = [tf.Variable(tf.constant(theta, case.dtype)) for theta in thetas]
    own = [{**case.hyper, **group} for group in case.groups or [{}] * len(thetas)]
    make = _by_class if optimizer in CLASSES else _by_operator
    steppers = [make(optimizer, v, h, options, powers) for v, h in zip(variables, own, strict=True)]

    def one(i: int) -> Any:
        def step(g: Any, *scalars: Any) -> None:
            if decay == "l2":
                g = g + tf.constant(own[i]["weight_decay"], g.dtype) * variables[i]
            steppers[i](g, *scalars)

        return tf.function(step, jit_compile=jit_compile or None)

    steps = [one(i) for i in range(len(variables))]
    path: list[list[Any]] = [[] for _ in variables]
    counts = [0] * len(variables)
    for t, eta in enumerate(case.eta.tolist()):
        for i, (h, g) in enumerate(zip(own, grads, strict=True)):
            if case.starts is None or t + 1 >= case.starts[i]:
                counts[i] += 1
                scalars = [h["learning_rate"] * eta]
                if optimizer.startswith("ApplyAdam") and powers == "float64":
                    scalars += [h["beta1"] ** counts[i], h["beta2"] ** counts[i]]
                steps[i](*(tf.constant(x, case.dtype) for x in (g[t], *scalars)))
            path[i].append(tf.cast(variables[i], tf.float64).numpy())
    return [np.array(values) for values in path] if many else np.array(path[0])


def _by_class(
    optimizer: str, variable: Any, hyper: Any, options: dict[str, Any], powers: str
) -> Any:
    """Return ``step(g, rate)`` of an object of tf.compat.v1.train; each variable has its own."""
    given = {name: hyper[HYPER[name]] for name in CLASSES[optimizer]}
    rate = tf.Variable(hyper["learning_rate"], dtype=variable.dtype)
    opt = _callable(optimizer)(lambda: rate, **given, **options)
    opt._create_slots([variable])  # before the tf.function: slots are variables

    def step(g: Any, now: Any) -> None:
        rate.assign(now)
        opt.apply_gradients([(g, variable)])

    return step


def _by_operator(
    optimizer: str, variable: Any, hyper: Any, options: dict[str, Any], powers: str
) -> Any:
    """Return ``step(g, rate, β1^t, β2^t)`` of a raw operator with slots of its own."""
    operator, dtype = _callable(optimizer), variable.dtype
    slots = {name: tf.Variable(tf.zeros_like(variable)) for name in OPERATORS[optimizer]}
    handles = {"var": variable.handle, **{name: slot.handle for name, slot in slots.items()}}
    betas = [tf.constant(hyper[name], dtype) for name in ("beta1", "beta2") if name in hyper]
    products = [tf.Variable(beta) for beta in betas] if powers == "products" else []

    def step(g: Any, rate: Any, *given: Any) -> None:
        known = {**handles, **options, "grad": g}
        if optimizer == "ApplyGradientDescent":
            operator(var=variable.handle, alpha=rate, delta=g, **options)
        elif not betas:
            operator(lr=rate, momentum=tf.constant(hyper["momentum"], dtype), **known)
        else:
            power1, power2 = (x.value() for x in products) if products else given
            operator(beta1_power=power1, beta2_power=power2, beta1=betas[0], beta2=betas[1],
                     lr=rate, epsilon=tf.constant(hyper["eps"], dtype), **known)  # fmt: skip
            for product, beta in zip(products, betas, strict=False):
                product.assign(product * beta)

    return step
