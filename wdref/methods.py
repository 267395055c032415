"""The paper's methods by name: SGD, SGDW (Algorithm 1), Adam, AdamW (Algorithm 2)."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import wraps
from typing import Any, ClassVar, Literal, ParamSpec, Self, get_args

from .backend import available
from .conventions import dialect
from .decay import WeightDecay
from .dialects import Dialect, Form, MomentumDialect, Nesterov, Order
from .engine.arguments import check_program, decay_number, hyper_numbers, items, overrides, pair
from .optimizer import Optimizer, Predicate, Tree
from .schedules import Constant, Schedule
from .words import defaults, meant

P = ParamSpec("P")
Groups = Mapping[str | Predicate, Mapping[str, Any]]
StateDtype = Literal["float32", "params"]


def _remembered(constructor: Callable[P, None]) -> Callable[P, None]:
    """Keep the arguments for `replace`: they are not the fields that a dataclass would ask for."""

    @wraps(constructor)
    def construct(*self: P.args, **options: P.kwargs) -> None:
        constructor(*self, **options)
        object.__setattr__(self[0], "_given", options)  # it is frozen

    return construct


class _Method(Optimizer):
    """What the four constructors share: checks, and the convention's dialect."""

    claim: ClassVar[str]
    _given: Mapping[str, Any]

    def replace(self, **arguments: Any) -> Self:
        """Return the same optimizer with other arguments of its constructor."""
        return type(self)(**{**self._given, **arguments})

    __replace__ = replace  # which copy.replace calls, from Python 3.13 on

    @classmethod
    def like(cls, convention: str, /, **options: Any) -> Self:
        """Return the optimizer that `convention` ("pytorch", "keras", …) means by this name.

        What is not given has the convention's default, but for the decay of AdamW and SGDW, which
        is asked for. Raises ValueError for an option that the convention has not or means otherwise
        (a decay, momentum, Nesterov's, dampening, AMSGrad's maximum), TypeError for one that it has
        no default of. `form`, `order`, `answers` and `clip` put another rule in place of its own.

        >>> import wdref
        >>> opt = wdref.AdamW.like("keras", weight_decay=1e-2)
        >>> opt.dialect.form, opt.hyper["eps"]
        ('lr', 1e-07)
        """
        found = dialect(cls.claim, convention)
        given = {**defaults(cls.claim, convention), **options}
        bare = isinstance(found, MomentumDialect) and not found.buffer
        if bare and given.setdefault("momentum", 0.0) != 0:
            raise ValueError(f"{convention} has no momentum in its {cls.claim}: leave it out")
        words = meant(cls.claim, convention)
        for name in ("learning_rate", "momentum"):
            if name in words.names and name not in given:
                raise TypeError(
                    f"{convention} has no default of {name} in its {cls.claim}: give it"
                )
        return cls(variant=convention, **given)  # type: ignore[call-arg]  # the four have it

    def _dialect(
        self,
        variant: str,
        own: Mapping[str, Any],
        answers: Mapping[str, Any] | None,
        clip: float | None,
    ) -> Dialect:
        """The convention's dialect under the caller's own answers."""
        given = {name: value for name, value in own.items() if value is not None}
        given |= {} if clip is None else {"clip": "sum"}
        found = dialect(self.claim, variant, **{**given, **(answers or {})})
        if (found.clip == "none") != (clip is None):
            raise ValueError(f"clip={clip!r} with answers clip={found.clip!r}: give both or none")
        return found

    def _setup(
        self, found: Dialect, hyper: dict[str, Any], weight_decay: Any, options: dict[str, Any]
    ) -> None:
        if weight_decay is None and self.claim in ("sgdw", "adamw") and found.form != "none":
            raise TypeError(
                f"{type(self).__name__} needs weight_decay: its meaning differs by form, so that "
                "no default is right"
            )
        weight_decay = 0.0 if weight_decay is None else weight_decay
        groups = overrides(options.pop("groups"), hyper)
        if options["backend"] is not None and options["backend"] not in available():
            known = ", ".join(available())
            raise ValueError(f"no backend {options['backend']!r}: wdref knows {known}")
        if options["state_dtype"] not in get_args(StateDtype):
            raise ValueError(
                f"state_dtype={options['state_dtype']!r}: expected 'float32' or 'params'"
            )
        schedule = options.pop("schedule")
        if schedule is not None and not callable(schedule):
            raise TypeError(f"schedule={schedule!r}: expected a callable of the step t = 1, 2, …")
        super().__init__(
            name=type(self).__name__,
            dialect=found,
            hyper=hyper_numbers(hyper),
            weight_decay=decay_number(weight_decay),
            schedule=Constant() if schedule is None else schedule,
            groups=groups,
            **options,
        )
        rates = [self.hyper, *(over for _, over in groups if "learning_rate" in over)]
        if found.form == "scaled_l2" and any(h["learning_rate"] == 0.0 for h in rates):
            raise ValueError("form='scaled_l2' divides by learning_rate: expected a number > 0")


