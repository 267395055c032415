"""Adapter for ONNX's reference evaluator on ai.onnx.preview.training: ``onnx:Adam``.

The model is one operator; its attributes are float32, as ONNX has no others. ``decay=post`` puts
the case's weight decay into ``norm_coefficient_post``, which Adam alone has, in place of
``norm_coefficient``. ``T``, by ONNX the number of updates made before, is 0 at first unless
``first=1`` says otherwise. What comes out is stored as the type that the graph declares.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator

from wdref.oracle import Unsupported

from .driving.events import changes

INSTALL = "pip install onnx"
CONVENTION = "onnx"
OPTIMIZERS = {
    "Adam": "adam",
    "Adam[decay=post]": "adamw",
    "Adam[first=1]": "adam[bias=both]",
    "Adam[decay=post,first=1]": "adamw[bias=both]",
    "Momentum": "sgd",
    "Momentum[mode=nesterov]": "sgd[nesterov=True]",
    "Adagrad": "adagrad",
}

DOMAIN = "ai.onnx.preview.training"
SLOTS = {"Adam": 2, "Momentum": 1, "Adagrad": 1}
# ONNX's name of an attribute: the case's hyperparameter
HYPER = {
    "Adam": {"alpha": "beta1", "beta": "beta2", "epsilon": "eps"},
    "Momentum": {"alpha": "momentum"},
    "Adagrad": {"epsilon": "eps", "decay_factor": "annealing"},
}
OPTIONS = {
    "Adam": ("decay", "first"),
    "Momentum": ("mode", "first"),
    "Adagrad": ("first",),
}
TYPES = {"float32": TensorProto.FLOAT, "float64": TensorProto.DOUBLE}


def load(optimizer: str, **options: Any) -> Callable[[Any], Any]:
    """Return `run(case)` for an operator of ai.onnx.preview.training."""
    _check(optimizer, options)
    first = options.pop("first", 0)

    def run(case: Any) -> Any:
        if case.dtype not in TYPES:
            raise Unsupported(f"{DOMAIN} has no {case.dtype}")
        many = "tensors" in case.flags
        thetas, grads = (case.theta0, case.grads) if many else ([case.theta0], [case.grads])
        given = _attributes(optimizer, case.hyper, options)
        session = ReferenceEvaluator(_model(optimizer, len(thetas), case.dtype, given))
        params = [theta.copy() for theta in thetas]
        start = case.hyper.get("initial", 0.0)  # of Adagrad's H, which is an input
        slots = [np.full_like(x, start) for _ in range(SLOTS[optimizer]) for x in params]
        path: list[list[Any]] = [[] for _ in params]
        alpha = case.hyper["learning_rate"]
        for t, eta in enumerate(case.eta.tolist()):
            alpha = _changes(case, t + 1).get("learning_rate", alpha)
            rate = np.array(alpha * eta, dtype=case.dtype)
            made = np.array(_updates(case, t) + first)
            arrays = [rate, made, *params, *(g[t] for g in grads), *slots]
            feeds = {f"i{k}": x for k, x in enumerate(arrays)}
            found = [x.astype(case.dtype) for x in session.run(None, feeds)]
            params, slots = found[: len(params)], found[len(params) :]
            for p, steps in zip(params, path, strict=True):
                steps.append(p.astype(np.float64))
        return [np.array(steps) for steps in path] if many else np.array(path[0])

    # R and T are inputs of the operator; so is its state, which nothing saves
    run.supports = ("tensors", "change", "count")  # type: ignore[attr-defined]  # the contract
    return run


def version() -> str:
    """Return onnx's version."""
    return str(onnx.__version__)


def defaults(optimizer: str, **options: Any) -> dict[str, Any]:
    """Return the operator's default attributes, as its schema has them."""
    _check(optimizer, options)
    attributes = onnx.defs.get_schema(optimizer, 1, DOMAIN).attributes
    return {
        name: helper.get_attribute_value(own.default_value)
        for name, own in attributes.items()
        if own.default_value.name
    }


def primitives(dtype: str) -> dict[str, Callable[..., Any]]:
    """Return NumPy's elementary operations, which the reference evaluator computes with."""
    return {
        "sqrt": np.sqrt,
        "divide": np.divide,
        "multiply": np.multiply,
        "fused": lambda x, y, z: x * y + z,
    }


def _check(optimizer: str, options: Mapping[str, Any]) -> None:
    if optimizer not in HYPER:
        raise ValueError(f"onnx adapter: no {optimizer!r}; it knows {', '.join(HYPER)}")
    known = {
        "decay": ("l2", "post"),
        "mode": ("standard", "nesterov"),
        "first": (0, 1),
    }
    for name, value in options.items():
        if name not in OPTIONS[optimizer]:
            has = ", ".join(OPTIONS[optimizer])
            raise ValueError(f"onnx adapter: {optimizer} has no option {name!r}; it has {has}")
        if value not in known[name]:
            words = ", ".join(map(repr, known[name]))
            raise ValueError(f"onnx adapter: {name}={value!r}: expected one of {words}")


def _updates(case: Any, t: int) -> int:
    """Return T, the number of updates made before step `t`, from 0."""
    k, following = case.life.get("jump", (t, t + 1))
    return int(t if t < k else following - 1 + t - k)


def _changes(case: Any, t: int) -> dict[str, float]:
    """Return what is another from step `t` on, from 1."""
    new = changes(case, t)
    if set(new) - {"learning_rate"}:
        raise Unsupported("in ONNX all hyperparameters but R are attributes of the graph")
    return new


def _attributes(
    optimizer: str, hyper: Mapping[str, float], options: Mapping[str, Any]
) -> dict[str, Any]:
    """Attributes of the operator for the hyperparameters of a case."""
    known = {"annealing": 0.0, **hyper}
    missing = [name for name in HYPER[optimizer].values() if name not in known]
    if missing:
        raise Unsupported(f"ONNX's {optimizer} needs {missing[0]}: ask it as another rule")
    given: dict[str, Any] = {own: known[name] for own, name in HYPER[optimizer].items()}
    post = options.get("decay") == "post"
    given["norm_coefficient_post" if post else "norm_coefficient"] = hyper["weight_decay"]
    if optimizer == "Momentum":
        given["beta"] = 1 - hyper.get("dampening", 0.0)
        given["mode"] = options.get("mode", "standard")
    return given


def _model(optimizer: str, tensors: int, dtype: str, attributes: Mapping[str, Any]) -> Any:
    """Return a model of one operator: R, T, then each X, each G and each slot."""
    kind, columns = TYPES[dtype], tensors * (1 + SLOTS[optimizer])
    names = [f"i{k}" for k in range(2 + columns + tensors)]
    inputs = [helper.make_tensor_value_info(name, kind, None) for name in names]
    inputs[1] = helper.make_tensor_value_info("i1", TensorProto.INT64, [])
    outs = [f"o{k}" for k in range(columns)]
    outputs = [helper.make_tensor_value_info(name, kind, None) for name in outs]
    node = helper.make_node(optimizer, names, outs, domain=DOMAIN, **attributes)
    graph = helper.make_graph([node], "step", inputs, outputs)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid(DOMAIN, 1)])
