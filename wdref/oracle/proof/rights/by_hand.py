"""Right implementations written anew: the same functions by other formulas, in NumPy.

Each is a step of one tensor, or of a tree, in the dtype of its arrays. Its norms are NumPy's. What
differs from the rule of the claim is said in a line.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ....conventions import dialect
from ...cases.case import Array, Case


@dataclass(eq=False)
class Tensor:
    """One tensor in training, and what is kept of it."""

    theta: Any
    hyper: Any
    kept: dict[str, Any] = field(default_factory=dict)
    g: Any = None
    t: int = 0
    eta: float = 1.0

    @property
    def rate(self) -> Any:
        """η α, in the dtype."""
        return self.theta.dtype.type(self.eta * self.hyper["learning_rate"])

    def __getitem__(self, name: str) -> Any:
        """Return a hyperparameter in the dtype."""
        return self.theta.dtype.type(self.hyper[name])

    def slot(self, name: str, like: Any = None) -> Any:
        """Return what is kept under this name: at first zeros."""
        return self.kept.get(name, np.zeros_like(self.theta if like is None else like))

    def average(self, name: str, new: Any, beta: float) -> Any:
        """Return the average with `new`, which is kept."""
        kind = self.theta.dtype.type
        self.kept[name] = kind(beta) * self.slot(name, new) + kind(1 - beta) * new
        return self.kept[name]


Step = Callable[[Tensor], None]


def folded_lamb(x: Tensor) -> None:
    """Step with the corrections in the rate and in ε, and multiply by a reciprocal root."""
    h, kind = x.hyper, x.theta.dtype.type
    m = x.average("m", x.g, h["beta1"])
    v = x.average("v", x.g * x.g, h["beta2"])
    bias1, root2 = 1 - h["beta1"] ** x.t, (1 - h["beta2"] ** x.t) ** 0.5
    inverse = kind(1) / (np.sqrt(v) + kind(h["eps"] * root2))
    u = kind(root2 / bias1) * m * inverse + x["weight_decay"] * x.theta
    sizes = np.linalg.norm(x.theta), np.linalg.norm(u)
    trust = sizes[0] / sizes[1] if min(sizes) > 0 else kind(1)
    x.theta = x.theta - x.rate * trust * u


def spread_lars(x: Tensor) -> None:
    """Step with the rate in the ratio, which multiplies gradient and decay apart."""
    size, below = np.linalg.norm(x.theta), np.linalg.norm(x.g)
    local = x.rate
    if min(size, below) > 0:
        local = (x.rate * x["trust_coefficient"] * size) / (below + x["weight_decay"] * size)
    m = x["momentum"] * x.slot("m") + local * x.g
    x.kept["m"] = m = m + (local * x["weight_decay"]) * x.theta
    x.theta = x.theta - m


def rooted_adafactor(x: Tensor) -> None:
    """Step with reciprocal roots of rows and columns, each by itself, as T5's program does."""
    h, kind = x.hyper, x.theta.dtype.type
    rho = min(x.eta * h["learning_rate"], x.t**-0.5)
    alpha = kind(rho) * max(x["eps2"], _rms(x.theta))
    beta2, squares = 1 - x.t ** -h["power"], x.g * x.g + x["eps"]
    if x.theta.ndim > 1:
        r = x.average("r", np.mean(squares, axis=-1), beta2)
        c = x.average("c", np.mean(squares, axis=-2), beta2)
        rows = kind(1) / np.sqrt(r / np.mean(r, axis=-1, keepdims=True))
        u = x.g * rows[..., None] * (kind(1) / np.sqrt(c))[..., None, :]
    else:
        u = x.g * (kind(1) / np.sqrt(x.average("v", squares, beta2)))
    u = u / max(kind(1), _rms(u) / x["threshold"])
    x.theta = (x.theta - kind(x.eta * h["weight_decay"]) * x.theta) - alpha * u


def _rms(x: Any) -> Any:
    n = x.dtype.type(max(x.size, 1))
    return np.linalg.norm(x) / np.sqrt(n)