class _Momentum(_Method):
    @_remembered
    def __init__(
        self,
        *,
        learning_rate: float,
        weight_decay: WeightDecay | None = None,
        momentum: float = 0.9,
        dampening: float | None = None,
        nesterov: Nesterov | None = None,
        schedule: Schedule | None = None,
        variant: str = "paper",
        form: Form | None = None,
        order: Order | None = None,
        answers: Mapping[str, Any] | None = None,
        clip: float | None = None,
        decay_mask: Predicate | Tree | None = None,
        groups: Groups | None = None,
        state_dtype: StateDtype = "float32",
        master_weights: bool = False,
        backend: str | None = None,
    ) -> None:
        """Set up the optimizer; a ValueError names the argument that cannot be."""
        own: dict[str, Any] = {"form": form, "order": order, "nesterov": nesterov}
        if dampening is not None:
            own["damping"] = "dampening"
        found = self._dialect(variant, own, answers, clip)
        assert isinstance(found, MomentumDialect)  # the claim fixes it
        if momentum == 0 and not any("momentum" in over for _, over in items(groups)):
            found = _without_momentum(found, dialect(self.claim, variant))
        hyper = {"learning_rate": learning_rate, "momentum": momentum}
        if "dampening" in found.hyper:
            hyper["dampening"] = 0.0 if dampening is None else dampening
        hyper |= {} if clip is None else {"clip": clip}
        options = dict(schedule=schedule, groups=groups, decay_mask=decay_mask, backend=backend)
        options |= dict(state_dtype=state_dtype, master_weights=master_weights)
        self._setup(found, hyper, weight_decay, options)
        check_program(self, self.claim, variant, {**own, "dampening": dampening})


class _Adam(_Method):
    @_remembered
    def __init__(
        self,
        *,
        learning_rate: float = 1e-3,
        weight_decay: WeightDecay | None = None,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        amsgrad: Literal["none", "raw", "hat"] | None = None,
        schedule: Schedule | None = None,
        variant: str = "paper",
        form: Form | None = None,
        order: Order | None = None,
        answers: Mapping[str, Any] | None = None,
        clip: float | None = None,
        decay_mask: Predicate | Tree | None = None,
        groups: Groups | None = None,
        state_dtype: StateDtype = "float32",
        master_weights: bool = False,
        backend: str | None = None,
    ) -> None:
        """Set up the optimizer; a ValueError names the argument that cannot be."""
        own = {"form": form, "order": order, "amsgrad": amsgrad}
        found = self._dialect(variant, own, answers, clip)
        beta1, beta2 = pair(betas)
        hyper = {"learning_rate": learning_rate, "beta1": beta1, "beta2": beta2, "eps": eps}
        hyper |= {} if clip is None else {"clip": clip}
        options = dict(schedule=schedule, groups=groups, decay_mask=decay_mask, backend=backend)
        options |= dict(state_dtype=state_dtype, master_weights=master_weights)
        self._setup(found, hyper, weight_decay, options)
        check_program(self, self.claim, variant, own)


