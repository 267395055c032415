"""Adapter for tinygrad.nn.optim on its CPU: ``tinygrad:AdamW``, ``tinygrad:SGD[classic=True]``.

Options go to the function as they are, but for two: ``device=PYTHON`` needs no compiler, where the
CPU needs clang, and ``OPTIM_DTYPE=float64`` is the environment's variable of that name, the dtype
of the state, which is float32 without it. The schedule assigns ``lr`` before each step. Tensors
with hyperparameters of their own have an optimizer each, in an ``OptimizerGroup``. Adam has no
weight decay: what a case prescribes is left out, as are tensors without elements.
"""

import inspect
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from importlib.metadata import version as installed
from typing import Any

import numpy as np
from tinygrad import Tensor, TinyJit, dtypes
from tinygrad.helpers import Context, getenv
from tinygrad.nn import optim

from wdref.oracle import Unsupported

INSTALL = "pip install tinygrad"
CONVENTION = "tinygrad"
COMPILES = "."
OPTIMIZERS = {
    "AdamW": "adamw",
    "AdamW[fused=True]": "adamw",
    "AdamW[OPTIM_DTYPE=float64]": "adamw",
    "Adam": "adam",
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
    "LARS": {"lr": "learning_rate", "momentum": "momentum", "weight_decay": "weight_decay"},
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
    device, state_dtype = own.get("device", "CPU"), own.get("OPTIM_DTYPE")
    if device == "CPU" and shutil.which("clang") is None:
        raise ValueError("tinygrad adapter: its CPU needs clang; device=PYTHON needs no compiler")

    def run(case: Any) -> Any:
        if case.dtype == "bfloat16" and device == "CPU":
            raise Unsupported("tinygrad's CPU has bfloat16 where the compiler has it")
        many = "tensors" in case.flags
        thetas, grads = (case.theta0, case.grads) if many else ([case.theta0], [case.grads])
        full = [i for i, theta in enumerate(thetas) if theta.size]
        if not full:
            raise Unsupported("tinygrad's optimizers take no empty tensor")

        def tensor(x: Any) -> Any:
            made = Tensor(np.array(x), device=device)
            kind = getattr(dtypes, case.dtype)
            own = made.dtype == kind and made.ndim  # a number without axes is a constant
            return (made if own else made.cast(kind).clone()).realize()

        params = [tensor(thetas[i]).is_param_(True) for i in full]
        hypers = [{**case.hyper, **case.groups[i]} for i in full] if case.groups else [case.hyper]
        members = [[p] for p in params] if case.groups else [params]
        with _environment("OPTIM_DTYPE", state_dtype), Context(TRAINING=1):
            opts = [make(its, **{**words(h), **words.fixed})
                    for its, h in zip(members, hypers, strict=True)]  # fmt: skip
            step = TinyJit(partial(_step, optim.OptimizerGroup(*opts) if case.groups else opts[0]))
            path = [[np.empty(0)] * (len(case.eta) if theta.size == 0 else 0) for theta in thetas]
            for t, eta in enumerate(case.eta.tolist()):
                for opt, h in zip(opts, hypers, strict=True):
                    if t == 0 or eta != case.eta[t - 1]:
                        rate = words.fixed.get("lr", h["learning_rate"]) * eta
                        rate = Tensor([rate], dtype=opt.lr.dtype, device=device)
                        opt.lr.assign(rate).realize()  # not realized it would not be read
                step(*(tensor(grads[i][t]) for i in full))
                for i, p in zip(full, params, strict=True):
                    path[i].append(p.numpy().astype(np.float64))
        return [np.array(steps) for steps in path] if many else np.array(path[0])

    # not "late" nor "none": a step without a gradient fails
    run.supports = ("tensors", "groups")  # type: ignore[attr-defined]  # the contract
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


@contextmanager
def _environment(name: str, value: str | None) -> Iterator[None]:
    """Set what tinygrad reads of the environment when it makes an optimizer, and put it back."""
    before = os.environ.get(name)
    try:
        if value is not None:
            os.environ[name] = value
        getenv.cache_clear()
        yield
    finally:
        if value is not None:
            os.environ.pop(name) if before is None else os.environ.update({name: before})
        getenv.cache_clear()


def _step(opt: Any, *grads: Any) -> None:
    for p, g in zip(opt.params, grads, strict=True):
        p.grad = g
    try:
        opt.step()
    except RuntimeError as error:
        if "assign dtype mismatch" not in str(error):
            raise
        reason = "its float32 buffer takes no float64; OPTIM_DTYPE=float64 helps"
        raise Unsupported(f"tinygrad's SGD with momentum: {reason}") from error
