"""Adapter for optax: ``optax:adamw``, ``optax:sgd[decay=before]``; every step runs under jax.jit.

Options go to the function of optax as they are (``nesterov``, ``momentum=None``, ``mu_dtype``,
``bias_correction_nu``, …; ``eps_root=eps`` is the case's own eps), and beside them:

- ``decay``: where ``optax.add_decayed_weights`` stands in the chain: ``before`` the optimizer (L2),
  ``after`` it but before the learning rate, or ``last`` (then with -weight_decay, θ ← … - λ θ);
- ``x64``: JAX's switch for 64-bit numbers. By default as users have it, on for float64 alone;
- ``mask=True``: a tensor without decay is masked out, where otherwise its weight_decay is 0;
- ``inject=True``: under ``optax.inject_hyperparams``, where hyperparameters are arrays;
- ``sharded=8``: on as many simulated devices (2, 4 or 8), each with an equal chunk of the first
  dimension. JAX refuses uneven chunks: rows of zeros fill the last, as its users do, and its state.
"""

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from wdref.oracle import Unsupported

from .sharded.jax import Devices

INSTALL = "pip install optax"
CONVENTION = "optax"
COMPILES = "."
OPTIMIZERS = {
    "sgd": "sgd[form=none]",
    "sgd[momentum=None]": "sgd[form=none,buffer=False]",
    "sgd[nesterov=True]": "sgd[form=none,nesterov=True]",
    "sgd[decay=before]": "sgd",
    "sgd[decay=before,momentum=None]": "sgd[buffer=False]",
    "sgd[decay=before,nesterov=True]": "sgd[nesterov=True]",
    "sgd[decay=after]": "sgdw",
    "sgd[decay=after,nesterov=True]": "sgdw[nesterov=True]",
    "sgd[decay=last]": "sgdw[form=fixed]",
    "adam": "adam[form=none]",
    "adam[decay=before]": "adam",
    "adam[decay=before,x64=True]": "adam",
    "adam[decay=before,eps_root=eps,eps=0.0]": "adam[eps=inside]",
    "adam[decay=last]": "adamw[form=fixed]",
    "adamw": "adamw",
    "adamw[x64=True]": "adamw",
    "adamw[mask=True]": "adamw",
    "adamw[inject=True]": "adamw",
    "adamw[eps_root=eps]": "adamw[eps=both]",
    "nadam": "nadam[form=none]",
    "nadam[decay=before]": "nadam",
    "nadamw": "nadamw",
    "radam": "radam[form=none]",
    "radam[decay=before]": "radam",
    "radam[decay=before,x64=True]": "radam",
    "radam[decay=after]": "radamw",
    "amsgrad[decay=before]": "adam[amsgrad=hat]",
    "amsgrad[decay=after]": "adamw[amsgrad=hat]",
    "amsgrad[bias_correction_mu=False,bias_correction_nu=False]":
        "adam[form=none,bias=none,amsgrad=raw]",
    "lion": "lion",
    "lion[inject=True]": "lion",
    "signum": "signum[form=none]",
    "signum[decay=before]": "signum[form=l2]",
    "signum[decay=after]": "signum",
    "sign_sgd": "signsgd[form=none]",
    "sign_sgd[decay=before]": "signsgd[form=l2]",
    "sign_sgd[decay=after]": "signsgd",
    "adadelta": "adadelta",
    "adamax": "adamax[form=none]",
    "adamax[decay=before]": "adamax",
    "adamaxw": "adamaxw",
    "adamaxw[mask=True]": "adamaxw",
    "adagrad": "adagrad[form=none]",
    "adagrad[decay=before]": "adagrad",
    "adagrad[decay=after]": "adagradw",
    "adagrad[decay=last]": "adagradw[form=fixed]",
    "rmsprop": "rmsprop[form=none]",
    "rmsprop[decay=before]": "rmsprop",
    "rmsprop[decay=before,momentum=None]": "rmsprop[buffer=False]",
    "rmsprop[decay=before,nesterov=True]": "rmsprop[nesterov=True]",
    "rmsprop[decay=before,centered=True]": "rmsprop[centered=True]",
    "rmsprop[decay=before,eps_in_sqrt=False]": "rmsprop[eps=outside]",
    "rmsprop[decay=before,eps_in_sqrt=False,centered=True]":
        "rmsprop[eps=outside,centered=True]",
    "rmsprop[decay=before,bias_correction=True]": "rmsprop[bias=corrected]",
    "rmsprop[decay=before,bias_correction=True,centered=True]":
        "rmsprop[bias=corrected,centered=True]",
    "rprop": "rprop",
    "adamw[sharded=8]": "adamw",
}  # fmt: skip

