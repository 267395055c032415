"""Adapter for thinc.optimizers: ``thinc:Adam``, ``thinc:Adam[L2_is_weight_decay=False]``.

Options go to the function as they are, but for ``ops=cupy``, which asks for CuPy's arrays. The
gradient's norm is not clipped (``grad_clip=0``) unless an option says so, since Thinc's own default
of 1 is no part of any rule here. The schedule is one of Thinc's own, as are hyperparameters that
differ from tensor to tensor: a schedule is told which one it is for.
"""

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import thinc
from thinc import optimizers
from thinc.api import Schedule, get_ops
from thinc.compat import has_cupy_gpu

from wdref.oracle import Unsupported

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
        if case.dtype != "float32":
            raise Unsupported("Thinc computes in float32 alone")
        many = "tensors" in case.flags
        thetas, grads = (case.theta0, case.grads) if many else ([case.theta0], [case.grads])
        weights = [ops.asarray(theta.copy()) for theta in thetas]
        opt = make(**{**_each(words, case), words.rate: _rates(case), **words.fixed})
        path: list[list[Any]] = [[] for _ in weights]
        for t in range(len(case.eta)):
            for i, g in enumerate(grads):
                if not _waits(case, i, t):
                    gradient = ops.asarray(np.array(g[t]))  # a copy: Thinc empties it
                    weights[i], _ = opt((i, "W"), weights[i], gradient)
                path[i].append(ops.to_numpy(weights[i]).astype(np.float64))
            opt.step_schedules()
        return [np.array(steps) for steps in path] if many else np.array(path[0])

    run.supports = ("tensors", "groups", "late", "none")  # type: ignore[attr-defined]  # the contract
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


def _waits(case: Any, i: int, t: int) -> bool:
    """Whether tensor `i` has no gradient at step `t`, from 0."""
    late = case.starts is not None and t + 1 < case.starts[i]
    return late or (case.gaps is not None and t + 1 in case.gaps[i])


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


def _each(words: Any, case: Any) -> dict[str, Any]:
    """Numbers, or where tensors differ schedules that ask which one is meant."""
    own = [words({**case.hyper, **group}) for group in case.groups or [{}]]
    if case.groups is None:
        return dict(own[0])
    return {word: _chosen([hyper[word] for hyper in own]) for word in own[0]}


def _chosen(values: Sequence[float]) -> Any:
    return Schedule("by tensor", lambda schedule, step, *, key, **_: values[key[0]])


def _rates(case: Any) -> Any:
    own = [{**case.hyper, **group}["learning_rate"] for group in case.groups or [{}]]
    rates: list[list[float]] = [(rate * case.eta).tolist() for rate in own]

    def rate(schedule: Any, step: int, *, key: Any, **_: Any) -> float:
        return rates[key[0] if case.groups else 0][step]

    return Schedule("prescribed", rate)
