"""Right implementations, many: the same formula in other orders, folded, fused, regrouped.

They measure false alarms and the worst ratio that a right answer reaches. Each is drawn from a
seed: how the moments are averaged, where the corrections are folded in, what is divided by what,
when the decay is subtracted, how powers are made, in which pieces a tensor is stepped, and on which
machine (`machines`). A lerp as ``w m + (g - w g)`` is not among them: what it loses where
1 - w is small is no rounding of the formula.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ...cases.case import Array, Case
from .machines import Machine


@dataclass(frozen=True)
class Order:
    """One way to write the same formula."""

    average: str  # plain, or lerp: m + (1-β) (g - m)
    square: str  # of g before it is weighted, or after
    correction: str  # hats, folded into the step, or into step and denominator
    root: str  # √v, or 1 over the reciprocal root
    division: str  # where the rate is multiplied, what is divided by what
    decay: str  # together, before, last with the old value, or inside the rate's brackets
    l2: str  # in the gradient, or as a term of its own in the buffer
    ahead: str  # Nesterov's step from the new buffer, or from the old one with β²
    powers: str  # β^t at once, or multiplied up from step to step
    pieces: int  # of a tensor, stepped one after another
    memory: str  # what is wider: nothing, the operations, the state too, the parameters too
    fused: bool
    flush: bool

    @staticmethod
    def draw(seed: int) -> "Order":
        """Return the order that belongs to `seed`."""
        rng = np.random.default_rng(seed)

        def pick(*choices: str) -> str:
            return choices[int(rng.integers(len(choices)))]

        return Order(
            average=pick("plain", "lerp"),
            square=pick("first", "last"),
            correction=pick("hats", "step", "both"),
            root=pick("sqrt", "sqrt", "rsqrt"),
            division=pick("first", "last", "divided", "reciprocal", "quotient"),
            decay=pick("together", "before", "last", "brackets"),
            l2=pick("gradient", "buffer"),
            ahead=pick("new", "old"),
            powers=pick("at once", "running"),
            pieces=int(pick("1", "1", "2", "5")),
            memory=pick("same", "same", "operations", "state", "parameters"),
            fused=bool(rng.integers(2)),
            flush=int(rng.integers(4)) == 0,
        )


def run(order: Order, case: Case, dialect: Any) -> Any:
    """Trajectory of `dialect` in the order given: (T, n), a list of these for several tensors."""
    paths = [_in_pieces(order, part, dialect) for part in case.parts()]
    if "tensors" not in case.flags:
        return _standing(case, 0, case.theta0, paths[0])
    return [_standing(case, i, case.theta0[i], path) for i, path in enumerate(paths)]


def _standing(case: Case, i: int, theta0: Any, path: Array) -> Array:
    """The path of a tensor with the steps that it does not take."""
    theta, rows = theta0.astype(float), []
    taken = case.steps_taken(i)
    for t in range(len(case.eta)):
        theta = path[taken.index(t)] if t in taken else theta
        rows.append(theta)
    return np.array(rows).reshape(len(rows), -1)


def _in_pieces(order: Order, part: Case, dialect: Any) -> Array:
    columns = np.array_split(np.arange(len(part.theta0)), order.pieces)
    return np.concatenate([_path(order, part, at, dialect) for at in columns], axis=1)


def _path(order: Order, part: Case, at: Any, dialect: Any) -> Array:
    machine = Machine(part.dtype, order.memory, order.fused, order.flush)
    theta = machine.array(part.theta0[at])
    slots = [np.zeros_like(theta), np.zeros_like(theta)]
    powers = dict.fromkeys(("beta1", "beta2"), 1.0)
    path = [np.empty((0, len(at)))]
    with np.errstate(all="ignore"):
        for t, eta in enumerate(part.eta.tolist(), start=1):
            hyper, count = part.hyper_at(t), part.count_at(t)
            # a product over the steps is another function where a β changes or the count is set
            running = order.powers == "running" and not part.life
            for name in powers if "beta1" in hyper else ():
                beta = hyper[name]
                powers[name] = powers[name] * beta if running else beta**count
            step = _Step(order, machine, dialect, hyper, eta, count, powers)
            g = machine.array(part.grads[t - 1, at])
            theta = machine.parameters(step.parameters(theta, g, slots))
            slots = [machine.state(x) for x in slots]
            path.append(machine.shown(theta)[None])
    return np.concatenate(path)


@dataclass(frozen=True)
class _Step:
    """One step of one tensor."""

    order: Order
    machine: Machine
    dialect: Any
    hyper: Any
    eta: float
    t: int
    powers: Any

    @property
    def rate(self) -> float:
        return float(self.eta * self.hyper["learning_rate"])

    def parameters(self, theta: Any, g: Any, slots: list[Any]) -> Any:
        """Return the new θ; `slots` are written."""
        if "v" not in self.dialect.slots:
            return self._by_momentum(theta, g, slots)
        g, (outer, inner) = self._gradient(theta, g), self._brackets()
        step = self._adam(g, slots, inner)
        if outer is None:
            return self._decayed(theta, step)
        kind = self.machine.number
        return theta - kind(outer) * (step + kind(self.hyper["weight_decay"]) * theta)

    def _by_momentum(self, theta: Any, g: Any, slots: list[Any]) -> Any:
        coupled = self.dialect.form == "l2" and not self.dialect.nesterov
        if coupled and self.order.l2 == "buffer":
            return theta - self._momentum(g, slots, theta)
        return self._decayed(theta, self._momentum(self._gradient(theta, g), slots))

    def _gradient(self, theta: Any, g: Any) -> Any:
        if self.dialect.form != "l2":
            return g
        return self.machine.fma(theta, self.machine.number(self.hyper["weight_decay"]), g)

    def _brackets(self) -> tuple[float | None, float]:
        """Return what multiplies step and decay, where these stand in brackets; the step's rate."""
        if self.order.decay == "brackets" and self.dialect.order == "together":
            if self.dialect.form == "lr":
                return self.rate, 1.0
            if self.dialect.form == "paper":
                return self.eta, self.hyper["learning_rate"]
        return None, self.rate

    def _adam(self, g: Any, slots: list[Any], rate: float) -> Any:
        h, kind, one = self.hyper, self.machine.number, self.machine.number(1)
        slots[0] = self._averaged(slots[0], g, g, h["beta1"])
        slots[1] = self._averaged(slots[1], g * g, g, h["beta2"])
        m, scale, denominator = self._corrected(slots[0], slots[1], rate)
        if self.order.division == "first":
            return (kind(scale) * m) / denominator
        if self.order.division == "last":
            return kind(scale) * (m / denominator)
        if self.order.division == "reciprocal":
            return kind(scale) * (m * (one / denominator))
        if self.order.division == "quotient":
            return m * (kind(scale) / denominator)
        return m / (denominator / kind(scale)) if scale else kind(0) * m

    def _averaged(self, old: Any, new: Any, g: Any, beta: float) -> Any:
        kind, fma = self.machine.number, self.machine.fma
        if self.order.average == "lerp":
            return fma(kind(1 - beta), new - old, old)
        weighted = kind(1 - beta) * new
        if new is not g and self.order.square == "last":
            weighted = (kind(1 - beta) * g) * g
        return fma(kind(beta), old, weighted)

    def _corrected(self, m: Any, v: Any, rate: float) -> tuple[Any, float, Any]:
        """Return the first moment, what multiplies it, and the denominator."""
        kind, eps = self.machine.number, self.hyper["eps"]
        corrected = self.dialect.bias == "both"
        bias1, bias2 = (1 - p if corrected else 1.0 for p in self.powers.values())
        root = bias2**0.5
        hat, outside = (eps, eps * root) if self.dialect.eps == "outside" else (eps / root, eps)
        if self.order.correction == "hats":
            return m / kind(bias1), rate, self._root(v / kind(bias2)) + kind(hat)
        if self.order.correction == "step":
            return m, rate / bias1, self._root(v) / kind(root) + kind(hat)
        return m, rate * root / bias1, self._root(v) + kind(outside)

    def _root(self, x: Any) -> Any:
        one = self.machine.number(1)
        return np.sqrt(x) if self.order.root == "sqrt" else one / (one / np.sqrt(x))

    def _momentum(self, g: Any, slots: list[Any], theta: Any = None) -> Any:
        """Return what is subtracted; with `theta` its L2 term joins in the buffer."""
        d, kind, fma = self.dialect, self.machine.number, self.machine.fma
        beta = self.hyper["momentum"]
        damped = d.damping == "dampening" and not (d.first == "gradient" and self.t == 1)
        look = self.rate if d.lr == "inside" else 1.0
        gain = look * (1 - self.hyper["dampening"]) if damped else look
        term = kind(gain) * g
        if theta is not None:
            term = fma(kind(gain * self.hyper["weight_decay"]), theta, term)
        old = slots[0]
        slots[0] = step = fma(old, kind(beta), term)
        if d.nesterov and self.order.ahead == "new":
            step = fma(kind(beta), slots[0], kind(look) * g)
        elif d.nesterov:
            step = fma(kind(beta * beta), old, kind(beta * gain + look) * g)
        return step if d.lr == "inside" else kind(self.rate) * step

    def _decayed(self, theta: Any, step: Any) -> Any:
        kind, fma, k = self.machine.number, self.machine.fma, self._decay()
        if k is None:
            return theta - step
        if self.dialect.order == "after":
            new = theta - step
            return kind(1 - k) * new if self.order.decay == "before" else fma(kind(-k), new, new)
        if self.order.decay == "before":
            return kind(1 - k) * theta - step
        if self.order.decay == "last":
            return fma(kind(-k), theta, theta - step)
        return theta - fma(kind(k), theta, step)

    def _decay(self) -> float | None:
        factors = {"paper": self.eta, "lr": self.rate, "fixed": 1.0}
        factor = factors.get(self.dialect.form)
        return None if factor is None else float(factor * self.hyper["weight_decay"])
