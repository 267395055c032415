"""Adapter for paddle.optimizer on its CPU: ``paddle:AdamW[amsgrad=True]``.

`LarsMomentumOptimizer` is of paddle.incubate.optimizer. Options go to the constructor as they are.
The schedule calls ``set_lr`` before each step.
"""

import inspect
import warnings
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of a compiler cache that nobody here needs
    import paddle

from wdref.oracle import Unsupported

from .driving.paddle import SUPPORTS, Training

INSTALL = "pip install paddlepaddle"
CONVENTION = "paddle"
OPTIMIZERS = {
    "AdamW": "adamw",
    "AdamW[amsgrad=True]": "adamw[amsgrad=raw]",
    "Adam": "adam",
    "Adam[amsgrad=True]": "adam[amsgrad=raw]",
    "Adam[use_multi_tensor=True]": "adam",
    "Adadelta": "adadelta",
    "Adamax": "adamax",
    "NAdam": "nadam",
    "RAdam": "radam",
    "Momentum": "sgd",
    "Momentum[use_nesterov=True]": "sgd[nesterov=True]",
    "Momentum[use_multi_tensor=True]": "sgd",
    "SGD": "sgd[buffer=False]",
    "Adagrad": "adagrad",
    "RMSProp": "rmsprop",
    "RMSProp[centered=True]": "rmsprop[centered=True]",
    "Rprop": "rprop",
    "Lamb": "lamb",
    "Lamb[always_adapt=True]": "lamb[undecayed=ratio]",
    "LarsMomentumOptimizer": "lars",
    # the average gradient of SAG; of one batch, which is its default, that is the gradient
    "ASGD": "sgd[buffer=False]",
}

# paddle's name of a hyperparameter: the case's; those of a rule that wdref lacks fit as they may
_ALL = {"learning_rate": "learning_rate", "weight_decay": "weight_decay"}
_ADAM = {**_ALL, "beta1": "beta1", "beta2": "beta2", "epsilon": "eps"}
LARS = "LarsMomentumOptimizer"  # of paddle.incubate
OWN = ("psi",)  # of one rule alone: asked as another it has its own
HYPER: dict[str, dict[str, Any]] = {
    "AdamW": _ADAM,
    "Adam": _ADAM,
    "Momentum": {**_ALL, "momentum": "momentum"},
    "SGD": _ALL,
    "NAdam": {**_ADAM, "momentum_decay": "psi"},
    "RAdam": _ADAM,
    "Adamax": _ADAM,
    "RMSProp": {**_ALL, "rho": "rho", "epsilon": "eps", "momentum": "momentum"},
    "Adadelta": {**_ALL, "rho": "rho", "epsilon": "eps"},
    "Adagrad": {**_ALL, "epsilon": "eps", "initial_accumulator_value": "initial"},
    "ASGD": _ALL,
    "Lamb": {
        "learning_rate": "learning_rate",
        "lamb_weight_decay": "weight_decay",
        "beta1": "beta1",
        "beta2": "beta2",
        "epsilon": "eps",
    },
    "LarsMomentumOptimizer": {
        "learning_rate": "learning_rate",
        "momentum": "momentum",
        "lars_coeff": "trust_coefficient",
        "lars_weight_decay": "weight_decay",
        "epsilon": "eps",
    },
    "Rprop": {
        "learning_rate": "learning_rate",
        "etas": ("shrink", "grow"),
        "learning_rate_range": ("smallest", "largest"),
    },
}


KEYS = tuple(dict.fromkeys(word for words in HYPER.values() for word in words))  # of a group
OWN_OPTIONS = ()  # of `drive`: all options are the constructor's


def load(optimizer: str, **options: Any) -> Callable[[Any], Any]:
    """Return `run(case)` for the class `optimizer` of paddle.optimizer."""
    driven = drive(_class(optimizer, options), _Table(optimizer, options))

    def run(case: Any) -> Any:
        if optimizer == "Rprop" and case.groups:
            raise Unsupported("paddle.optimizer.Rprop has one rate for all groups")
        if optimizer == LARS and case.groups:
            raise Unsupported(f"paddle's {LARS} has one decay for all groups")
        if optimizer == "Rprop" and "scheduler" in case.life:
            # "'<=' not supported between instances of 'float' and 'LambdaDecay'"
            raise Unsupported("paddle.optimizer.Rprop fails with a scheduler")
        return driven(case)

    run.supports = driven.supports  # type: ignore[attr-defined]  # the contract
    return run


