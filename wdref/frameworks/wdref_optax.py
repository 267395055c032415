"""Adapter for wdref as an optax transformation: ``wdref_optax:AdamW``, every step under jax.jit.

Options go to wdref's constructor, but for ``horizon=N``, which puts the scalars of N steps into a
table inside the program where a callback asks the host for those of each step.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

import wdref
from wdref.frameworks.loopback import _betas, _method
from wdref.frameworks.loopback import defaults as defaults  # the method's
from wdref.frameworks.optax import primitives as primitives  # XLA's
from wdref.oracle import Unsupported

INSTALL = "pip install wdref optax"
CONVENTION = "paper"
COMPILES = "."
OPTIMIZERS = {
    "SGD": "sgd",
    "SGDW": "sgdw",
    "SGDW[nesterov=True]": "sgdw[nesterov=True]",
    "Adam": "adam",
    "AdamW": "adamw",
    "AdamW[horizon=1000]": "adamw",
    "AdamW[amsgrad=hat]": "adamw[amsgrad=hat]",
    "AdamW[variant=pytorch]": "adamw[form=lr]",
    "Adagrad": "adagrad",
    "AdagradW": "adagradw",
    "RMSprop": "rmsprop",
    "RMSpropW[centered=True]": "rmspropw[centered=True]",
    "Lion": "lion",
}


def load(optimizer: str, horizon: int | None = None, **options: Any) -> Callable[[Any], Any]:
    """Return `run(case)` for a method of wdref by name."""
    method = _method(optimizer, options)

    def run(case: Any) -> Any:
        if case.starts is not None:
            raise Unsupported("wdref counts one t for a whole tree")
        if horizon is not None and len(case.eta) > horizon:
            raise Unsupported(f"the table ends after {horizon} steps: beyond it all is NaN")
        eta = case.eta.tolist()
        own = {str(i): _betas(group) for i, group in enumerate(case.groups or ())}
        # a table asks for steps that the case has not
        opt = method(**_betas(case.hyper), **options, groups=own,
                     schedule=lambda t: eta[min(t, len(eta)) - 1])  # fmt: skip
        with jax.enable_x64(case.dtype == "float64"):
            return _train(case, wdref.interchange.optax_transformation(opt, horizon=horizon))

    run.supports = ("tensors", "groups")  # type: ignore[attr-defined]  # the contract
    return run


def version() -> str:
    """Return the versions of both."""
    return f"{wdref.__version__} (optax {optax.__version__})"


def _train(case: Any, opt: Any) -> Any:
    many = "tensors" in case.flags
    thetas, grads = (case.theta0, case.grads) if many else ([case.theta0], [case.grads])
    params = {str(i): jnp.asarray(theta, case.dtype) for i, theta in enumerate(thetas)}

    def update(params: Any, grads: Any, state: Any) -> Any:
        updates, state = opt.update(grads, state, params)
        return optax.apply_updates(params, updates), state

    step, state = jax.jit(update), jax.jit(opt.init)(params)
    path: list[list[Any]] = [[] for _ in thetas]
    for t in range(len(case.eta)):
        now = {str(i): jnp.asarray(g[t], case.dtype) for i, g in enumerate(grads)}
        params, state = step(params, now, state)
        for i, steps in enumerate(path):
            steps.append(np.asarray(params[str(i)]).astype(np.float64))
    return [np.array(steps) for steps in path] if many else np.array(path[0])
