"""Adapter for wdref itself: ``loopback:AdamW[variant=pytorch]``. It must conform.

Options go to the constructor; other conventions are reached through ``variant``.
"""

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

import wdref
from wdref.common.optional import optional
from wdref.conventions import CONVENTIONS
from wdref.methods import methods
from wdref.oracle import Unsupported

ml_dtypes: Any = optional("ml_dtypes")
INSTALL = "pip install wdref"
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
    "Lion": "lion",
    "Tiger": "tiger",
    "Signum": "signum",
    "SignSGD": "signsgd",
    "Adadelta": "adadelta",
    "Adamax": "adamax",
    "AdamaxW": "adamaxw",
    "AdamaxW[variant=optax]": "adamaxw[form=lr,eps=num]",
    "Adagrad": "adagrad",
    "AdagradW": "adagradw",
    "RMSprop": "rmsprop",
    "RMSpropW[centered=True]": "rmspropw[centered=True]",
    "NAdam": "nadam",
    "NAdamW": "nadamw",
    "NAdamW[variant=keras]": "nadamw[form=lr,ramp=whole,average=beta1,second=plain]",
    "RAdam": "radam",
    "RAdamW": "radamw",
    "RAdamW[variant=pytorch]": "radamw[form=lr,threshold=over_5,eps=hat]",
    "Rprop": "rprop",
    "ASGD": "asgd",
}


def load(optimizer: str, **options: Any) -> Callable[[Any], Any]:
    """Return `run(case)` for a method of wdref by name."""
    method = _method(optimizer, options)
    known = CONVENTIONS[options.get("variant", "paper").replace("-", "_")]
    decays = options.get("form", known[method.claim].form) != "none"
    taken = inspect.signature(method).parameters

    def run(case: Any) -> Any:
        hyper = _words(case.hyper, decays)
        if foreign := [name for name in hyper if name not in taken]:
            raise Unsupported(f"wdref.{optimizer} has no {foreign[0]}: ask it as another rule")
        if case.dtype == "bfloat16" and ml_dtypes is None:
            raise Unsupported("NumPy has bfloat16 with ml_dtypes only")
        eta = case.eta.tolist()
        # the schedule of a late tensor begins late: the optimizer counts from its own first step
        if case.starts is not None:
            raise Unsupported("wdref counts one t for a whole tree")
        own = {str(i): _words(group, decays) for i, group in enumerate(case.groups or ())}
        opt = method(**hyper, **options, groups=own, schedule=lambda t: eta[t - 1])
        many = "tensors" in case.flags
        thetas, grads = (case.theta0, case.grads) if many else ([case.theta0], [case.grads])
        params = {str(i): _view(theta, case) for i, theta in enumerate(thetas)}
        state = opt.init(params)
        path: list[list[Any]] = [[] for _ in thetas]
        for t in range(len(eta)):
            now = {str(i): _view(g[t], case) for i, g in enumerate(grads)}
            state = opt.step(params, now, state)
            for i, steps in enumerate(path):
                steps.append(params[str(i)].astype(np.float64))
        return [np.array(steps) for steps in path] if many else np.array(path[0])

    run.supports = ("tensors", "groups", "layout")  # type: ignore[attr-defined]  # the contract
    return run


def version() -> str:
    """Return wdref's version."""
    return str(wdref.__version__)


def defaults(optimizer: str, **options: Any) -> dict[str, Any]:
    """Return the method's defaults."""
    own = inspect.signature(_method(optimizer, options)).parameters
    family = _method(optimizer, options).family
    numbers = {"learning_rate", "weight_decay", "betas", *(h.name for h in family.hyper)} - {"clip"}
    return {
        name: p.default
        for name, p in own.items()
        if name in numbers and p.default is not inspect.Parameter.empty
    }


def primitives(dtype: str) -> dict[str, Callable[..., Any]]:
    """Return NumPy's elementary operations, for the oracle to measure."""
    return {
        "sqrt": np.sqrt,
        "divide": np.divide,
        "multiply": np.multiply,
        "fused": lambda x, y, z: x * y + z,
    }


def _method(optimizer: str, options: Mapping[str, Any]) -> Any:
    if optimizer not in methods():
        raise ValueError(f"loopback adapter: no {optimizer!r}; it knows {', '.join(methods())}")
    method = methods()[optimizer]
    known = list(inspect.signature(method).parameters)
    for name in options:
        if name not in known:
            raise ValueError(
                f"loopback adapter: {optimizer} has no option {name!r}; it has {', '.join(known)}"
            )
    return method


def _words(hyper: Any, decays: bool) -> dict[str, Any]:
    """The hyperparameters as the method takes them; without a decay none is given."""
    words = _betas(hyper)
    return words if decays else {k: x for k, x in words.items() if k != "weight_decay"}


def _betas(hyper: Any) -> dict[str, Any]:
    words = dict(hyper)
    if "beta1" in words:
        words["betas"] = (words.pop("beta1"), words.pop("beta2"))
    return words


def _view(x: Any, case: Any) -> Any:
    if case.dtype == "bfloat16":
        x = x.astype(ml_dtypes.bfloat16)
    if case.layout == "contiguous":
        return x.copy()
    base = np.zeros(2 * len(x) + 1, x.dtype)
    view = base[1 : 2 * len(x) : 2] if case.layout == "strided" else base[1 : len(x) + 1]
    view[...] = x
    return view
