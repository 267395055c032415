"""Adapter for torch.optim: ``torch:AdamW[fused=True]``, ``torch:SGD[nesterov=True]``.

Options go to the constructor as they are. Some are the adapter's own: ``tensor_lr=True``,
``tensor_betas=True`` and ``tensor_weight_decay=True`` give these as tensors, as ``torch.tensor``
makes them of a float; ``device=cuda`` keeps the tensors there; ``compiled=True`` compiles the step,
``compiled=BACKEND`` by that backend of torch.compile; ``complex=True`` says of a class of one's own
that it takes complex numbers. The schedule sets ``lr`` before each step, as
PyTorch's own schedulers do, but for Rprop, whose rate is the first step size alone.

With ``sharded=fsdp2`` or ``sharded=zero`` several processes step together (`sharded/torch.py`), two
of them or as many as ``ranks`` says; one that is silent for ``patience`` seconds hangs.
"""

import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch

from wdref.oracle import Unsupported

from .driving.torch import Training

INSTALL = "pip install torch"
CONVENTION = "pytorch"
COMPILES = "sharded=fsdp2"  # DTensor traces every operation for every shape
OPTIMIZERS = {
    "AdamW": "adamw",
    "AdamW[foreach=True]": "adamw",
    "AdamW[fused=True]": "adamw",
    "AdamW[maximize=True]": "adamw",
    "AdamW[differentiable=True]": "adamw",
    "AdamW[tensor_lr=True]": "adamw",
    "AdamW[tensor_betas=True]": "adamw",
    "AdamW[fused=True,tensor_lr=True]": "adamw",
    "AdamW[amsgrad=True]": "adamw[amsgrad=raw]",
    "AdamW[amsgrad=True,foreach=True]": "adamw[amsgrad=raw]",
    "AdamW[amsgrad=True,fused=True]": "adamw[amsgrad=raw]",
    "Adam": "adam",
    "Adam[foreach=True]": "adam",
    "Adam[fused=True]": "adam",
    "Adam[maximize=True]": "adam",
    "Adam[maximize=True,foreach=True]": "adam",
    "Adam[maximize=True,fused=True]": "adam",
    "Adam[amsgrad=True]": "adam[amsgrad=raw]",
    "Adam[decoupled_weight_decay=True]": "adamw",
    "NAdam": "nadam",
    "NAdam[foreach=True]": "nadam",
    "NAdam[maximize=True]": "nadam",
    "NAdam[decoupled_weight_decay=True]": "nadamw",
    "NAdam[decoupled_weight_decay=True,foreach=True]": "nadamw",
    "RAdam": "radam",
    "RAdam[foreach=True]": "radam",
    "RAdam[maximize=True]": "radam",
    "RAdam[maximize=True,foreach=True]": "radam",
    "RAdam[differentiable=True]": "radam",
    "RAdam[decoupled_weight_decay=True]": "radamw",
    "RAdam[decoupled_weight_decay=True,foreach=True]": "radamw",
    "SGD": "sgd",
    "SGD[foreach=True]": "sgd",
    "SGD[fused=True]": "sgd",
    "SGD[maximize=True]": "sgd",
    "SGD[maximize=True,foreach=True]": "sgd",
    "SGD[maximize=True,fused=True]": "sgd",
    "SGD[differentiable=True]": "sgd",
    "SGD[tensor_lr=True]": "sgd",
    "SGD[nesterov=True]": "sgd[nesterov=True]",
    "SGD[nesterov=True,foreach=True]": "sgd[nesterov=True]",
    "SGD[nesterov=True,fused=True]": "sgd[nesterov=True]",
    "Adamax": "adamax",
    "Adamax[foreach=True]": "adamax",
    "Adamax[maximize=True]": "adamax",
    "Adamax[maximize=True,foreach=True]": "adamax",
    "Adamax[differentiable=True]": "adamax",
    "Adamax[tensor_lr=True]": "adamax",
    "Adagrad": "adagrad",
    "Adagrad[foreach=True]": "adagrad",
    "Adagrad[fused=True]": "adagrad",
    "Adagrad[maximize=True]": "adagrad",
    "Adagrad[maximize=True,foreach=True]": "adagrad",
    "Adagrad[differentiable=True]": "adagrad",
    "Adagrad[tensor_lr=True]": "adagrad",
    "RMSprop": "rmsprop",
    "RMSprop[momentum=0]": "rmsprop[buffer=False]",
    "RMSprop[centered=True]": "rmsprop[centered=True]",
    "RMSprop[centered=True,momentum=0]": "rmsprop[centered=True,buffer=False]",
    "RMSprop[foreach=True]": "rmsprop",
    "RMSprop[centered=True,foreach=True]": "rmsprop[centered=True]",
    "RMSprop[maximize=True]": "rmsprop",
    "RMSprop[differentiable=True]": "rmsprop",
    "Adadelta": "adadelta",
    "Adadelta[foreach=True]": "adadelta",
    "Adadelta[maximize=True]": "adadelta",
    "Adadelta[maximize=True,foreach=True]": "adadelta",
    "Adadelta[differentiable=True]": "adadelta",
    "Adadelta[tensor_lr=True]": "adadelta",
    "Rprop": "rprop",
    "Rprop[foreach=True]": "rprop",
    "Rprop[maximize=True]": "rprop",
    "Adafactor": "adafactor",
    "Adafactor[foreach=True]": "adafactor",
    "Adafactor[maximize=True]": "adafactor",
    "Adafactor[maximize=True,foreach=True]": "adafactor",
    "Adafactor[tensor_lr=True]": "adafactor",
    "ASGD": "asgd",
    "ASGD[foreach=True]": "asgd",
    "ASGD[maximize=True]": "asgd",
    "ASGD[maximize=True,foreach=True]": "asgd",
    "ASGD[differentiable=True]": "asgd",
    "ASGD[tensor_lr=True]": "asgd",
    # its own decay switched off it is plain SGD, whose rate is the one of the step before
    "ASGD[lambd=0]": "sgd[buffer=False,damping=none,schedule=late]",
    "AdamW[sharded=fsdp2]": "adamw",
    "AdamW[sharded=fsdp2,foreach=True]": "adamw",
    "AdamW[sharded=fsdp2,fused=True]": "adamw",
    "AdamW[sharded=zero]": "adamw",
    "SGD[sharded=fsdp2]": "sgd",
    "SGD[sharded=zero]": "sgd",
}

