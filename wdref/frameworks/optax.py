"""Adapter for optax: ``optax:adamw``, ``optax:sgd[decay=before]``; a step runs under jax.jit.

Options go to the function of optax as they are (``nesterov``, ``momentum=None``, ``mu_dtype``,
``bias_correction_nu``, …; ``eps_root=eps`` is the case's own eps, ``momentum=beta1`` its β1,
``init_step=distance`` the word before its distance), and beside them:

- ``decay``: where ``optax.add_decayed_weights`` stands in the chain: ``before`` the optimizer (L2),
  ``after`` it but before the learning rate, or ``last`` (then with -weight_decay, θ ← … - λ θ);
- ``x64``: JAX's switch for 64-bit numbers. By default as users have it, on for float64 alone;
- ``mask=True``: a tensor without decay is masked out, where otherwise its weight_decay is 0;
- ``inject=True``: under ``optax.inject_hyperparams``, where hyperparameters are arrays;
- ``sharded=8``: on as many simulated devices (2, 4 or 8), each with an equal chunk of the first
  dimension. JAX refuses uneven chunks: rows of zeros fill the last, as its users do, and its state;
- ``jit=False``: every step as Python runs it; ``device``: JAX's, as ``gpu`` or ``cpu:0``.
"""

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from wdref.oracle import Unsupported

from .driving.optax import LIVES, Training
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
    "lamb": "lamb",
    "lamb[x64=True]": "lamb",
    "lars": "lars",
    "lars[nesterov=True]": "lars[nesterov=True]",
    "lars[x64=True]": "lars",
    "fromage": "fromage",
    "fromage[decay=before]": "fromage[form=l2]",
    "fromage[decay=last]": "fromage[form=fixed]",
    "novograd": "novograd",
    "novograd[x64=True]": "novograd",
    "sophia": "sophia",
    "sophia[x64=True]": "sophia",
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
    "prodigy": "prodigy",
    "prodigy[safeguard_warmup=True]": "prodigy[weight=distance]",
    "madgrad": "madgrad",
    "madgrad[x64=True]": "madgrad",
    "sm3": "sm3[form=none]",
    "sm3[decay=before]": "sm3",
    "sm3[decay=last]": "sm3[form=fixed]",
    "dadapt_adamw": "dadaptadamw",
    "dog": "dog",
    "dog[init_step=distance]": "dog[start=distance]",
    "dowg": "dowg",
    # it factors where two axes have 128 elements or more, which no tensor of the suite has
    "adafactor": "adafactor[factored=never]",
    "adafactor[min_dim_size_to_factor=1]": "adafactor",
    "adafactor[min_dim_size_to_factor=1,x64=True]": "adafactor",
    "adafactor[min_dim_size_to_factor=1,momentum=beta1]": "adafactor[momentum=after]",
    "adafactor[min_dim_size_to_factor=1,multiply_by_parameter_scale=False]":
        "adafactor[scale=none]",
    "adamw[sharded=8]": "adamw",
}  # fmt: skip

MORE = ("nadam", "nadamw")  # that may be asked as another rule
# Rprop's rate is the first step size alone; SM3 takes no schedule, but a number: a traced one
# would make its half precision steps float32
RATES = {"rprop": "first", "sm3": "plain"}
NAMES = tuple(dict.fromkeys((*(row.partition("[")[0] for row in OPTIMIZERS), *MORE)))
WORDS = {"b1": "beta1", "b2": "beta2", "beta": "beta2", "eps": "eps", "momentum": "momentum",
         "initial_accumulator_value": "initial", "initial_scale": "initial", "decay": "rho",
         "rho": "rho", "eta_minus": "shrink", "eta_plus": "grow", "min_step_size": "smallest",
         "max_step_size": "largest", "trust_coefficient": "trust_coefficient",
         "min_norm": "min_norm", "decay_rate": "power", "clipping_threshold": "threshold",
         "estim_lr0": "distance", "estim_lr_coef": "coefficient", "gamma": "gamma"}  # fmt: skip