LONGEST = 2112  # steps of the longest case: of one length, that a program fits several cases
MORE = ("nadam", "nadamw")  # that may be asked as another rule
NAMES = tuple(dict.fromkeys((*(row.partition("[")[0] for row in OPTIMIZERS), *MORE)))
WORDS = {"b1": "beta1", "b2": "beta2", "beta": "beta2", "eps": "eps", "momentum": "momentum",
         "initial_accumulator_value": "initial", "initial_scale": "initial", "decay": "rho",
         "rho": "rho", "eta_minus": "shrink", "eta_plus": "grow", "min_step_size": "smallest",
         "max_step_size": "largest"}  # fmt: skip
OURS = {"decay": ("none", "before", "after", "last"), "x64": (None, True, False),
        "mask": (False, True), "inject": (False, True), "sharded": (None, 2, 4, 8)}  # fmt: skip
OWN_OPTIONS = ("x64", "mask", "inject", "sharded")  # of `drive`; the others are the factory's


def load(optimizer: str, **options: Any) -> Callable[[Any], Any]:
    """Return `run(case)` for the function `optimizer` of optax."""
    theirs, ours = _options(optimizer, options)

    def build(hyper: Any, rate: Any) -> Any:
        if hyper.get("dampening", 0.0):
            raise Unsupported("optax.sgd has no dampening")
        return _make(optimizer, hyper, rate, theirs, ours)

    # its rate is the first step size alone
    ways = ("first" if optimizer == "rprop" else "schedule",)
    return _runner(build, ours["x64"], ways, Devices(ours["sharded"]))


def drive(make: Callable[..., Any], words: Any, **own: Any) -> Callable[[Any], Any]:
    """Return `run(case)` for a factory of transformations, `make`, which takes keywords.

    ``words(hyper)`` are the keywords, `words.fixed` those that every object gets, `words.rate` is
    the learning rate's. It is a schedule, or where the factory takes none a number, for which a
    transformation is made at every step: traced, or where that cannot be outside of jax.jit.
    """
    make = optax.inject_hyperparams(make) if own.get("inject") else make

    def build(hyper: Any, rate: Any) -> Any:
        given = {**words(hyper), **words.fixed}
        given |= {words.rate: rate} if words.rate not in words.fixed else {}
        if own.get("mask"):
            decays = hyper["weight_decay"] != 0
            given["mask"] = lambda tree: jax.tree.map(lambda _: decays, tree)
        return make(**given)

    devices = Devices(own.get("sharded"))
    return _runner(build, own.get("x64"), ("schedule", "traced", "plain"), devices)


def _runner(
    build: Callable[..., Any], x64: bool | None, ways: Sequence[str], devices: Devices
) -> Callable[[Any], Any]:
    """Return `run(case)` for ``build(hyper, rate)``; of the `ways` the first that works is kept."""
    steps: dict[Any, Any] = {}  # compiled, by the hyperparameters in them
    kept: list[str] = []

    def run(case: Any) -> Any:
        wide = case.dtype == "float64" if x64 is None else x64
        if case.dtype == "float64" and not wide:
            raise Unsupported("JAX has float64 with x64 on only")
        with jax.enable_x64(wide):
            for way in () if kept else ways[:-1]:
                try:
                    path = _train(case, build, way, steps, devices)
                except (TypeError, ValueError):
                    continue
                kept.append(way)
                return path
            return _train(case, build, kept[0] if kept else ways[-1], steps, devices)

    run.supports = ("tensors", "groups")  # type: ignore[attr-defined]  # the contract
    return run


def version() -> str:
    """Return the version of optax."""
    return str(optax.__version__)


def defaults(name: str, **options: Any) -> dict[str, Any]:
    """Return the arguments that have a default, with optax's names and values."""
    found = _defaults(getattr(optax, name))
    if options.get("decay", "none") != "none":
        found |= _defaults(optax.add_decayed_weights)
    return found


def primitives(dtype: str) -> dict[str, Callable[..., Any]]:
    """Return XLA's elementary operations on NumPy arrays, for the oracle to measure."""

    def on_arrays(f: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arrays: Any) -> Any:
            with jax.enable_x64(dtype == "float64"):
                return np.asarray(jax.jit(f)(*arrays))

        return call

    return {
        "sqrt": on_arrays(jnp.sqrt),
        "divide": on_arrays(jnp.divide),
        "multiply": on_arrays(jnp.multiply),
        "fused": on_arrays(lambda x, y, z: x * y + z),
    }