class SGD(_Momentum):
    """SGD with momentum and L2 regularisation: Algorithm 1 with its line 6.

    ::

        g ← ∇f(θ) + λ θ;  m ← β1 m + η α g;  θ ← θ - m

    The learning rate stands inside the buffer, as in the paper; ``SGD.like("pytorch", …)`` has it
    outside. ``momentum=0.9`` as in the paper's experiments; 0 keeps no buffer.

    >>> import numpy as np
    >>> import wdref
    >>> opt = wdref.SGD(learning_rate=0.5, weight_decay=0.5, momentum=0.0)
    >>> params, state = {"w": np.array([1.0])}, None
    >>> opt.update(params, {"w": np.array([0.5])}, opt.init(params))[0]
    {'w': array([0.5])}
    """

    claim = "sgd"


class SGDW(_Momentum):
    """SGD with momentum and decoupled weight decay: Algorithm 1 with the decay of its line 9.

    ::

        g ← ∇f(θ);  m ← β1 m + η α g;  θ ← θ - m - η λ θ

    λ is not multiplied by the learning rate (form ``paper``); ``form="lr"`` multiplies it.

    >>> import wdref
    >>> wdref.SGDW(learning_rate=0.1, weight_decay=1e-4)
    SGDW(learning_rate=0.1, momentum=0.9, weight_decay=0.0001, schedule=Constant(value=1.0))
      g ← ∇f(θ)
      m ← β1 m + η α g
      θ ← θ - m - η λ θ
    """

    claim = "sgdw"


class Adam(_Adam):
    """Adam with L2 regularisation: Algorithm 2 with its line 6.

    ::

        g ← ∇f(θ) + λ θ;  m, v from g;  θ ← θ - η α m̂ / (√v̂ + ε)

    The L2 term is divided by √v̂ + ε like the gradient: it is not weight decay (Proposition 2).

    >>> import wdref
    >>> print(wdref.Adam(weight_decay=1e-2).dialect.recurrence()[0])
    g ← ∇f(θ) + λ θ
    """

    claim = "adam"


class AdamW(_Adam):
    """Adam with decoupled weight decay: Algorithm 2 with the decay of its line 12.

    ::

        g ← ∇f(θ);  m, v from g;  θ ← θ - η (α m̂ / (√v̂ + ε) + λ θ)

    λ is not multiplied by the learning rate (form ``paper``). Most frameworks do multiply it: their
    0.01 at learning rate 0.001 is λ = 0.00001 here. ``AdamW.like("pytorch", …)`` takes their value.
    ``answers`` puts other answers of `wdref.dialects.AdamDialect` in place of the convention's, as
    in ``answers={"eps": "hat", "bias": "none"}``; ``clip`` clips the gradient by value.

    >>> import numpy as np
    >>> import wdref
    >>> opt = wdref.AdamW(learning_rate=0.25, weight_decay=0.5, eps=0.0)
    >>> params = {"w": np.array([1.0])}
    >>> params, state = opt.update(params, {"w": np.array([4.0])}, opt.init(params))
    >>> params, state.step
    ({'w': array([0.25])}, 1)
    """

    claim = "adamw"


def _without_momentum(found: MomentumDialect, convention: Dialect) -> MomentumDialect:
    """The same rule for β1 = 0, which needs no buffer."""
    # Nesterov's step is then the gradient itself, and the programs that have a dampening of their
    # own, PyTorch and MLX, dampen only what enters a buffer
    theirs = getattr(convention, "damping", "none") == "dampening"
    damped = not found.nesterov and found.first == "damped" and not theirs
    return replace(found, buffer=False, nesterov=False, damping=found.damping if damped else "none")