# torch's name of a hyperparameter: the case's, with - before it its negative; those of a rule that
# wdref lacks fit as they may
_ALL = {"lr": "learning_rate", "weight_decay": "weight_decay"}
_ADAM = {**_ALL, "betas": ("beta1", "beta2"), "eps": "eps"}
HYPER: dict[str, dict[str, Any]] = {
    "AdamW": _ADAM,
    "Adam": _ADAM,
    "SGD": {**_ALL, "momentum": "momentum", "dampening": "dampening"},
    "NAdam": {**_ADAM, "momentum_decay": "psi"},
    "RAdam": _ADAM,
    "Adamax": _ADAM,
    "RMSprop": {**_ALL, "alpha": "rho", "eps": "eps", "momentum": "momentum"},
    "Adadelta": {**_ALL, "rho": "rho", "eps": "eps"},
    "Adagrad": {
        **_ALL,
        "eps": "eps",
        "lr_decay": "annealing",
        "initial_accumulator_value": "initial",
    },
    "ASGD": {**_ALL, "lambd": "penalty", "alpha": "exponent", "t0": "onset"},
    "Rprop": {
        "lr": "learning_rate",
        "etas": ("shrink", "grow"),
        "step_sizes": ("smallest", "largest"),
    },
    "Adafactor": {
        **_ALL,
        "beta2_decay": "-power",
        "eps": ("eps", "eps2"),
        "d": "threshold",
    },
    "Muon": {**_ALL, "momentum": "momentum"},
}
ABSENT = {"dampening": 0.0, "annealing": 0.0, "initial": 0.0}  # where a rule does not read them
OWN = {
    "psi",
    "penalty",
    "exponent",
    "onset",
    "power",
    "eps2",
    "threshold",
}  # of one rule alone: asked as another it has its own
TENSORS = ("tensor_lr", "tensor_betas", "tensor_weight_decay")
SHARDED = ("sharded", "ranks", "patience")
# of `drive`; others: constructor's
OWN_OPTIONS = (*TENSORS, *SHARDED, "matrices", "device", "compiled", "complex")
SUPPORTS = ("tensors", "groups", "late", "none", "layout", "resume", "change", "scheduler", "skip",
            "accumulate", "maximize", "clip", "order", "mixed", "count")  # fmt: skip


def load(optimizer: str, **options: Any) -> Callable[[Any], Any]:
    """Return `run(case)` for the class `optimizer` of torch.optim."""
    cls = _class(optimizer, options)
    own = {name: options.pop(name) for name in OWN_OPTIONS if name in options}
    own["matrices"] = optimizer == "Muon"  # it takes matrices alone
    # torch.optim's fused steps take real numbers alone, and so do Muon and Adafactor
    own.setdefault("complex", not (options.get("fused") or optimizer in ("Muon", "Adafactor")))
    drive_it = drive(cls, _Table(optimizer, options), **own)

    def run(case: Any) -> Any:
        buffer = options.get("momentum", case.hyper.get("momentum"))
        if case.starts and buffer and optimizer == "SGD" and options.get("fused"):
            # torch._fused_sgd_ takes all buffers or none: "expected Tensor, but got NoneType"
            raise Unsupported("torch.optim.SGD(fused=True) fails where a gradient begins late")
        if optimizer == "Adafactor" and _has_empty(case):
            raise Unsupported("torch.optim.Adafactor divides by a tensor's size, which is 0")
        if optimizer == "Rprop":
            case = SimpleNamespace(**{**vars(case), "eta": np.ones_like(case.eta)})
        return drive_it(case)

    run.supports = drive_it.supports  # type: ignore[attr-defined]  # the contract
    run.shards = getattr(drive_it, "shards", 1)  # type: ignore[attr-defined]  # likewise
    return run


