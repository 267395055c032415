"""Exact: trajectories of a rule on balls, as they are and with the roundings of an arithmetic.

The first contains the real-number result; the second, the *envelope*, whatever an implementation
with that arithmetic gives.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

import flint
from flint import arb

from wdref.engine.arithmetic import Arithmetic
from wdref.rules.contract import Rule
from wdref.rules.remembering import Remembering

from .balls import EXACT, Balls, Context, Number, Real, Widen, as_ball

BITS = 192


class Path(NamedTuple):
    """A ball for each step and coordinate; `doubts`: the step from which a coordinate is undecided.

    Undecided is what went through a sign, a comparison or a choice that the balls did not settle.
    """

    balls: list[list[arb]]
    doubts: dict[int, int]


@dataclass(frozen=True)
class Exact:
    """Trajectories of a dialect in ball arithmetic; reached as ``wdref.backend.load("exact")``."""

    name: str = "exact"

    def trajectory(self, *inputs: Any, **options: Any) -> list[list[arb]]:
        """Return the balls of `path`."""
        return self.path(*inputs, **options).balls

    def path(
        self,
        dialect: Rule,
        theta0: Sequence[Real],
        grads: Sequence[Sequence[Real]],
        hyper: Mapping[str, Real | Callable[[int], Real]],
        eta: Sequence[float],
        *,
        times: Sequence[int] | None = None,
        arithmetic: Arithmetic | None = None,
        bits: int = BITS,
    ) -> Path:
        """Return a ball for each step and coordinate of θ_1 … θ_T.

        Without `arithmetic` the balls enclose the real-number result for exactly these inputs.
        With it they enclose every evaluation that rounds as it says. A hyperparameter may be a
        function of the step, as the optimizers' ``weight_decay`` may. `times` is the rule's t of
        each step, where these are not 1, 2, 3, ….
        """
        with self.precision(bits):
            host = _Host(arithmetic, dialect)
            context = Context.of(arithmetic.compute, arithmetic.primitives) if arithmetic else EXACT
            context = Context(context.every, context.sqrt, context.divide)  # doubts of its own
            store, keep = _storage(arithmetic)
            theta = Balls(theta0, context)
            slots = _begun(dialect, hyper, len(theta), context)
            path, doubts = [], dict[int, int]()
            for t, g in enumerate(grads, start=1):
                h = {name: x(t) if callable(x) else x for name, x in hyper.items()}
                count = t if times is None else times[t - 1]
                s = host.scalars(h, count, eta[t - 1], eta[max(t - 2, 0)])
                s = type(s)(*(_to_array_dtype(value, context.every) for value in s))
                s = _cancelling(s, arithmetic)
                theta, new = dialect.apply(theta, Balls(g, context), slots, s)
                theta, slots = _rounded(theta, store), [_rounded(x, keep) for x in new]
                doubts |= {i: t for i in context.doubts if i not in doubts}
                path.append(theta.items)
            return Path(path, doubts)

    def step(
        self,
        dialect: Rule,
        theta: Sequence[Real],
        g: Sequence[Real],
        slots: Sequence[Sequence[Real]],
        s: Any,
        *,
        bits: int = BITS,
    ) -> tuple[list[arb], list[list[arb]]]:
        """Return balls for θ_t and the slots from those of t - 1 and the `scalars` of step t."""
        with self.precision(bits):
            new, new_slots = dialect.apply(Balls(theta), Balls(g), [Balls(x) for x in slots], s)
            return new.items, [x.items for x in new_slots]

    def scalars(
        self,
        dialect: Rule,
        hyper: Mapping[str, Real],
        t: int,
        eta: Real,
        *,
        before: Real | None = None,
        arithmetic: Arithmetic | None = None,
        bits: int = BITS,
    ) -> Any:
        """Return the scalars of step t as balls, in the record that the rule reads.

        With `arithmetic` they enclose what its host may hold, rounded to its arrays' dtype;
        `before` is the multiplier of the step before.
        """
        with self.precision(bits):
            last = eta if before is None else before
            s = _Host(arithmetic, dialect).scalars(hyper, t, eta, last)
            every = Widen.by(arithmetic.compute) if arithmetic else None
            return type(s)(*(_to_array_dtype(value, every) for value in s))

    @staticmethod
    @contextmanager
    def precision(bits: int) -> Iterator[None]:
        """Set Arb's working precision, which is global to the process, and put it back."""
        before = flint.ctx.prec
        flint.ctx.prec = bits
        try:
            yield
        finally:
            flint.ctx.prec = before