# in groups, which optax.partition makes trees of their own, each has a distance of its own
TREES = ("prodigy", "dadapt_adamw", "dog", "dowg")
CASES = {"eps_root": "eps", "momentum": "beta1"}  # options whose value may be the case's own
DECAYS = {"weight_decay": "mask", "weight_decay_rate": "weight_decay_mask"}
OURS = {"decay": ("none", "before", "after", "last"), "x64": (None, True, False),
        "mask": (False, True), "inject": (False, True), "sharded": (None, 2, 4, 8),
        "jit": (True, False), "device": (None,)}  # fmt: skip
# those of `drive`; the others are the factory's
OWN_OPTIONS = ("x64", "mask", "inject", "sharded", "jit", "device")


def load(optimizer: str, **options: Any) -> Callable[[Any], Any]:
    """Return `run(case)` for the function `optimizer` of optax."""
    theirs, ours = _options(optimizer, options)

    def build(hyper: Any, rate: Any) -> Any:
        if hyper.get("dampening", 0.0):
            raise Unsupported("optax.sgd has no dampening")
        return _make(optimizer, hyper, rate, theirs, ours)

    run = _runner(build, ours, (RATES.get(optimizer, "schedule"),))
    if optimizer in TREES:
        supports = ("tensors", *LIVES)
        run.supports = supports  # type: ignore[attr-defined]  # the contract
    return run


def drive(make: Callable[..., Any], words: Any, **own: Any) -> Callable[[Any], Any]:
    """Return `run(case)` for a factory of transformations, `make`, which takes keywords.

    ``words(hyper)`` are the keywords, `words.fixed` those that every object gets, `words.rate` is
    the learning rate's. It is a schedule, or where the factory takes none a number, for which a
    transformation is made at every step: traced, or where that cannot be outside of jax.jit.
    """
    own = {name: own.get(name, OURS[name][0]) for name in OWN_OPTIONS}
    _refuse(own)
    make = optax.inject_hyperparams(make) if own["inject"] else make

    def build(hyper: Any, rate: Any) -> Any:
        given = {**words(hyper), **words.fixed}
        given |= {words.rate: rate} if words.rate not in words.fixed else {}
        if own["mask"]:
            decays = hyper["weight_decay"] != 0
            given["mask"] = lambda tree: jax.tree.map(lambda _: decays, tree)
        return make(**given)

    return _runner(build, own, ("schedule", "traced", "plain"))


def _runner(
    build: Callable[..., Any], ours: Mapping[str, Any], ways: Sequence[str]
) -> Callable[[Any], Any]:
    """Return `run(case)` for ``build(hyper, rate)``; of the `ways` the first that works is kept."""
    steps: dict[Any, Any] = {}  # compiled, by the hyperparameters in them
    kept: list[str] = []
    device, devices = _device(ours["device"]), Devices(ours["sharded"])

    def train(case: Any, way: str) -> Any:
        return Training(case, build, way, ours, steps, devices).run()

    def run(case: Any) -> Any:
        dtypes = {case.dtype, *case.life.get("mixed", ())}
        wide = "float64" in dtypes if ours["x64"] is None else ours["x64"]
        if "float64" in dtypes and not wide:
            raise Unsupported("JAX has float64 with x64 on only")
        with jax.enable_x64(wide), jax.default_device(device):
            for way in () if kept else ways[:-1]:
                try:
                    path = train(case, way)
                except (TypeError, ValueError):
                    continue
                kept.append(way)
                return path
            return train(case, kept[0] if kept else ways[-1])

    run.supports = ("tensors", "groups", *LIVES)  # type: ignore[attr-defined]  # the contract
    return run


def version() -> str:
    """Return the version of optax."""
    return str(optax.__version__)


