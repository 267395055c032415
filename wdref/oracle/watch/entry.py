"""`shadow`: which of the watches an optimizer gets."""

from importlib import import_module
from typing import Any

from .watch import Action


def shadow(
    optimizer: Any,
    /,
    *,
    convention: str | None = None,
    claim: str | None = None,
    sample: int = 1000,
    every: int = 1,
    on_departure: Action = "warn",
    first_step: int | None = None,
    **options: Any,
) -> Any:
    """Watch a training: certify each step of `optimizer` from the very state that it is given.

    Before and after a step the gradient, the parameters and the state of up to `sample`
    coordinates of every leaf are read, among them its first and its last. The rule of `claim` under
    `convention` runs from them in certified arithmetic, and ``|got - exact|`` over what correct
    rounding allows is the ratio; beyond 4 the step *departs* from its rule. `every` watches the
    first step and every that many after it. `on_departure` is ``"raise"``, ``"warn"`` (once a
    leaf) or ``"collect"``. `first_step` is the t at which the first step should be, 1001 for a run
    that is continued after 1000: a state that was not loaded departs there.

    Of rules that look at a whole tensor or tree the tensors are read whole, for their sums, before
    the step; `chain` is the number of additions in the longest chain of a sum, where it is known.
    `clip` and `clip_by` say how the gradient is clipped, as the optimizers' own options do; a clip
    that torch makes before the step is judged after ``watch.unclipped()``, and not seen else.

    For a ``torch.optim.Optimizer`` a watch is returned that holds its step hooks, a context
    manager; for an optax transformation the transformation that takes its place, which works under
    ``jax.jit`` and changes no number. Both have ``departures``, ``first`` and ``report()``.

    Options for torch: `names` (``model.named_parameters()``), `answers` of the dialect, `hyper`,
    what the groups ought to say, and for optimizers that are not torch's own `slots`
    (``{"m": "exp_avg", …}``, the keys of their state) and `counter`. `hyper` is a mapping for all
    groups or a sequence of one a group; values are numbers or functions of t = 1, 2, …, the calls
    of ``step``. A decay for all groups is asked of those that decay. For optax: `hyper`, the
    hyperparameters in wdref's words, a number or a schedule of optax's count each, `mask` of the
    decay, `answers`, and `slots`, a function that finds ``{"m": tree, …, "t": count}`` in the state
    of a transformation that is not optax's own.

    Raises TypeError for what is neither, ValueError for an unknown claim, convention or option, and
    for a rule that sums along rows or columns or over tensors that are not read whole.

    >>> shadow(object())
    Traceback (most recent call last):
    TypeError: shadow watches torch optimizers and optax transformations: object is neither
    """
    known = {"sample": sample, "every": every, "on_departure": on_departure, **options}
    known["first_step"] = first_step
    framework = _framework(optimizer)
    module = import_module(f".{framework}", __package__)
    if framework == "torch":
        return module.TorchWatch(
            optimizer, convention=convention or "pytorch", claim=claim, **known
        )
    return module.shadowed(optimizer, convention=convention or "optax", claim=claim, **known)


def _framework(optimizer: Any) -> str:
    if hasattr(optimizer, "register_step_pre_hook"):
        return "torch"
    if isinstance(optimizer, tuple) and getattr(optimizer, "_fields", ())[:2] == ("init", "update"):
        return "optax"
    raise TypeError(
        "shadow watches torch optimizers and optax transformations: "
        f"{type(optimizer).__name__} is neither"
    )
