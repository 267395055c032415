"""Adapter for torch.optim: ``torch:AdamW[fused=True]``, ``torch:SGD[nesterov=True]``.

Options go to the constructor as they are. The schedule sets ``lr`` before each step, as
PyTorch's own schedulers do.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from wdref.oracle import Unsupported


def load(optimizer: str, **options: Any) -> Callable[[Any], Any]:
    """Return `run(case)` for the class `optimizer` of torch.optim."""
    if optimizer not in HYPER:
        raise ValueError(f"torch adapter: no {optimizer!r}; it knows {', '.join(HYPER)}")
    cls = getattr(torch.optim, optimizer)
    torch.set_num_threads(1)  # cases are small

    def run(case: Any) -> Any:
        many = "tensors" in case.flags
        thetas, grads = (case.theta0, case.grads) if many else ([case.theta0], [case.grads])
        dtype = getattr(torch, case.dtype)
        params = [torch.nn.Parameter(_view(theta, dtype, case.layout)) for theta in thetas]
        own = [{**case.hyper, **group} for group in case.groups or [{}] * len(params)]
        if case.starts is not None and optimizer == "SGD" and options.get("fused"):
            # torch._fused_sgd_ takes all buffers or none: "expected Tensor, but got NoneType"
            raise Unsupported("torch.optim.SGD(fused=True) fails where a gradient begins late")
        groups = [
            {"params": [p], **HYPER[optimizer](h, options)}
            for p, h in zip(params, own, strict=True)
        ]
        # the constructor checks its own arguments, also where every group has others
        defaults = {**HYPER[optimizer](case.hyper, options), **options}
        opt = cls(groups if case.groups else params, **defaults)
        path: list[list[Any]] = [[] for _ in params]
        for t, eta in enumerate(case.eta.tolist()):
            for group, h in zip(opt.param_groups, own, strict=False):  # one group, or one each
                group["lr"] = h["learning_rate"] * eta
            for i, p in enumerate(params):
                late = case.starts is not None and t + 1 < case.starts[i]
                p.grad = None if late else _view(grads[i][t], dtype, case.layout)
            opt.step()
            for p, steps in zip(params, path, strict=True):
                steps.append(p.detach().to(torch.float64).numpy().copy())
        return [np.array(steps) for steps in path] if many else np.array(path[0])

    run.supports = ("tensors", "groups", "late", "layout")  # type: ignore[attr-defined]  # the contract
    return run


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


def _view(x: Any, dtype: Any, layout: str) -> Any:
    """Return a tensor with the values of `x`: its own, every other element, or one element off."""
    values = torch.tensor(x, dtype=dtype)
    if layout == "strided":
        return torch.zeros(2 * len(x), dtype=dtype)[::2].copy_(values)
    if layout == "offset":
        return torch.zeros(len(x) + 1, dtype=dtype)[1:].copy_(values)
    return values


def _adam(hyper: Any, options: dict[str, Any]) -> dict[str, Any]:
    return {
        "lr": hyper["learning_rate"],
        "betas": (hyper["beta1"], hyper["beta2"]),
        "eps": hyper["eps"],
        "weight_decay": hyper["weight_decay"],
    }


def _sgd(hyper: Any, options: dict[str, Any]) -> dict[str, Any]:
    dampening = hyper.get("dampening", 0.0)
    if options.get("nesterov") and dampening:
        raise Unsupported("torch.optim.SGD refuses Nesterov with dampening")
    return {
        "lr": hyper["learning_rate"],
        "momentum": hyper["momentum"],
        "weight_decay": hyper["weight_decay"],
        "dampening": dampening,
    }


HYPER = {"AdamW": _adam, "Adam": _adam, "SGD": _sgd}
