"""Adapter for TensorFlow's own optimizers: ``tensorflow:AdamOptimizer``, ``tensorflow:ApplyAdam``.

The classes are those of tf.compat.v1.train, the others the raw operators that they and tf.keras
call, ``ApplyAdam`` for tf.raw_ops.ResourceApplyAdam. Every step runs in a tf.function with the
learning rate as a tensor of the parameter's dtype; options go to the class or the operator
(``use_nesterov``), and beside them:

- ``decay=l2``: the caller adds weight_decay · θ to the gradient. TensorFlow has none itself, but
  for ``ApplyProximalGradientDescent``, whose l2 is weight_decay and whose l1 is 0;
- ``jit_compile=True``: the step is compiled by XLA;
- ``powers``: where an operator's caller computes β^t, in ``float64`` on the host, rounded once, or
  as ``products`` kept in the parameter's dtype, as AdamOptimizer does.
"""

import inspect
import os
from collections.abc import Callable
from functools import partial
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # before the import: its notes are no errors
import tensorflow as tf

from wdref.oracle import Unsupported

from .driving.tensorflow import ByClass, Training

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
    "ApplyProximalGradientDescent": "sgd[form=proximal,buffer=False]",
    "ApplyMomentum[decay=l2]": "sgd[form=l2]",
    "ApplyMomentum[decay=l2,use_nesterov=True]": "sgd[form=l2,nesterov=True]",
    "ApplyKerasMomentum[decay=l2]": "sgd[form=l2,lr=inside]",
    "ApplyKerasMomentum[decay=l2,use_nesterov=True]": "sgd[form=l2,lr=inside,nesterov=True]",
    "ApplyAdam[decay=l2]": "adam[form=l2]",
    "ApplyAdam[decay=l2,jit_compile=True]": "adam[form=l2]",
    "ApplyAdamWithAmsgrad[decay=l2]": "adam[form=l2,amsgrad=raw]",
    "AdadeltaOptimizer": "adadelta",
    "AdadeltaOptimizer[decay=l2]": "adadelta[form=l2]",
    "ApplyAdadelta": "adadelta",
    "ApplyAdadelta[decay=l2]": "adadelta[form=l2]",
    "ApplyAdadelta[decay=l2,jit_compile=True]": "adadelta[form=l2]",
    "ApplyAdaMax": "adamax",
    "ApplyAdaMax[decay=l2]": "adamax[form=l2]",
    "AdagradOptimizer": "adagrad",
    "AdagradOptimizer[decay=l2]": "adagrad[form=l2]",
    "ApplyAdagrad[decay=l2]": "adagrad[form=l2]",
    "ApplyAdagradV2[decay=l2]": "adagrad[form=l2,eps=outside]",
    "RMSPropOptimizer": "rmsprop",
    "RMSPropOptimizer[decay=l2]": "rmsprop[form=l2]",
    "RMSPropOptimizer[decay=l2,centered=True]": "rmsprop[form=l2,centered=True]",
    "ApplyRMSProp[decay=l2]": "rmsprop[form=l2,start=zero]",
    "ApplyCenteredRMSProp[decay=l2]": "rmsprop[form=l2,start=zero,centered=True]",
}
CLASSES = {"GradientDescentOptimizer": (), "MomentumOptimizer": ("momentum",),
           "AdamOptimizer": ("beta1", "beta2", "epsilon"),
           "AdagradOptimizer": ("initial_accumulator_value",),
           "RMSPropOptimizer": ("decay", "momentum", "epsilon"),
           "AdadeltaOptimizer": ("rho", "epsilon")}  # fmt: skip
OPERATORS = {
    "ApplyGradientDescent": (),
    "ApplyProximalGradientDescent": (),
    "ApplyMomentum": ("accum",),
    "ApplyKerasMomentum": ("accum",),
    "ApplyAdam": ("m", "v"),
    "ApplyAdamWithAmsgrad": ("m", "v", "vhat"),
    "ApplyAdaMax": ("m", "v"),
    "ApplyAdagrad": ("accum",),
    "ApplyAdagradV2": ("accum",),
    "ApplyRMSProp": ("ms", "mom"),
    "ApplyCenteredRMSProp": ("mg", "ms", "mom"),
    "ApplyAdadelta": ("accum", "accum_update"),
}
NAMES = (*CLASSES, *OPERATORS)
OWN_OPTIONS = ("decay", "jit_compile")  # of `drive`; the others are the constructor's
NO_KERNEL = {"ApplyAdaMax": ("bfloat16",), "ApplyProximalGradientDescent": ("float16", "bfloat16")}
# What an operator is told is its caller's own. Nothing accumulates, goes up, or takes tensors in.
LIVES = ("resume", "change", "skip", "clip", "mixed", "count")
HYPER = {"momentum": "momentum", "beta1": "beta1", "beta2": "beta2", "epsilon": "eps",
         "initial_accumulator_value": "initial", "decay": "rho", "rho": "rho",
         "l1": "l1", "l2": "weight_decay"}  # fmt: skip


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
             if name in ("use_nesterov", "use_locking", "centered")]  # fmt: skip
    if unknown := [name for name in options if name not in known]:
        words = ", ".join([*known, "decay", "jit_compile", "powers"])
        raise ValueError(
            f"tensorflow adapter: {optimizer} has no option {unknown[0]!r}; it has {words}"
        )

    if optimizer in CLASSES:
        make_step = partial(ByClass, _callable(optimizer), _Table(optimizer, options))
    else:
        make_step = partial(_by_operator, optimizer, options, powers)

    def run(case: Any) -> Any:
        if case.hyper.get("dampening", 0.0):
            raise Unsupported("TensorFlow has no dampening")
        if (case.starts or case.gaps) and optimizer == "AdamOptimizer":
            raise Unsupported("AdamOptimizer counts one t for all variables")
        if case.dtype in NO_KERNEL.get(optimizer, ()) and not jit_compile:
            raise Unsupported(f"Resource{optimizer} has no kernel for {case.dtype}")
        counts = optimizer in OPERATORS and "beta1" in case.hyper and powers == "float64"
        whole = optimizer in CLASSES
        step = partial(make_step, life=case.life) if whole else make_step
        return Training(case, step, counts=counts, whole=whole, decay=decay,
                        jit_compile=jit_compile).run()  # fmt: skip

    lives = LIVES if optimizer in CLASSES else ()
    run.supports = ("tensors", "groups", "late", "none", *lives)  # type: ignore[attr-defined]  # the contract
    return run


