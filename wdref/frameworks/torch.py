"""Adapter for torch.optim: ``torch:AdamW[fused=True]``, ``torch:SGD[nesterov=True]``.

Options go to the constructor as they are. Three are the adapter's own: ``tensor_lr=True``,
``tensor_betas=True`` and ``tensor_weight_decay=True`` give these as tensors, as ``torch.tensor``
makes them of a float. The schedule sets ``lr`` before each step, as PyTorch's own schedulers do,
but for Rprop, whose rate is the first step size alone.
"""

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch

from wdref.oracle import Unsupported

INSTALL = "pip install torch"
CONVENTION = "pytorch"
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
    "ASGD": "asgd",
    "ASGD[foreach=True]": "asgd",
    "ASGD[maximize=True]": "asgd",
    "ASGD[maximize=True,foreach=True]": "asgd",
    "ASGD[differentiable=True]": "asgd",
    "ASGD[tensor_lr=True]": "asgd",
    # its own decay switched off it is plain SGD, whose rate is the one of the step before
    "ASGD[lambd=0]": "sgd[buffer=False,damping=none,schedule=late]",
}

# torch's name of a hyperparameter: the case's; those of a rule that wdref lacks fit as they may
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
    "Adafactor": _ALL,
    "Muon": {**_ALL, "momentum": "momentum"},
}
ABSENT = {"dampening": 0.0, "annealing": 0.0, "initial": 0.0}  # where a rule does not read them
OWN = {"psi", "penalty", "exponent", "onset"}  # of one rule alone: asked as another it has its own
TENSORS = ("tensor_lr", "tensor_betas", "tensor_weight_decay")


def load(optimizer: str, **options: Any) -> Callable[[Any], Any]:
    """Return `run(case)` for the class `optimizer` of torch.optim."""
    cls = _class(optimizer, options)
    torch.set_num_threads(1)  # cases are small
    tensors = {name for name in TENSORS if options.pop(name, False)}
    sign = -1 if options.get("maximize") else 1

    def run(case: Any) -> Any:
        many = "tensors" in case.flags
        thetas, grads = (case.theta0, case.grads) if many else ([case.theta0], [case.grads])
        dtype = getattr(torch, case.dtype)
        # a step that is differentiated changes no leaf that autograd watches
        watched = not options.get("differentiable")
        views = [_view(theta, dtype, case.layout, optimizer) for theta in thetas]
        params = [torch.nn.Parameter(view, requires_grad=watched) for view in views]
        own = [{**case.hyper, **group} for group in case.groups or [{}] * len(params)]
        buffer = options.get("momentum", case.hyper.get("momentum"))
        if case.starts and buffer and optimizer == "SGD" and options.get("fused"):
            # torch._fused_sgd_ takes all buffers or none: "expected Tensor, but got NoneType"
            raise Unsupported("torch.optim.SGD(fused=True) fails where a gradient begins late")
        groups = [
            {"params": [p], **_hyper(optimizer, h, options, tensors)}
            for p, h in zip(params, own, strict=True)
        ]
        # the constructor checks its own arguments, also where every group has others
        defaults = {**_hyper(optimizer, case.hyper, options, tensors), **options}
        opt = cls(groups if case.groups else params, **defaults)
        path: list[list[Any]] = [[] for _ in params]
        for t, eta in enumerate(case.eta.tolist()):
            for group, h in zip(opt.param_groups, own, strict=False):  # one group, or one each
                _set_rate(group, h["learning_rate"] * (1.0 if optimizer == "Rprop" else eta))
            for i, p in enumerate(params):
                waits, g = _waits(case, i, t), sign * grads[i][t]
                p.grad = None if waits else _view(g, dtype, case.layout, optimizer)
            opt.step()
            for p, steps in zip(params, path, strict=True):
                steps.append(p.detach().to(torch.float64).numpy().ravel().copy())
        return [np.array(steps) for steps in path] if many else np.array(path[0])

    run.supports = ("tensors", "groups", "late", "none", "layout")  # type: ignore[attr-defined]  # the contract
    return run


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
    for name in options:
        if name not in known:
            raise ValueError(
                f"torch adapter: {optimizer} has no option {name!r}; it has {', '.join(known)}"
            )
    return cls


def _waits(case: Any, i: int, t: int) -> bool:
    """Whether tensor `i` has no gradient at step `t`, from 0."""
    late = case.starts is not None and t + 1 < case.starts[i]
    return late or (case.gaps is not None and t + 1 in case.gaps[i])


def _view(x: Any, dtype: Any, layout: str, optimizer: str) -> Any:
    """Return a tensor with the values of `x`: its own, every other element, or one element off."""
    values = torch.tensor(x, dtype=dtype)
    if layout == "strided":
        return torch.zeros(2 * len(x), dtype=dtype)[::2].copy_(values)
    if layout == "offset":
        return torch.zeros(len(x) + 1, dtype=dtype)[1:].copy_(values)
    alone = optimizer == "Muon" and values.ndim != 2  # it takes matrices alone
    return values.reshape(1, -1) if alone else values


def _hyper(
    optimizer: str, hyper: Mapping[str, float], options: Mapping[str, Any], tensors: set[str]
) -> dict[str, Any]:
    """Hyperparameters of a case in the optimizer's words; `options` replace them."""
    given = {**ABSENT, **hyper}
    if options.get("nesterov") and optimizer == "SGD" and given["dampening"]:
        raise Unsupported("torch.optim.SGD refuses Nesterov with dampening")
    found = {}
    for name, whose in HYPER[optimizer].items():
        if name in options:
            continue
        names = whose if isinstance(whose, tuple) else (whose,)
        missing = [each for each in names if each not in given]
        if missing and OWN.issuperset(missing):
            continue
        if missing:
            raise Unsupported(f"torch.optim.{optimizer} needs {missing[0]}: ask it as another rule")
        values: Any = tuple(given[each] for each in names)
        if f"tensor_{name}" in tensors:
            values = tuple(torch.tensor(value) for value in values)
        found[name] = values if isinstance(whose, tuple) else values[0]
    return found


def _set_rate(group: dict[str, Any], rate: float) -> None:
    if isinstance(group["lr"], torch.Tensor):
        group["lr"].fill_(rate)
    else:
        group["lr"] = rate
