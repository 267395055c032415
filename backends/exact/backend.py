"""Exact: trajectories of a rule on balls, as they are and with the roundings of an arithmetic.

The first contains the real-number result; the second, the *envelope*, whatever an implementation
with that arithmetic gives.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

import flint
from flint import arb

from wdref.engine.arithmetic import Arithmetic
from wdref.rules.contract import Rule
from wdref.rules.remembering import Remembering
from wdref.rules.shapes import PARAMETERS, scope_of, shapes_of, shared, slot_shape
from wdref.sums import answered, together

from .balls import Balls, Number, Real, as_ball
from .rounding import EXACT, Context, Widen

BITS = 192


class Path(NamedTuple):
    """A ball for each step and coordinate; `doubts`: the step from which a coordinate is undecided.

    Undecided is what went through a sign, a comparison or a choice that the balls did not settle.
    """

    balls: list[list[arb]]
    doubts: dict[int, int]


@dataclass(frozen=True)
class Course:
    """What one tensor of a tree goes through: the arguments of `Exact.path`.

    `taken` are the steps of the tree, from 0, at which it has the gradients: all, unless given.
    `inputs` are what the rule is given beside them, each as they are.
    """

    theta0: Sequence[Real]
    grads: Sequence[Sequence[Real]]
    hyper: Mapping[str, Real | Callable[[int], Real]]
    eta: Sequence[float]
    times: Sequence[int] | None = None
    shape: tuple[int, ...] | None = None
    counts: tuple[int, ...] | None = None
    steps: Sequence[int] | None = None
    inputs: Sequence[Sequence[Sequence[Real]]] = ()

    @property
    def taken(self) -> Sequence[int]:
        """The steps of the tree that the tensor takes."""
        return range(len(self.grads)) if self.steps is None else self.steps


class _Tensor:
    """A tensor on its way: its balls, its slots, and what computes its scalars."""

    def __init__(self, dialect: Rule, course: Course, arithmetic: Arithmetic | None) -> None:
        self.course, self.arithmetic = course, arithmetic
        self.host = _Host(arithmetic, dialect)
        known = Context.of(arithmetic.compute, arithmetic.primitives) if arithmetic else EXACT
        self.context = known.again(course.counts)  # doubts of its own
        self.store, self.keep = _storage(arithmetic)
        self.theta = Balls(course.theta0, self.context, course.shape)
        self.slots = _begun(dialect, course.hyper, self.theta)
        self.path: list[list[arb]] = []
        self.doubts: dict[int, int] = {}

    def inputs(self) -> tuple[Any, ...]:
        """What the rule is given of the next step."""
        t = len(self.path) + 1
        c = self.course
        if len(c.grads[t - 1]) != len(self.theta):
            raise ValueError(
                f"a gradient of {len(c.grads[t - 1])} numbers for {len(self.theta)} parameters"
            )
        h = {name: x(t) if callable(x) else x for name, x in c.hyper.items()}
        count = t if c.times is None else c.times[t - 1]
        s = self.host.scalars(h, count, c.eta[t - 1], c.eta[max(t - 2, 0)])
        s = type(s)(*(_to_array_dtype(value, self.context.every) for value in s))
        s = _cancelling(s, self.arithmetic)
        given = (Balls(rows[t - 1], self.context, c.shape) for rows in c.inputs)
        return self.theta, Balls(c.grads[t - 1], self.context, c.shape), (*self.slots, *given), s

    def take(self, theta: Balls, slots: Sequence[Any]) -> None:
        """Keep what the rule returned."""
        self.theta = _rounded(theta, self.store)
        self.slots = [_rounded(x, self.keep) for x in slots]
        self.path.append(self.theta.items)
        t = len(self.path)
        self.doubts |= {i: t for i in self.context.doubts if i not in self.doubts}


@dataclass(frozen=True)
class Exact:
    """Trajectories of a dialect in ball arithmetic; reached as ``wdref.backend.load("exact")``."""

    name: str = "exact"
    course = Course

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
        shape: tuple[int, ...] | None = None,
        counts: tuple[int, ...] | None = None,
        inputs: Sequence[Sequence[Sequence[Real]]] = (),
        arithmetic: Arithmetic | None = None,
        bits: int = BITS,
    ) -> Path:
        """Return a ball for each step and coordinate of θ_1 … θ_T.

        Without `arithmetic` the balls enclose the real-number result for exactly these inputs.
        With it they enclose every evaluation that rounds as it says. A hyperparameter may be a
        function of the step, as the optimizers' ``weight_decay`` may. `times` is the rule's t of
        each step, where these are not 1, 2, 3, ….  `shape` is the tensor's, where that is not of
        one dimension; `counts` say how often each coordinate stands in it, where the tensor is
        these coordinates over and over. `inputs` are what the rule is given beside the gradients.
        """
        alone = Course(theta0, grads, hyper, eta, times=times, shape=shape, counts=counts,
                       inputs=inputs)  # fmt: skip
        return self.paths(dialect, [alone], arithmetic=arithmetic, bits=bits)[0]

    def paths(
        self,
        dialect: Rule,
        courses: Sequence[Course],
        *,
        arithmetic: Arithmetic | Sequence[Arithmetic] | None = None,
        bits: int = BITS,
    ) -> list[Path]:
        """Return the `path` of every tensor of a tree, which a rule may look at together."""
        several = not (arithmetic is None or isinstance(arithmetic, Arithmetic))
        each: Any = arithmetic if several else [arithmetic] * len(courses)
        with self.precision(bits):
            tensors = [_Tensor(dialect, c, a) for c, a in zip(courses, each, strict=True)]
            steps = sorted({t for c in courses for t in c.taken})
            for t in steps:
                now = [x for x in tensors if t in x.course.taken]
                if scope_of(dialect) == "element":
                    results = [dialect.apply(*x.inputs()) for x in now]
                else:
                    results = together([dialect.rounds(*x.inputs()) for x in now], answered)
                for x, result in zip(now, results, strict=True):
                    x.take(*result)
                if scope_of(dialect) == "tree":  # which goes on without the others
                    for x in tensors:
                        x.slots = x.slots if x in now else shared(x.slots, now[0].slots,
                                                                  shapes_of(dialect))  # fmt: skip
            return [Path(x.path, x.doubts) for x in tensors]

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


def _begun(dialect: Rule, hyper: Mapping[str, Any], theta: Balls) -> list[Any]:
    """The slots before the first step."""
    h = {name: value(1) if callable(value) else value for name, value in hyper.items()}
    pairs = zip(dialect.starts(h), shapes_of(dialect), strict=True)
    return [_slot(start, kind, theta) for start, kind in pairs]


def _slot(start: Any, kind: Any, theta: Balls) -> Any:
    if isinstance(start, str) and start == PARAMETERS:
        return theta
    if kind == "scalar":
        return Number(start, theta.context.number)
    shape = slot_shape(kind, theta.shape)
    return Balls([start] * math.prod(shape), theta.context, shape)


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
    wider = {name: kept + beta * unit for name, (kept, beta) in pairs.items()
             if None not in (kept, beta)}  # fmt: skip
    return s._replace(**wider)  # what a dialect has no average of has none of them, or β alone


def _storage(arithmetic: Arithmetic | None) -> tuple[Widen | None, Widen | None]:
    """Roundings of parameters and of slots when a step is done, where they are not computed so."""
    if arithmetic is None:
        return None, None
    names = (arithmetic.theta or arithmetic.compute, arithmetic.state or arithmetic.compute)
    store, keep = (Widen.by(x) if x != arithmetic.compute else None for x in names)
    return store, keep


def _rounded(x: Any, widen: Widen | None) -> Any:
    if widen is None:
        return x
    return x.map(widen, lambda a: a) if isinstance(x, Balls) else Number(widen(x.ball), x.widen)


def _to_array_dtype(value: Any, widen: Widen | None) -> arb | None:
    if value is None:
        return None
    ball = as_ball(value)
    return widen(ball) if widen else ball
