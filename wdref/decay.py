"""Weight decay: the normalised decay of Appendix B.1 and exact conversions between the forms.

A step with decoupled decay is θ ← (1 - k_t) θ - s_t u_t, whatever the form, but for a mask: `s` and
`k` follow from (α, λ, η_t). Two settings are the same training when they give the same s_t and k_t
for every t. `rewrite` solves for them, and refuses, with the reason, where no constants exist.
`wdref.convert` does so between programs, in their words.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal, get_args

from .common.checks import check_count, check_number
from .rules.decay import COUPLED, ORDERS, OWN, UNSCHEDULED, Form, Order, order_fault
from .schedules import Constant, Schedule

WeightDecay = float | Callable[[int], float]


class NoConversion(ValueError):
    """The same training cannot be written so; the message says why."""


@dataclass(frozen=True)
class Normalised:
    """λ_t = λ_norm √(b / (B T_i)), with T_i the schedule's cycle at step t: see `normalised`."""

    lambda_norm: float
    batch_size: int
    dataset_size: int
    schedule: Schedule
    variant: Literal["paper", "authors_code"] = "paper"

    def __call__(self, t: int, /) -> float:
        epochs = self.schedule.period(t)  # type: ignore[attr-defined]  # checked by normalised
        return normalised(
            self.lambda_norm,
            batch_size=self.batch_size,
            dataset_size=self.dataset_size,
            epochs=epochs,
            variant=self.variant,
        )(t)


def normalised(
    lambda_norm: float,
    *,
    batch_size: int,
    dataset_size: int,
    epochs: float | None = None,
    schedule: Schedule | None = None,
    variant: Literal["paper", "authors_code"] = "paper",
) -> Callable[[int], float]:
    """Normalised weight decay, λ = λ_norm √(b / (B T)), as a function of the step.

    Loshchilov & Hutter (2019), Appendix B.1: b is the batch size, B the number of training
    points, T the budget in `epochs`, or, with a `schedule` of warm restarts, the length of the
    current cycle (footnote 2), so that λ is computed anew at each restart: AdamWR and SGDWR.
    ``variant="authors_code"`` counts whole batches, λ_norm / √(⌈B/b⌉ T), as train.lua does.
    λ_norm is the decay in the ``paper`` form if a single batch pass were allowed.

    >>> f"{normalised(0.025, batch_size=128, dataset_size=50_000, epochs=100)(1):.4e}"
    '1.2649e-04'
    """
    lam = check_number("lambda_norm", lambda_norm, low=0.0)
    b, B = check_count("batch_size", batch_size), check_count("dataset_size", dataset_size)
    if variant not in ("paper", "authors_code"):
        raise ValueError(f"variant={variant!r}: expected 'paper' or 'authors_code'")
    if (epochs is None) == (schedule is None):
        raise ValueError("give either epochs, the budget, or a schedule with restarts")
    if schedule is not None:
        _check_period(schedule)
        return Normalised(lam, b, B, schedule, variant)
    T = check_number("epochs", epochs, above=0.0)
    per_pass = b / B if variant == "paper" else 1.0 / math.ceil(B / b)
    return Constant(lam * math.sqrt(per_pass / T))


def _check_period(schedule: Schedule) -> None:
    try:
        schedule.period(1)  # type: ignore[attr-defined]  # asked just here
    except AttributeError:  # its own, or of the schedule that a warm-up leads to
        raise ValueError(
            f"schedule={schedule!r} has no period(t): use schedules.warm_restarts or cosine, "
            "or give epochs"
        ) from None


@dataclass(frozen=True)
class Setting:
    """One way to write a training's step size and decay: what `rewrite` takes and returns.

    ``proximal`` and ``masked`` have one order each, whatever `order` says.
    """

    form: Form
    learning_rate: float
    weight_decay: WeightDecay
    schedule: Schedule = Constant()
    order: Order = "together"


