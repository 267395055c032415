"""What an object is that a TARGET names: a function `run(case)`, an optimizer's class, a factory.

Runs in a target's process and calls nothing of the target.
"""

import inspect
import sys
from collections.abc import Collection
from typing import Any

from .constructor import bare, first_parameter, plain

# the package and the name of a framework's base class: its adapter
BASES = {
    ("torch", "Optimizer"): "torch",
    ("keras", "Optimizer"): "keras",
    ("keras", "BaseOptimizer"): "keras",
    ("tf_keras", "Optimizer"): "keras",
    ("mlx", "Optimizer"): "mlx",
    ("paddle", "Optimizer"): "paddle",
    ("tinygrad", "Optimizer"): "tinygrad",
    ("thinc", "Optimizer"): "thinc",
    ("tensorflow", "Optimizer"): "tensorflow",
    ("wdref", "Optimizer"): "loopback",
}
TENSORS = ("params", "parameters", "tensors")  # a first parameter of these names takes tensors
TAKERS = ("torch", "paddle", "tinygrad")  # frameworks whose constructors do


def framework_of(cls: Any) -> str | None:
    """Return the adapter of a class of optimizers, by its bases and else by its protocol."""
    if not isinstance(cls, type):
        return None
    for kind in cls.__mro__:
        named = BASES.get((kind.__module__.partition(".")[0], kind.__name__))
        if named:
            return named
    if callable(getattr(cls, "step", None)) and first_parameter(cls) in TENSORS:
        return taker_of(cls)
    if callable(getattr(cls, "apply_gradients", None)) and "tensorflow" in sys.modules:
        return "tensorflow"
    if callable(getattr(cls, "init", None)) and callable(getattr(cls, "update", None)):
        return "optax"
    return None


def made_already(thing: Any) -> str | None:
    """Return the adapter of an optimizer that is an object, not the class or factory of one."""
    transformation = isinstance(thing, tuple) and hasattr(thing, "init")
    if transformation and callable(getattr(thing, "update", None)):
        return "optax"
    return None if isinstance(thing, type) else framework_of(type(thing))


def is_factory(thing: Any, words: Collection[str]) -> bool:
    """Whether a callable makes optimizers, by its parameters: tensors first, or hyperparameters.

    Any other function is a `run(case)`, also one with options of its own.
    """
    try:
        own = list(inspect.signature(thing).parameters.values())
    except (TypeError, ValueError):  # of compiled code nothing is known
        return False
    if not own or own[0].name == "case":
        return False
    first, *rest = (p.name in TENSORS or bare(p.name) in words for p in own)
    alone = all(p.default is not p.empty or p.kind == p.VAR_KEYWORD for p in own[1:])
    return first or sum(rest) > (1 if alone else 0)


def taker_of(make: Any) -> str | None:
    """Return the framework whose tensors a constructor takes: the one that its module imports."""
    imported = [name for name in TAKERS if name in sys.modules]
    known = vars(sys.modules.get(getattr(plain(make), "__module__", ""), sys)).values()
    roots = {getattr(x, "__module__", None) or getattr(x, "__name__", "") for x in known
             if x is not None and not isinstance(x, str)}  # fmt: skip
    roots |= {x.__name__ for x in known if inspect.ismodule(x)}
    used = {str(root).partition(".")[0] for root in roots}
    return next((n for n in imported if n in used), imported[0] if imported else None)