backend = Exact()


def _begun(dialect: Rule, hyper: Mapping[str, Any], n: int, context: Context) -> Sequence[Balls]:
    """The slots before the first step."""
    h = {name: value(1) if callable(value) else value for name, value in hyper.items()}
    return [Balls([x] * n, context) for x in dialect.starts(h)]


class _Host:
    """The host that computes the scalars: in float64, but for those that it holds in float32."""

    def __init__(self, arithmetic: Arithmetic | None, dialect: Rule) -> None:
        self.dialect = Remembering(dialect)
        self.narrow = arithmetic.narrow if arithmetic else ()
        self.wide = Widen.by("float64") if arithmetic else None
        self.single = Widen.by("float32")
        units = arithmetic.primitives.power if arithmetic else 0.0
        self.power = Widen.by("float64", units=units) if arithmetic else None
        self.single_power = Widen.by("float32", units=units)
        self.array = Widen.by(arithmetic.compute) if arithmetic else None

    def scalars(self, hyper: Mapping[str, Any], t: int, eta: Real, before: Real) -> Any:
        h = {name: self._number(name, value) for name, value in hyper.items()}
        if self.array and getattr(self.dialect.rule, "eps", "") == "hat":
            # added to √v as it is, an ε below the smallest subnormal is 0, whatever ε/√(1-β2^t) is
            eps = h["eps"]
            if abs(eps.ball) <= self.array.lost:
                h["eps"] = Number(self.array(eps.ball), eps.widen, eps.power)
        now, last = (self._number("eta", x) for x in (eta, before))
        return self.dialect.scalars(h, t, now, before=last, sqrt=lambda x: x.sqrt())

    def _number(self, name: str, value: Real) -> Number:
        if "bias" in self.narrow and name in ("beta1", "beta2", "rho"):
            return Number(self._given(name, value), self._widen(name), self.single, running=True)
        power = self.single_power if name in self.narrow else self.power
        return Number(self._given(name, value), self._widen(name), power)

    def _given(self, name: str, value: Real) -> arb:
        return self.single(arb(value)) if name in self.narrow else arb(value)

    def _widen(self, name: str) -> Widen | None:
        return self.single if name in self.narrow else self.wide


def _cancelling(s: Any, arithmetic: Arithmetic | None) -> Any:
    """Scalars of averages made as g - β g: what is subtracted has a rounding of its own."""
    if arithmetic is None or not arithmetic.cancels:
        return s
    unit = Widen.by(arithmetic.compute).factor - 1
    head = "one_minus_"
    pairs = {name: (getattr(s, name), getattr(s, name.removeprefix(head)))
             for name in s._fields if name.startswith(head)}  # fmt: skip
    wider = {name: kept + beta * unit for name, (kept, beta) in pairs.items() if beta is not None}
    return s._replace(**wider)  # an average that the dialect has not has neither


def _storage(arithmetic: Arithmetic | None) -> tuple[Widen | None, Widen | None]:
    """Roundings of parameters and of slots when a step is done, where they are not computed so."""
    if arithmetic is None:
        return None, None
    names = (arithmetic.theta or arithmetic.compute, arithmetic.state or arithmetic.compute)
    store, keep = (Widen.by(x) if x != arithmetic.compute else None for x in names)
    return store, keep


def _rounded(x: Balls, widen: Widen | None) -> Balls:
    return x.map(widen, lambda a: a) if widen else x


def _to_array_dtype(value: Any, widen: Widen | None) -> arb | None:
    if value is None:
        return None
    ball = as_ball(value)
    return widen(ball) if widen else ball
