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
        dtype = getattr(torch, case.dtype)
        p = torch.nn.Parameter(torch.tensor(case.theta0, dtype=dtype))
        opt = cls([p], **HYPER[optimizer](case.hyper, options), **options)
        path = []
        for g, eta in zip(case.grads, case.eta.tolist(), strict=True):
            for group in opt.param_groups:
                group["lr"] = case.hyper["learning_rate"] * eta
            p.grad = torch.tensor(g, dtype=dtype)
            opt.step()
            path.append(p.detach().to(torch.float64).numpy().copy())
        return np.array(path)

    return run


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