def drive(make: Callable[..., Any], words: Any, **own: Any) -> Callable[[Any], Any]:
    """Return `run(case)` for what `make` makes of tensors or groups and of keywords.

    ``words(hyper)`` are the keywords, `words.fixed` those that every object gets,
    ``words.among(keys, hyper)`` a group's entries, ``words.rate_among(keys)`` its learning rate.
    """
    _check_device(own.get("device", "cpu"))
    how = {name: own.pop(name) for name in SHARDED if name in own}
    if how:
        return _spread(lambda there: lambda case: Training(make, words, case, own, there).run(),
                       **how)  # fmt: skip

    def run(case: Any) -> Any:
        with _one_thread():
            return Training(make, words, case, own).run()

    words_of_complex = ("complex",) if own.get("complex") else ()
    run.supports = (*SUPPORTS, *words_of_complex)  # type: ignore[attr-defined]  # the contract
    return run


@contextmanager
def _one_thread() -> Iterator[None]:
    """Cases are small; and the process may be a user's own."""
    count = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(count)


def _spread(begin: Callable[[Any], Any], **how: Any) -> Callable[[Any], Any]:
    from .sharded.torch import spread  # seconds, which few need

    try:
        return spread(begin, **how)
    except ValueError as error:
        raise ValueError(f"torch adapter: {error}") from None


def _check_device(device: str) -> None:
    try:
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError) as error:
        why = str(error).strip().splitlines()[0]
        raise ValueError(f"torch adapter: device={device}: {why}") from error


def version() -> str:
    """Return PyTorch's version."""
    return str(torch.__version__)


def defaults(optimizer: str, **options: Any) -> dict[str, Any]:
    """Return the constructor's defaults, but for those that choose an implementation."""
    own = inspect.signature(_class(optimizer, options)).parameters.values()
    how = ("params", "foreach", "fused", "capturable", "differentiable")
    return {p.name: p.default for p in own if p.name not in how}


def primitives(dtype: str) -> dict[str, Callable[..., Any]]:
    """Return PyTorch's elementary operations on NumPy arrays, for the oracle to measure."""

    def on_arrays(f: Callable[..., Any]) -> Callable[..., Any]:
        return lambda *arrays: f(*map(torch.from_numpy, arrays)).numpy()

    return {
        "sqrt": on_arrays(torch.sqrt),
        "divide": on_arrays(torch.div),
        "multiply": on_arrays(torch.mul),
        "fused": on_arrays(lambda x, y, z: torch.addcmul(z, x, y)),
    }


def _class(optimizer: str, options: Mapping[str, Any]) -> Any:
    if optimizer not in HYPER:
        raise ValueError(f"torch adapter: no {optimizer!r}; it knows {', '.join(HYPER)}")
    cls = getattr(torch.optim, optimizer)
    given = [name for name in HYPER[optimizer] if f"tensor_{name}" in TENSORS]
    known = [*inspect.signature(cls).parameters, *(f"tensor_{name}" for name in given)][1:]
    known += ["device", "compiled", "complex", *SHARDED]
    for name in options:
        if name not in known:
            raise ValueError(
                f"torch adapter: {optimizer} has no option {name!r}; it has {', '.join(known)}"
            )
    return cls


def _has_empty(case: Any) -> bool:
    return any(x.size == 0 for x in (case.theta0 if "tensors" in case.flags else [case.theta0]))


class _Table:
    """The words of torch.optim's own classes, as `drive` asks for them: a group has the same."""

    def __init__(self, optimizer: str, options: Mapping[str, Any]) -> None:
        self.optimizer, self.fixed = optimizer, options

    def __call__(self, hyper: Mapping[str, float]) -> dict[str, Any]:
        """Hyperparameters of a case in the optimizer's words; options replace them."""
        given = {**ABSENT, **hyper}
        if self.fixed.get("nesterov") and self.optimizer == "SGD" and given["dampening"]:
            raise Unsupported("torch.optim.SGD refuses Nesterov with dampening")
        found: dict[str, Any] = {}
        for name, whose in HYPER[self.optimizer].items():
            names = whose if isinstance(whose, tuple) else (whose.removeprefix("-"),)
            missing = [each for each in names if each not in given]
            if name in self.fixed or (len(missing) == len(names) and OWN.issuperset(missing)):
                continue
            if not OWN.issuperset(missing):
                what = f"torch.optim.{self.optimizer} needs {missing[0]}"
                raise Unsupported(f"{what}: ask it as another rule")
            default: Any = defaults(self.optimizer)[name] if missing else names  # of a pair
            values = tuple(given.get(each, default[k]) for k, each in enumerate(names))
            found[name] = values if isinstance(whose, tuple) else values[0]
            if whose == f"-{names[0]}":
                found[name] = -values[0]
        return found

    def among(self, _: Any, hyper: Mapping[str, float], __: Any) -> dict[str, Any]:
        """Return the entries of a group."""
        return self(hyper)

    def rate_among(self, _: Any) -> str:
        """Return the learning rate's key in a group."""
        return "lr"
