"""Adapter for wdref as a torch.optim.Optimizer: ``wdref_torch:AdamW[variant=pytorch]``.

Options go to wdref's constructor. The schedule sets ``lr`` before each step, as PyTorch's own
schedulers do; ``tensors=True`` keeps the parameters out of autograd.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import torch

import wdref
from wdref.frameworks.driving.torch import Training
from wdref.frameworks.loopback import _betas, _method
from wdref.frameworks.loopback import defaults as defaults  # the method's
from wdref.frameworks.torch import SUPPORTS
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

    def make(params: Any, *, lr: float, **words: Any) -> Any:
        optimizer = method(learning_rate=lr, **words, **options)
        return wdref.interchange.torch_optimizer(optimizer, params)

    def run(case: Any) -> Any:
        return Training(make, _Words(), case, {}).run()

    run.supports = SUPPORTS  # type: ignore[attr-defined]  # the contract
    return run


class _Words:
    """wdref's words but for the rate, which PyTorch's schedulers call lr: a group has the same."""

    fixed: Mapping[str, Any] = MappingProxyType({})

    def __call__(self, hyper: Any) -> dict[str, Any]:
        """Return the keywords of a case."""
        given = _betas(hyper)
        return {"lr" if name == "learning_rate" else name: x for name, x in given.items()}

    def among(self, keys: Any, hyper: Any, default: Any) -> dict[str, Any]:
        """Return the entries of a group; where α changes, what η is counted from does too."""
        words = self(hyper)
        changed = "wdref_lr" in keys and hyper["learning_rate"] != default["learning_rate"]
        return words | ({"wdref_lr": words["lr"]} if changed else {})

    def rate_among(self, _: Any) -> str:
        """Return the learning rate's key in a group."""
        return "lr"


def version() -> str:
    """Return the versions of both."""
    return f"{wdref.__version__} (torch {torch.__version__})"