def _options(optimizer: str, options: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Part the options in optax's and ours, or say which is unknown."""
    if optimizer not in NAMES:
        raise ValueError(f"optax adapter: no {optimizer!r}; it knows {', '.join(NAMES)}")
    known = [name for name in inspect.signature(getattr(optax, optimizer)).parameters
             if name not in ("learning_rate", "weight_decay", "mask")]  # fmt: skip
    for name, value in options.items():
        if name not in OURS and name not in known:
            words = ", ".join([*known, *OURS])
            raise ValueError(f"optax adapter: {optimizer} has no option {name!r}; it has {words}")
        if name in OURS and value not in OURS[name]:
            raise ValueError(f"optax adapter: {name}={value!r}; expected one of {OURS[name]}")
    ours = {name: options.get(name, allowed[0]) for name, allowed in OURS.items()}
    own_decay = "weight_decay" in inspect.signature(getattr(optax, optimizer)).parameters
    if own_decay and ours["decay"] != "none":
        raise ValueError(f"optax adapter: {optimizer} has a decay of its own: no option 'decay'")
    return {name: value for name, value in options.items() if name not in OURS}, ours


def _make(
    optimizer: str, hyper: Any, rate: Any, theirs: dict[str, Any], ours: dict[str, Any]
) -> Any:
    """Return the chain that a user would write for these hyperparameters and this rate."""
    make = getattr(optax, optimizer)
    lam, masked = hyper["weight_decay"], {}
    if ours["mask"]:
        decays = lam != 0
        lam, masked = lam or 1.0, {"mask": lambda tree: jax.tree.map(lambda _: decays, tree)}
    known = inspect.signature(make).parameters
    hyper = {"initial": 0.0, **hyper}
    given = {word: hyper[name] for word, name in WORDS.items() if word in known and name in hyper}
    given |= {name: hyper["eps"] if (name, value) == ("eps_root", "eps") else value
              for name, value in theirs.items()}  # fmt: skip
    if "weight_decay" in known:
        given |= {"weight_decay": lam, **masked}
    if ours["inject"]:
        make = optax.inject_hyperparams(make)

    if ours["decay"] == "before":
        return optax.chain(optax.add_decayed_weights(lam, **masked), make(rate, **given))
    if ours["decay"] == "after":
        decayed = optax.add_decayed_weights(lam, **masked)
        return optax.chain(make(None, **given), decayed, optax.scale_by_learning_rate(rate))
    if ours["decay"] == "last":
        return optax.chain(make(rate, **given), optax.add_decayed_weights(-lam, **masked))
    return make(rate, **given)


def _train(
    case: Any, build: Callable[..., Any], way: str, compiled: dict[Any, Any], devices: Devices
) -> Any:
    many = "tensors" in case.flags
    thetas, grads = (case.theta0, case.grads) if many else ([case.theta0], [case.grads])
    params = {str(i): devices.put(_cast(theta, case.dtype)) for i, theta in enumerate(thetas)}
    own = [{**case.hyper, **group} for group in case.groups or [{}]]
    tables = [_table(h["learning_rate"] * case.eta) for h in own]

    def chain(tables: Any, t: Any) -> Any:
        rates = [_rate(way, h, rates, t) for h, rates in zip(own, tables, strict=True)]
        opts = [build(h, rate) for h, rate in zip(own, rates, strict=True)]
        names = [str(i) for i in range(len(opts))]
        one_each = dict(zip(names, opts, strict=True))
        return optax.partition(one_each, {n: n for n in names}) if case.groups else opts[0]

    def update(params: Any, grads: Any, state: Any, tables: Any, *t: int) -> Any:
        updates, state = chain(tables, *(t or (0,))).update(grads, state, params)
        return optax.apply_updates(params, updates), state

    baked = [{**h, "learning_rate": None} for h in own]  # the table holds the rates
    step = compiled.setdefault(f"{way} {case.dtype} {baked}", jax.jit(update))
    step = update if way == "plain" else step
    state = chain(tables, 0).init(params)
    path: list[list[Any]] = [[] for _ in thetas]
    for t in range(len(case.eta)):
        now = {str(i): devices.put(_cast(g[t], case.dtype)) for i, g in enumerate(grads)}
        params, state = step(params, now, state, tables, *[t] * (way in ("traced", "plain")))
        for i, steps in enumerate(path):
            steps.append(devices.whole(params[str(i)], thetas[i]).astype(np.float64))
    return [np.array(steps) for steps in path] if many else np.array(path[0])


def _rate(way: str, hyper: Any, rates: Any, t: Any) -> Any:
    """Return the learning rate as a transformation is given it."""
    if way == "schedule":
        return lambda count: rates[count]
    if way == "first":
        return hyper["learning_rate"]
    return float(rates[t]) if way == "plain" else rates[t]


def _cast(x: Any, dtype: str) -> Any:
    return x.astype(jnp.dtype(dtype))  # by NumPy: JAX compiles for every shape


def _table(rates: Any) -> Any:
    """Return the schedule in the dtype that x64 allows, of one length for every case."""
    return jnp.asarray(np.concatenate([rates, np.zeros(max(LONGEST - len(rates), 0))]))


def _defaults(function: Any) -> dict[str, Any]:
    parameters = inspect.signature(function).parameters.values()
    return {p.name: p.default for p in parameters if p.default is not inspect.Parameter.empty}