def rewrite(
    setting: Setting,
    form: Form,
    *,
    order: Order | None = None,
    rule: str = "adam",
    momentum: float = 0.0,
    varying: bool = False,
) -> Setting:
    """Rewrite `setting` in another `form` (and `order`) of decay, exactly, or say why not.

    In real arithmetic the returned setting gives the same θ_t for every gradient sequence. Under a
    schedule some pairs need a decay that changes with t; they are refused unless `varying`, which
    returns ``weight_decay`` (and, from one order to the other, ``schedule``) as functions of t.
    ``l2`` and ``scaled_l2`` convert for plain SGD only (Proposition 1): with momentum the term
    enters the buffer, and for Adam no λ' exists (Proposition 2). They have no order; give
    `momentum` for ``rule="sgd"``, whose buffer holds the learning rate as in Algorithm 1.
    ``proximal`` is ``lr`` with the same λ at the rate α_t/(1 - α_t λ). ``masked`` is no other form.

    Raises `NoConversion`, a ValueError, where there is no exact conversion.

    >>> adamw = Setting("paper", learning_rate=0.001, weight_decay=0.0001)
    >>> rewrite(adamw, "lr").weight_decay
    0.1
    """
    _check_known(setting, form, order, rule, momentum)
    if not callable(setting.weight_decay) and setting.weight_decay == 0:  # no decay has every form
        return replace(setting, form=form, order=ORDERS.get(form, order or setting.order))
    source = _own_order(setting)
    target = _own_order(replace(source, form=form, order=order or source.order))
    check_exists(source.form, form, rule, momentum)
    if (source.form, source.order) == (target.form, target.order):
        return setting
    if source.form in OWN:
        raise NoConversion(
            f"no exact conversion from order {source.order!r} to {target.order!r}: {source.form} "
            "is multiplied by what the rule itself makes of the tensors"
        )
    decay = _decay_of(source)
    if target.order != source.order:
        target = _reorder(source, target, decay, varying, 0.0 if _coupling(rule) else momentum)
    return replace(target, weight_decay=_solve(source, target, decay, varying))


def _own_order(setting: Setting) -> Setting:
    """Some forms have one order: a term in the gradient is read from θ_{t-1}."""
    order = "together" if setting.form in COUPLED else ORDERS.get(setting.form, setting.order)
    return replace(setting, order=order)


def _check_known(
    setting: Setting, form: Form, order: Order | None, rule: str, momentum: float
) -> None:
    from .rules.registry import families

    asked = families()[rule].dialect.questions() if rule in families() else {}
    own = {"form": [f for f in asked.get("form", ()) if f in OWN], "order": asked.get("order", ())}
    forms = tuple(f for f in get_args(Form) if f != "none")
    orders = get_args(Order)
    for name, value, known in (
        ("form", setting.form, forms),
        ("form", form, forms),
        ("order", setting.order, orders),
        ("order", order or setting.order, orders),
        ("rule", rule, tuple(families())),
    ):
        if value not in known and value not in own.get(name, ()):
            raise ValueError(f"{name}={value!r}: expected one of {', '.join(known)}")
    if problem := order_fault(form, order):
        raise ValueError(problem)
    check_number("momentum", momentum, low=0.0, below=1.0)
    divides = {"above": 0.0} if "scaled_l2" in (setting.form, form) else {"low": 0.0}
    check_number("learning_rate", setting.learning_rate, **divides)
    if not callable(setting.weight_decay):
        check_number("weight_decay", setting.weight_decay, low=0.0)


def _coupling(rule: str) -> str:
    """Why the L2 term of a family is no decay; nothing for SGD."""
    from .rules.registry import families

    return families()[rule].coupling


def check_exists(source: Form, target: Form, rule: str, momentum: float) -> None:
    """Refuse a mask for none; L2 for decay, or decay for L2, but for SGD without momentum."""
    coupled = {source, target} & set(COUPLED)
    if source != target and "masked" in (source, target):
        raise NoConversion(
            f"no exact conversion from {source!r} to {target!r}: masked decays at each step the "
            "coordinates alone that it does not move away from 0, so that no λ' serves all"
        )
    if source != target and (own := {source, target}.intersection(OWN)):
        raise NoConversion(
            f"no exact conversion from {source!r} to {target!r}: {own.pop()} is multiplied by "
            "what the rule itself makes of the tensors, so that no λ' serves all"
        )
    if source == target or not coupled:
        return
    name = " and ".join(sorted(coupled))
    if reason := _coupling(rule):
        raise NoConversion(
            f"no exact conversion from {source!r} to {target!r} for {rule}: {name} {reason}"
        )
    if momentum != 0.0:
        raise NoConversion(
            f"no exact conversion from {source!r} to {target!r} with momentum={momentum}: {name} "
            "enters the momentum buffer and acts on later steps too (Proposition 1 is for SGD "
            "without momentum)"
        )


def _factor(form: Form, alpha: float, eta: float) -> float:
    """k_t / λ: what multiplies λ in the coefficient of θ; proximal, in k_t / (1 - k_t)."""
    if form in ("lr", "l2", "proximal", "masked"):  # for plain SGD, l2 is η α λ θ
        return eta * alpha
    if form == "corrected":
        return eta * eta * alpha
    if form == "initial_lr":
        return alpha
    return 1 if form == "fixed" else eta  # an int, so that exact fractions stay exact


