"""Conventions: what each program means by its hyperparameters, as dialects.

A convention maps a claim (``sgd``, ``sgdw``, ``adam``, ``adamw``) to the dialect that the named
program computes. `dialect` looks one up and applies the caller's own answers.
"""

from collections.abc import Mapping
from dataclasses import fields, replace
from types import MappingProxyType
from typing import Any

from .dialects import AdamDialect, Dialect, MomentumDialect

CLAIMS = ("sgd", "sgdw", "adam", "adamw")

_PYTORCH_SGD = MomentumDialect(form="l2", lr="outside", damping="dampening", first="gradient")

CONVENTIONS: Mapping[str, Mapping[str, Dialect]] = MappingProxyType(
    {
        # Loshchilov & Hutter (2019), Algorithms 1 and 2
        "paper": {
            "sgd": MomentumDialect(form="l2"),
            "sgdw": MomentumDialect(form="paper"),
            "adam": AdamDialect(form="l2"),
            "adamw": AdamDialect(form="paper"),
        },
        # the authors' program (loshchil/AdamW-and-SGDW): UPDATETORCHFILES/{sgd,adam}.lua
        "authors_code": {
            "sgd": MomentumDialect(form="l2", lr="outside"),
            "sgdw": MomentumDialect(form="paper", lr="outside"),
            "adam": AdamDialect(form="l2", eps="hat"),
            "adamw": AdamDialect(form="paper", eps="hat"),
        },
        # torch.optim: SGD, Adam, AdamW; it has no SGDW, which here is its SGD with AdamW's decay
        "pytorch": {
            "sgd": _PYTORCH_SGD,
            "sgdw": replace(_PYTORCH_SGD, form="lr"),
            "adam": AdamDialect(form="l2"),
            "adamw": AdamDialect(form="lr"),
        },
        # Keras 3: weight_decay of every optimizer is decoupled, of Adam and SGD too
        "keras": {
            "sgd": MomentumDialect(form="lr"),
            "sgdw": MomentumDialect(form="lr"),
            "adam": AdamDialect(form="lr", eps="hat"),
            "adamw": AdamDialect(form="lr", eps="hat"),
        },
        # scikit-learn's MLP: L2 in the gradient, ε before the bias correction; nothing decoupled
        "sklearn": {
            "sgd": MomentumDialect(form="l2"),
            "adam": AdamDialect(form="l2", eps="hat"),
        },
        # optax: add_decayed_weights before sgd or adam is L2, before the learning rate is decay
        "optax": {
            "sgd": MomentumDialect(form="l2", lr="outside"),
            "sgdw": MomentumDialect(form="lr", lr="outside"),
            "adam": AdamDialect(form="l2"),
            "adamw": AdamDialect(form="lr"),
        },
        # paddle.optimizer: Momentum and Adam add an L2 term, AdamW decays
        "paddle": {
            "sgd": MomentumDialect(form="l2", lr="outside"),
            "adam": AdamDialect(form="l2"),
            "adamw": AdamDialect(form="lr"),
        },
        # mlx.optimizers: no bias correction unless asked for, dampening from the first step on
        "mlx": {
            "sgd": MomentumDialect(form="l2", lr="outside", damping="dampening"),
            "adam": AdamDialect(form="none", bias="none"),
            "adamw": AdamDialect(form="lr", bias="none"),
        },
        # tinygrad.nn.optim
        "tinygrad": {
            "sgd": MomentumDialect(form="l2", lr="outside"),
            "adam": AdamDialect(form="none"),
            "adamw": AdamDialect(form="lr"),
        },
        # thinc.optimizers without its gradient clipping: L2_is_weight_decay=False is sgd and adam,
        # True, the default, decays the parameter after the step; its SGD has no momentum
        "thinc": {
            "sgd": MomentumDialect(form="l2", buffer=False),
            "sgdw": MomentumDialect(form="lr", order="after", buffer=False),
            "adam": AdamDialect(form="l2", eps="hat"),
            "adamw": AdamDialect(form="lr", order="after", eps="hat"),
        },
        # chainer.optimizers: MomentumSGD and Adam under the hook WeightDecay, and Adam's own
        # weight_decay_rate, which its eta multiplies: Algorithm 2 but for ε
        "chainer": {
            "sgd": MomentumDialect(form="l2"),
            "adam": AdamDialect(form="l2", eps="hat"),
            "adamw": AdamDialect(form="paper", eps="hat"),
        },
        # tensorflow_addons: the decay follows neither learning rate nor schedule
        "tf_addons": {
            "sgdw": MomentumDialect(form="fixed"),
            "adamw": AdamDialect(form="fixed", eps="hat"),
        },
        # tensorflow's own: tf.compat.v1.train, its raw operators; none of them decays
        "tensorflow": {
            "sgd": MomentumDialect(form="none", lr="outside"),
            "adam": AdamDialect(form="none", eps="hat"),
        },
        # ai.onnx.preview.training, T counting the updates made before: norm_coefficient is L2,
        # norm_coefficient_post multiplies the stepped parameter
        "onnx": {
            "sgd": _PYTORCH_SGD,
            "adam": AdamDialect(form="l2", eps="hat", bias="behind"),
            "adamw": AdamDialect(form="fixed", order="after", eps="hat", bias="behind"),
        },
    }
)


def dialect(claim: str, convention: str = "paper", /, **answers: Any) -> Dialect:
    """Look up the dialect of `claim` under `convention`, with `answers` put in place of its own.

    Hyphens in `convention` count as underscores. Without a buffer nothing is damped, unless
    `answers` say so. Raises ValueError, naming what exists, for an
    unknown claim, convention or answer.

    >>> dialect("adamw", "pytorch").form
    'lr'
    >>> dialect("sgd", "pytorch", nesterov=True).nesterov
    True
    """
    known = convention.replace("-", "_")
    if known not in CONVENTIONS:
        raise ValueError(
            f"no convention {convention!r}: wdref knows {', '.join(sorted(CONVENTIONS))}"
        )
    rules = CONVENTIONS[known]
    if claim not in rules:
        raise ValueError(f"convention {convention!r} has no {claim!r}: it has {', '.join(rules)}")
    found = rules[claim]
    for name, answer in answers.items():
        _check_answer(found, name, answer)
    if answers.get("buffer") is False:
        answers = {"damping": "none", "first": "damped", **answers}
    return replace(found, **answers)


def _check_answer(found: Dialect, name: str, answer: Any) -> None:
    types = {f.name: f.type for f in fields(found)}
    if name not in types:
        raise ValueError(
            f"{found.family} has no option {name!r}: its options are {', '.join(types)}"
        )
    kind: Any = types[name]
    allowed = (False, True) if kind is bool else kind.__args__
    if answer not in allowed:
        raise ValueError(f"{name}={answer!r}: expected one of {', '.join(map(repr, allowed))}")
