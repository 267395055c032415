"""`audit`: which framework measures an optimizer, and what its measurement is made into."""

from collections.abc import Iterable
from importlib import import_module
from typing import Any

from ...common.checks import check_count, check_number
from .record import Audit, AuditError


def audit(
    optimizer: Any,
    /,
    *,
    names: Iterable[tuple[str, Any]] = (),
    model: Any = None,
    params: Any = None,
    state: Any = None,
    rate: float | None = None,
    sample: int = 1000,
    memory: float = 0.25,
) -> Audit:
    """Say which parameters decay, in which form, and by how much at the present rate.

    Nothing is believed: a copy of `optimizer` takes steps with zero gradients from the state that
    it is in, and what moves, decays. The optimizer given, its parameters and the random numbers
    stay as they are, to the bit.

    For a ``torch.optim.Optimizer`` give `names`, ``model.named_parameters()``, or `model`, whose
    modules say what is a norm and an embedding. For a Keras optimizer that is built `model` is
    wanted where it should be found which parameters it does not train. For an optax transformation
    give `params` and, once training has begun, its `state`; `rate` is the present learning rate,
    where the state does not say it.

    Of each tensor up to `sample` coordinates are looked at, the largest and the smallest among
    them. Copies are whole while they take up to `memory` GiB, else a block of `sample` elements of
    each larger tensor stands for it, and a note says so.

    Raises AuditError, a ValueError, where no copy can be made or stepped.

    >>> audit(object())
    Traceback (most recent call last):
    wdref.oracle.audit.record.AuditError: audit takes an optimizer of torch or Keras or an optax \
transformation: object is none of them
    """
    if hasattr(optimizer, "gradient_transformation"):  # optax.MultiSteps, which is none itself
        optimizer = optimizer.gradient_transformation()
    framework = _framework(optimizer)
    sample = check_count("sample", sample, low=2)
    memory = check_number("memory", memory, low=0.0)
    given = dict(names=names, model=model, params=params, state=state, rate=rate)
    module = import_module(f".probes.{framework}", __package__)
    result: Audit = module.audited(optimizer, sample=sample, memory=memory, **given)
    return result


def _framework(optimizer: Any) -> str:
    if isinstance(optimizer, tuple) and getattr(optimizer, "_fields", ())[:2] == ("init", "update"):
        return "optax"
    roots = {kind.__module__.partition(".")[0] for kind in type(optimizer).__mro__}
    if "keras" in roots and hasattr(optimizer, "apply"):
        return "keras"
    if hasattr(optimizer, "param_groups") and hasattr(optimizer, "step"):
        return "torch"
    raise AuditError(
        "audit takes an optimizer of torch or Keras or an optax transformation: "
        f"{type(optimizer).__name__} is none of them"
    )