def _decay_of(setting: Setting) -> Callable[[int], float]:
    def k(t: int) -> float:
        lam = setting.weight_decay
        lam_t = lam(t) if callable(lam) else lam
        found = _factor(setting.form, setting.learning_rate, setting.schedule(t)) * lam_t
        return found / (1 + found) if setting.form == "proximal" else found

    return k


def _is_constant(*values: object) -> bool:
    return all(not callable(value) or isinstance(value, Constant) for value in values)


def _reorder(
    source: Setting,
    target: Setting,
    k: Callable[[int], float],
    varying: bool,
    momentum: float,
) -> Setting:
    """Match s_t: after the step, θ ← (1 - k)(θ - s u) moves by (1 - k) s, together by s."""

    def scale(t: int) -> float:
        shrink = 1 - k(t)
        if shrink <= 0:
            raise NoConversion(
                f"no exact conversion to order {target.order!r}: the decay at t={t} is {k(t)} >= 1"
            )
        return shrink if target.order == "together" else 1 / shrink

    fixed = source.form in UNSCHEDULED and _is_constant(source.weight_decay)
    if fixed or _is_constant(source.weight_decay, source.schedule):
        return replace(target, learning_rate=source.learning_rate * scale(1))
    if momentum != 0:
        raise NoConversion(
            f"no exact conversion from order {source.order!r} to {target.order!r} under a schedule "
            f"with momentum={momentum}: the buffer holds the steps before, and 1 - k_t, which "
            "changes with t, would have to rescale them all"
        )
    if not varying:
        raise NoConversion(
            f"from order {source.order!r} to {target.order!r} under a schedule the step must be "
            "rescaled by 1 - k_t, which changes with t: pass varying=True to get the schedule"
        )
    return replace(target, schedule=lambda t: source.schedule(t) * scale(t))


def _solve(
    source: Setting, target: Setting, k: Callable[[int], float], varying: bool
) -> WeightDecay:
    def lam(t: int) -> float:
        factor = _factor(target.form, target.learning_rate, target.schedule(t))
        if factor == 0:
            if k(t) == 0:
                return 0.0
            raise NoConversion(
                f"no exact conversion: at t={t} the decay is {k(t)} but η_t α = 0 in form "
                f"{target.form!r} allows none"
            )
        return _undone(target.form, k(t), t) / factor

    if {source.form, target.form} == {"lr", "proximal"} and source.order != target.order:
        return source.weight_decay  # 1 - α_t λ is 1/(1 + α'_t λ) where α'_t is α_t/(1 - α_t λ)
    if _same_schedule_factor(source, target):
        if not callable(source.weight_decay):
            return _rescaled(source.weight_decay, source, target)
        return lam
    if _is_constant(source.weight_decay, source.schedule, target.schedule):
        return lam(1)
    if varying:
        return lam
    raise NoConversion(
        f"from {source.form!r} to {target.form!r} under a schedule λ must change with t "
        f"(λ_t = {_varies(target.form)} up to a constant): pass "
        "varying=True to get it as a function"
    )


def _undone(form: Form, k: float, t: int) -> float:
    """What `_factor` times λ must be for a decay of k."""
    if form != "proximal":
        return k
    if k >= 1:
        raise NoConversion(
            f"no exact conversion: the decay at t={t} is {k} >= 1, proximal's is below 1"
        )
    return k / (1 - k)


def _varies(form: Form) -> str:
    if form == "proximal":
        return "k_t / (1 - k_t) / η_t"
    return {0: "k_t", 1: "k_t / η_t", 2: "k_t / η_t²"}[_power(form)]


def _power(form: Form) -> int:
    """How many times the schedule multiplies λ."""
    return 0 if form in UNSCHEDULED else 2 if form == "corrected" else 1


def _same_schedule_factor(source: Setting, target: Setting) -> bool:
    """Whether both forms multiply λ by the same schedule, or both by none."""
    if "proximal" in (source.form, target.form):
        return source.form == target.form and source.schedule is target.schedule
    powers = {_power(source.form), _power(target.form)}
    return powers == {0} or (len(powers) == 1 and source.schedule is target.schedule)


def _rescaled(lam: float, source: Setting, target: Setting) -> float:
    above, below = (1 if x.form in ("paper", "fixed", "scaled_l2") else x.learning_rate
                    for x in (source, target))  # fmt: skip
    if below == 0:
        raise NoConversion(
            f"no exact conversion: with learning_rate=0 form {target.form!r} allows no decay"
        )
    return lam * above / below