def drive(make: Callable[..., Any], words: Any) -> Callable[[Any], Any]:
    """Return `run(case)` for what `make` makes of parameters or groups and of keywords.

    ``words(hyper)`` are the keywords, `words.fixed` those that every object gets, `words.rate` is
    the learning rate's.
    """
    paddle.set_device("cpu")

    def run(case: Any) -> Any:
        return Training(make, words, case, KEYS).run()

    run.supports = SUPPORTS  # type: ignore[attr-defined]  # the contract
    return run


def version() -> str:
    """Return Paddle's version."""
    return str(paddle.__version__)


def defaults(optimizer: str, **options: Any) -> dict[str, Any]:
    """Return the constructor's defaults, but for those that choose an implementation."""
    own = inspect.signature(_class(optimizer, options)).parameters.values()
    how = ("parameters", "parameter_list", "name", "multi_precision", "use_multi_tensor",
           "use_lowprecision_moment")  # fmt: skip
    return {p.name: p.default for p in own if p.default is not p.empty and p.name not in how}


def primitives(dtype: str) -> dict[str, Callable[..., Any]]:
    """Return Paddle's elementary operations on NumPy arrays, for the oracle to measure."""
    if dtype == "float16":
        raise Unsupported("its square root has no float16 on the CPU")
    paddle.set_device("cpu")

    def on_arrays(f: Callable[..., Any]) -> Callable[..., Any]:
        return lambda *arrays: f(*map(paddle.to_tensor, arrays)).numpy()

    return {
        "sqrt": on_arrays(paddle.sqrt),
        "divide": on_arrays(paddle.divide),
        "multiply": on_arrays(paddle.multiply),
        "fused": on_arrays(lambda x, y, z: x * y + z),
    }


def _class(optimizer: str, options: Mapping[str, Any]) -> Any:
    if optimizer not in HYPER:
        raise ValueError(f"paddle adapter: no {optimizer!r}; it knows {', '.join(HYPER)}")
    cls: Any = _lars() if optimizer == LARS else getattr(paddle.optimizer, optimizer)
    known = list(inspect.signature(cls).parameters)
    for name in options:
        if name not in known:
            raise ValueError(
                f"paddle adapter: {optimizer} has no option {name!r}; it has {', '.join(known)}"
            )
    return cls


def _lars() -> Any:
    """LARS, which takes its parameters by another name than all others."""
    cls = getattr(paddle.incubate.optimizer, LARS)

    @wraps(cls)
    def make(parameters: Any, **options: Any) -> Any:
        return cls(parameter_list=parameters, **options)

    return make


class _Table:
    """The words of Paddle's own classes, as `drive` asks for them."""

    rate = "learning_rate"

    def __init__(self, optimizer: str, options: Mapping[str, Any]) -> None:
        self.optimizer, self.fixed = optimizer, options

    def __call__(self, hyper: Mapping[str, float]) -> dict[str, Any]:
        """Hyperparameters of a case in the optimizer's words, but for those that are options."""
        name = f"paddle.optimizer.{self.optimizer}"
        if hyper.get("dampening"):
            raise Unsupported(f"{name} has no dampening")
        hyper = {"initial": 0.0, **hyper}
        words = {theirs: ours for theirs, ours in HYPER[self.optimizer].items()
                 if ours not in OWN or ours in hyper}  # fmt: skip
        pairs = {theirs: ours if isinstance(ours, tuple) else (ours,)
                 for theirs, ours in words.items()}  # fmt: skip
        if missing := [x for names in pairs.values() for x in names if x not in hyper]:
            raise Unsupported(f"{name} needs {missing[0]}: ask it otherwise")
        if self.optimizer == "Rprop" and not _within(hyper):
            raise Unsupported(f"{name} refuses a learning rate beyond its range")
        return {own: tuple(hyper[x] for x in names) if len(names) > 1 else hyper[names[0]]
                for own, names in pairs.items() if own not in self.fixed}  # fmt: skip

    def among(self, _: Any, hyper: Mapping[str, float], __: Any) -> dict[str, Any]:
        """Return the entries of a group."""
        return self(hyper)


def _within(hyper: Mapping[str, float]) -> bool:
    return hyper["smallest"] <= hyper["learning_rate"] <= hyper["largest"]
