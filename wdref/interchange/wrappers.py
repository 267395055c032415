"""The two wrappers, each imported when it is asked for."""

from typing import Any

from ..optimizer import Optimizer


def torch_optimizer(optimizer: Optimizer, params: Any, /) -> Any:
    """Return a ``torch.optim.Optimizer`` that steps `params` by the rule of `optimizer`.

    `params` is what PyTorch takes: parameters, pairs of name and parameter, or groups with ``lr``,
    ``weight_decay``, ``betas``, ``eps``, ``momentum``, … of their own. Groups and mask of
    `optimizer` need the names, ``model.named_parameters()``. Closures, hooks, ``state_dict``,
    gradient scaling and learning-rate schedulers work as everywhere in PyTorch.

    What changes ``group["lr"]`` after the group was added is η_t, the schedule multiplier: in the
    paper's form λ follows it, as the paper has it. The schedule of `optimizer` multiplies that. A
    parameter without a gradient is passed over, and counts its steps for itself.

    Raises ValueError or TypeError, before anything is written, for a group that has other words,
    numbers that cannot be, sparse gradients, and parameters that share memory.

    >>> import torch
    >>> import wdref
    >>> net = torch.nn.Linear(3, 1)
    >>> opt = wdref.AdamW(weight_decay=0.01, decay_mask=lambda path, p: p.ndim > 1)
    >>> found = wdref.interchange.torch_optimizer(opt, net.named_parameters())
    >>> [group["weight_decay"] for group in found.param_groups]
    [0.01, None]
    """
    from .torch import TorchOptimizer

    return TorchOptimizer(optimizer, params)


def optax_transformation(optimizer: Optimizer, /, *, horizon: int | None = None) -> Any:
    """Return an ``optax.GradientTransformation`` that makes the updates of `optimizer`.

    Under ``jax.jit`` the step is not known when the program is compiled, and its scalars cannot be
    computed there: bias corrections in float32 are off by thousands of units in the last place.
    They come from the host, in float64: in each step through a callback, or, with a `horizon`, from
    a table of that many steps inside the program. Past its end everything becomes NaN.

    optax adds updates, θ + (θ' - θ): where θ' is not within a factor of two of θ the sum is
    rounded once more than wdref's own θ'. Trees are JAX's; masks and groups see the path of a leaf
    joined by dots.

    >>> import jax.numpy as jnp
    >>> import optax
    >>> import wdref
    >>> found = wdref.interchange.optax_transformation(wdref.AdamW(weight_decay=0.0))
    >>> params = {"w": jnp.ones(2)}
    >>> updates, state = found.update({"w": jnp.ones(2)}, found.init(params), params)
    >>> print(optax.apply_updates(params, updates)["w"])
    [0.999 0.999]
    """
    from .optax import transformation

    return transformation(optimizer, horizon)