def defaults(name: str, **options: Any) -> dict[str, Any]:
    """Return the arguments that have a default, with optax's names and values."""
    found = _defaults(_factory(name))
    found.pop("hessian_diagonal_fn", None)  # a function, of which there is no word
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
    known = [name for name in inspect.signature(_factory(optimizer)).parameters
             if name not in ("learning_rate", *DECAYS, *DECAYS.values())]  # fmt: skip
    for name in options:
        if name not in OURS and name not in known:
            words = ", ".join([*known, *OURS])
            raise ValueError(f"optax adapter: {optimizer} has no option {name!r}; it has {words}")
    ours = {name: options.get(name, allowed[0]) for name, allowed in OURS.items()}
    _refuse(ours)
    own_decay = set(DECAYS) & set(inspect.signature(_factory(optimizer)).parameters)
    if own_decay and ours["decay"] != "none":
        raise ValueError(f"optax adapter: {optimizer} has a decay of its own: no option 'decay'")
    return {name: value for name, value in options.items() if name not in OURS}, ours


def _factory(name: str) -> Any:
    """Return the function `name` of optax, or of optax.contrib."""
    return getattr(optax, name, None) or getattr(optax.contrib, name)


def _refuse(ours: Mapping[str, Any]) -> None:
    """Raise ValueError for a value that an option of ours has not."""
    for name, value in ours.items():
        if name != "device" and value not in OURS[name]:
            raise ValueError(f"optax adapter: {name}={value!r}; expected one of {OURS[name]}")


def _device(name: Any) -> Any:
    """Return JAX's device of a name like ``gpu`` or ``cpu:0``; without one JAX has its choice."""
    kind, _, place = str(name).partition(":")
    try:
        return None if name is None else jax.devices(kind)[int(place or 0)]
    except (RuntimeError, ValueError, IndexError):
        known = ", ".join(f"{each.platform}:{i}" for i, each in enumerate(jax.devices()))
        raise ValueError(f"optax adapter: device={name!r}; JAX has {known} here") from None


def _make(
    optimizer: str, hyper: Any, rate: Any, theirs: dict[str, Any], ours: dict[str, Any]
) -> Any:
    """Return the chain that a user would write for these hyperparameters and this rate."""
    make = _factory(optimizer)
    known = inspect.signature(make).parameters
    decay = next((word for word in DECAYS if word in known), "weight_decay")
    lam, masked = hyper["weight_decay"], {}
    if ours["mask"]:
        decays = lam != 0
        own = DECAYS[decay] if decay in known else "mask"
        lam, masked = lam or 1.0, {own: lambda tree: jax.tree.map(lambda _: decays, tree)}
    hyper = {"initial": 0.0, **hyper}
    given = {word: hyper[name] for word, name in WORDS.items() if word in known and name in hyper}
    given |= {name: hyper[value] if CASES.get(name) == value else value
              for name, value in theirs.items()}  # fmt: skip
    given |= _made_of(known, hyper, theirs)
    if decay in known:
        given |= {decay: lam, **masked}
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


def _made_of(known: Any, hyper: Any, theirs: Mapping[str, Any]) -> dict[str, Any]:
    """Return the words of optax's that are no single hyperparameter."""
    given: dict[str, Any] = {}
    if "betas" in known:
        given["betas"] = (hyper["beta1"], hyper["beta2"])
    if "init_step" in known:
        given["init_step"] = (theirs.get("init_step", "heuristic"), hyper["distance"])
    if "init_estim_sq_dist" in known:
        given["init_estim_sq_dist"] = hyper["distance"] ** 2
    if "hessian_diagonal_fn" in known:
        given |= {"hessian_diagonal_fn": _estimator(), "update_interval": int(hyper["interval"])}
    return given


def _estimator() -> Any:
    """Return what estimates the curvature: it is told, by the word that update is given."""

    def update(grads: Any, state: Any, params: Any = None, *, curvature: Any, **_: Any) -> Any:
        # of another group's tensors partition leaves nodes without leaves
        return {k: curvature[k] if jax.tree.leaves(g) else g for k, g in grads.items()}, state

    return optax.GradientTransformationExtraArgs(lambda params: optax.EmptyState(), update)


def _defaults(function: Any) -> dict[str, Any]:
    parameters = inspect.signature(function).parameters.values()
    return {p.name: p.default for p in parameters if p.default is not inspect.Parameter.empty}