def turned_novograd(x: Tensor) -> None:
    """Step with v as v + (1 - β2) (‖g‖² - v), and its first step outside of the recurrence."""
    kind = x.theta.dtype.type
    g2 = np.sum(x.g * x.g)
    v = g2 if x.t == 1 else x.kept["v"] + kind(1 - x.hyper["beta2"]) * (g2 - x.kept["v"])
    new = x["weight_decay"] * x.theta + x.g / (np.sqrt(v) + x["eps"])
    m = new if x.t == 1 else x["beta1"] * x.kept["m"] + new
    x.kept |= {"v": v, "m": m}
    x.theta = x.theta - x.rate * m


def split_fromage(x: Tensor) -> None:
    """Step with the root on both sides of the difference, and the hypotenuse for it."""
    sizes = np.linalg.norm(x.theta), np.linalg.norm(x.g)
    trust = sizes[0] / sizes[1] if min(sizes) > 0 else x.theta.dtype.type(1)
    shrink = 1 / np.hypot(x.theta.dtype.type(1), x.rate)
    x.theta = shrink * x.theta - (shrink * x.rate * trust) * x.g


def relative_prodigy(tensors: Sequence[Tensor]) -> dict[str, Any]:
    """Step with r and s in units of the first distance's square, as the authors' program has d.

    Returns what the tree keeps.
    """
    inner, size, kind = 0.0, 0.0, tensors[0].theta.dtype.type
    for x in tensors:
        x.kept.setdefault("theta0", x.theta)
        d, beta3 = kind(x.kept.get("d", x.hyper["distance"])), x.hyper["beta2"] ** 0.5
        gain = kind(1 - beta3) * x.rate * (d / x["distance"]) ** 2
        inner += gain * np.vdot(x.g, x.kept["theta0"] - x.theta)
        x.kept["s"] = kind(beta3) * x.slot("s") + gain * x.g
        size += np.sum(np.abs(x.kept["s"]))
    for x in tensors:
        d, h = kind(x.kept.get("d", x.hyper["distance"])), x.hyper
        m, v = x.average("m", d * x.g, h["beta1"]), x.average("v", (d * x.g) ** 2, h["beta2"])
        x.kept["r"] = kind(h["beta2"] ** 0.5) * x.kept.get("r", kind(0)) + inner
        step = m / (np.sqrt(v) + d * x["eps"]) + x["weight_decay"] * x.theta
        x.theta = x.theta - (x.rate * d) * step
        x.kept["d"] = max(d, x["coefficient"] * x.kept["r"] / size) if size > 0 else d
    return {name: tensors[0].kept[name] for name in ("r", "d")}


CLAIMS = {
    "folded LAMB": dialect("lamb"),
    "spread LARS": dialect("lars"),
    "rooted Adafactor": dialect("adafactor"),
    "turned NovoGrad": dialect("novograd"),
    "split Fromage": dialect("fromage"),
    "relative Prodigy": dialect("prodigy"),
}
STEPS: dict[str, Step] = {
    "folded LAMB": folded_lamb,
    "spread LARS": spread_lars,
    "rooted Adafactor": rooted_adafactor,
    "turned NovoGrad": turned_novograd,
    "split Fromage": split_fromage,
}


def run(name: str, case: Case) -> Any:
    """Trajectory of a form: (T, n), a list of these for several tensors."""
    parts = case.parts()
    taken = [case.steps_taken(i) for i in range(len(parts))]
    tensors = [Tensor(part.theta0.reshape(part.shape), part.hyper) for part in parts]
    path: list[list[Array]] = [[] for _ in parts]
    with np.errstate(all="ignore"):
        for t in range(len(case.eta)):
            now = [i for i, steps in enumerate(taken) if t in steps]
            for i in now:
                x, part = tensors[i], parts[i]
                x.g, x.eta = part.grads[x.t].reshape(part.shape), float(part.eta[x.t])
                x.t += 1
            _stepped(name, [tensors[i] for i in now], tensors)
            for rows, x in zip(path, tensors, strict=True):
                rows.append(x.theta.reshape(-1).astype(float))
    paths = [np.array(rows).reshape(len(case.eta), -1) for rows in path]
    return paths if "tensors" in case.flags else paths[0]


def _stepped(name: str, now: Sequence[Tensor], tensors: Sequence[Tensor]) -> None:
    """Step the tensors that have a gradient; the tree's numbers go on in all."""
    if name in STEPS:
        for x in now:
            STEPS[name](x)
    elif now:
        shared = relative_prodigy(now)
        for x in tensors:
            x.kept |= {} if x in now else shared