def drive(
    make: Callable[..., Any], words: Any, *, decay: str = "none", jit_compile: bool = False
) -> Callable[[Any], Any]:
    """Return `run(case)` for what `make` makes of keywords: an object with ``apply_gradients``.

    ``words(hyper)`` are the keywords, `words.fixed` those that every object gets, `words.rate` is
    the learning rate's. An object that is no tf.compat.v1.train.Optimizer steps eagerly, and its
    attribute of that name is set before each step.
    """
    lazy = isinstance(make, type) and issubclass(make, tf.compat.v1.train.Optimizer)

    def run(case: Any) -> Any:
        if case.starts or case.gaps:
            raise Unsupported("an optimizer of TensorFlow may count one t for all variables")
        step = (partial(ByClass, make, words, life=case.life) if lazy
                else partial(_by_attribute, make, words))  # fmt: skip
        return Training(case, step, whole=True, decay=decay, jit_compile=jit_compile,
                        eager=not lazy).run()  # fmt: skip

    run.supports = ("tensors", "groups", *(LIVES if lazy else ()))  # type: ignore[attr-defined]  # the contract
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


class _Table:
    """The words of the classes of tf.compat.v1.train, as `drive` asks for them."""

    rate = "learning_rate"

    def __init__(self, optimizer: str, options: dict[str, Any]) -> None:
        self.optimizer, self.fixed = optimizer, options

    def __call__(self, hyper: Any) -> dict[str, Any]:
        """Hyperparameters of a case in the optimizer's words."""
        return {name: {"initial": 0.0, **hyper}[HYPER[name]] for name in CLASSES[self.optimizer]}


def _by_attribute(make: Any, words: Any, variables: Any, hyper: Any) -> Any:
    """Return ``step(gradients, rate)`` of an object whose rate is an attribute."""
    opt = make(**{**words(hyper), **words.fixed})
    name = words.rate_among(vars(opt))
    if name is None:
        raise TypeError(
            f"{type(opt).__name__} has no attribute of the learning rate that a schedule could "
            "set: --word NAME=learning_rate says which one is"
        )
    needed = [p for p in inspect.signature(opt.apply_gradients).parameters.values()
              if p.default is p.empty]  # fmt: skip

    def step(gs: Any, now: Any) -> None:
        kept = getattr(opt, name)
        if isinstance(kept, tf.Variable):
            kept.assign(tf.cast(now, kept.dtype))
        else:
            setattr(opt, name, now)
        two = (gs, variables) if len(needed) > 1 else (zip(gs, variables, strict=True),)
        opt.apply_gradients(*two)

    return step


def _by_operator(
    optimizer: str, options: dict[str, Any], powers: str, variables: Any, hyper: Any
) -> Any:
    """Return ``step([g], rate, β1^t, β2^t)`` of a raw operator with slots of its own."""
    (variable,) = variables
    operator, dtype = _callable(optimizer), variable.dtype
    start = tf.fill(variable.shape, tf.constant(hyper.get("initial", 0.0), dtype))
    slots = {name: tf.Variable(start) for name in OPERATORS[optimizer]}
    handles = {"var": variable.handle, **{name: slot.handle for name, slot in slots.items()}}
    given = {"l1": 0.0, **hyper}  # of which no rule here knows
    own = {word: tf.constant(given[HYPER[word]], dtype)
           for word in inspect.signature(operator).parameters if word in HYPER}  # fmt: skip
    betas = [tf.constant(hyper[name], dtype) for name in ("beta1", "beta2") if name in hyper]
    products = [tf.Variable(beta) for beta in betas] if powers == "products" else []

    def step(gs: Any, rate: Any, *given: Any) -> None:
        (g,) = gs
        known = {**handles, **own, **options, "grad": g}
        if optimizer.endswith("GradientDescent"):
            operator(var=variable.handle, alpha=rate, delta=g, **own, **options)
        elif not betas:
            operator(lr=rate, **known)
        else:
            power1, power2 = (x.value() for x in products) if products else given
            if optimizer != "ApplyAdaMax":  # whose norm has no bias
                known["beta2_power"] = power2
            operator(beta1_power=power1, lr=rate, **known)
            for product, beta in zip(products, betas, strict=False):
                product.assign(product * beta)

    return step
