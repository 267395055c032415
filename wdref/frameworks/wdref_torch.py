"""Adapter for wdref as a torch.optim.Optimizer: ``wdref_torch:AdamW[variant=pytorch]``.

Options go to wdref's constructor. The schedule sets ``lr`` before each step, as PyTorch's own
schedulers do; ``tensors=True`` keeps the parameters out of autograd.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

import wdref
from wdref.frameworks.loopback import _betas, _method
from wdref.frameworks.loopback import defaults as defaults  # the method's
from wdref.frameworks.torch import _view, _waits
from wdref.frameworks.torch import primitives as primitives  # of scalars; arrays are NumPy's

INSTALL = "pip install wdref torch"
CONVENTION = "paper"
OPTIMIZERS = {
    "SGD": "sgd",
    "SGDW": "sgdw",
    "SGDW[nesterov=True]": "sgdw[nesterov=True]",
    "Adam": "adam",
    "AdamW": "adamw",
    "AdamW[backend=plain]": "adamw",
    "AdamW[amsgrad=hat]": "adamw[amsgrad=hat]",
    "AdamW[variant=pytorch]": "adamw[form=lr]",
    "Adagrad": "adagrad",
    "AdagradW": "adagradw",
    "RMSprop": "rmsprop",
    "RMSpropW[centered=True]": "rmspropw[centered=True]",
    "Lion": "lion",
}


def load(optimizer: str, **options: Any) -> Callable[[Any], Any]:
    """Return `run(case)` for a method of wdref by name."""
    method = _method(optimizer, options)
    torch.set_num_threads(1)  # cases are small

    def run(case: Any) -> Any:
        many = "tensors" in case.flags
        thetas, grads = (case.theta0, case.grads) if many else ([case.theta0], [case.grads])
        dtype = getattr(torch, case.dtype)
        params = [torch.nn.Parameter(_view(x, dtype, case.layout)) for x in thetas]
        own = [{**case.hyper, **group} for group in case.groups or [{}] * len(params)]
        words = [
            {"lr" if name == "learning_rate" else name: x for name, x in _betas(h).items()}
            for h in own
        ]
        opt = wdref.interchange.torch_optimizer(
            method(**_betas(case.hyper), **options),
            [{"params": [p], **h} for p, h in zip(params, words, strict=True)],
        )
        path: list[list[Any]] = [[] for _ in params]
        for t, eta in enumerate(case.eta.tolist()):
            for group, h in zip(opt.param_groups, words, strict=True):
                group["lr"] = h["lr"] * eta
            for i, p in enumerate(params):
                waits, g = _waits(case, i, t), grads[i][t]
                p.grad = None if waits else _view(g, dtype, case.layout)
            opt.step()
            for p, steps in zip(params, path, strict=True):
                steps.append(p.detach().to(torch.float64).numpy().ravel().copy())
        return [np.array(steps) for steps in path] if many else np.array(path[0])

    run.supports = ("tensors", "groups", "late", "none", "layout")  # type: ignore[attr-defined]  # the contract
    return run


def version() -> str:
    """Return the versions of both."""
    return f"{wdref.__version__} (torch {torch.__version__})"
