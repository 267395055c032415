"""Adapter for wdref itself: ``loopback:AdamW[variant=pytorch]``. It must conform.

Options go to the constructor; other conventions are reached through ``variant``.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

import wdref


def load(optimizer: str, **options: Any) -> Callable[[Any], Any]:
    """Return `run(case)` for a method of wdref by name."""
    if optimizer not in ("SGD", "SGDW", "Adam", "AdamW"):
        raise ValueError(f"loopback adapter: no {optimizer!r}; it knows SGD, SGDW, Adam, AdamW")
    method = getattr(wdref, optimizer)

    def run(case: Any) -> Any:
        hyper = dict(case.hyper)
        if "beta1" in hyper:
            hyper["betas"] = (hyper.pop("beta1"), hyper.pop("beta2"))
        eta = case.eta.tolist()
        opt = method(**hyper, **options, schedule=lambda t: eta[t - 1])
        params = {"theta": case.theta0.copy()}
        state = opt.init(params)
        path = []
        for g in case.grads:
            state = opt.step(params, {"theta": g}, state)
            path.append(params["theta"].copy())
        return np.array(path)

    return run
