"""The same parts on a real network: digits, two hidden layers, plain or batch-normalised.

By layer and over time: |W|, the angle that a step turns it, and what share of the step the L2 term
or the decay makes, ‖u_λ‖/(‖u_λ‖ + ‖u_g‖). And for every weight the effective decay over the last
steps, d = Σ u_λ θ / Σ θ², against √v̂ + ε, its mean likewise: Σ θ² / Σ θ²/(√v̂ + ε).

ε is 1e-4: where v sees the gradient alone, the weights of pixels that are always 0 have √v̂ = 0, and
with ε = 1e-8 their L2 term is multiplied by 1e8, which diverges.
"""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from wdref.schedules import cosine

from ..problems.data import batches
from ..problems.problems import Problem, problem
from ..theory.check import interval, slope
from ..theory.walk import Array
from .mechanisms import Slope
from .parts import METHODS, Parted

if TYPE_CHECKING:
    import xarray

PROBLEMS = ("digits", "digits-bn")
SETTING = {"label_noise": 0.3, "samples": 500, "width": 32}
STEPS, EVERY, LAST, BATCH, STARTS, RATE, EPS, BETA1 = 400, 10, 100, 64, 5, 3e-3, 1e-4, 0.9
DECAYS = {method: 0.3 if method == "AdamW" else 3e-3 for method in METHODS}  # λ (lr form), λ'


class Course(NamedTuple):
    """Of one method: (start, layer, time), (start, weight) at the end, test error in per cent.

    ``lag`` bounds how far, relatively, the θ that m remembers is from θ.
    """

    norm: Array
    angle: Array
    share: Array
    decay: Array
    denominator: Array
    lag: Array
    error: Array


def trained(method: str, task: Problem) -> Course:
    """Train a network from several starts at once, on the same batches, and take steps apart."""
    network, data = task.network, task.data(0)
    rngs = [np.random.default_rng([start, 3]) for start in range(STARTS)]
    starts = [network.start(rng) for rng in rngs]
    params: dict[str, Array] = {name: np.stack([x[name] for x in starts]) for name in starts[0]}
    parts = {
        name: Parted(method, x, learning_rate=RATE, schedule=cosine(STEPS), eps=EPS,
                     weight_decay=DECAYS[method] if network.decays(name) else 0.0)
        for name, x in params.items()
    }  # fmt: skip
    weights = [name for name in params if network.decays(name)]
    rows: list[list[Any]] = []
    sums: dict[str, list[Any]] = {name: [0.0] * 4 for name in weights}
    order = batches(np.random.default_rng([0, 4]), len(data.x), BATCH)
    for t, batch in zip(range(STEPS), order, strict=False):
        grads = network.gradients(params, data.x[batch], data.y[batch])
        new = {name: parts[name].step(grads[name]) for name in params}
        if t % EVERY == 0:
            rows.append([_seen(params[name], new[name], parts[name]) for name in weights])
        if t >= STEPS - LAST:
            _add(sums, params, new, parts)
        params = new
    error = network.measures(params, (data.x, data.y), (data.test_x, data.test_y))[3]
    norm, angle, share = np.array(rows).transpose(2, 3, 1, 0)
    pull, square, inverse, moved = (
        np.concatenate([total[i].reshape(STARTS, -1) for total in sums.values()], axis=1)
        for i in range(4)
    )
    lag = BETA1 / (1 - BETA1) * moved / square
    return Course(norm, angle, share, pull / square, square / inverse, lag, 100 * np.asarray(error))


def _seen(old: Array, new: Array, part: Parted) -> tuple[Array, Array, Array]:
    """|W|, the angle of the step in degrees, the share of the decay in it; a value a start."""
    before, after = _length(old), _length(new)
    turned = np.minimum(1.0, (old * new).sum((1, 2)) / (before * after))
    pull, push = _length(part.by_decay), _length(part.by_gradient)
    return after, np.degrees(np.arccos(turned)), pull / (pull + push)


def _length(x: Array) -> Array:
    found: Array = np.sqrt((x * x).sum((1, 2)))
    return found


def _add(
    sums: Mapping[str, list[Any]],
    params: Mapping[str, Array],
    new: Mapping[str, Array],
    parts: Mapping[str, Parted],
) -> None:
    """Add Σ u_λ θ, Σ θ², Σ θ²/(√v̂ + ε), Σ |Δθ θ|."""
    for name, total in sums.items():
        part, theta = parts[name], params[name]
        square = theta * theta
        moved = np.abs((new[name] - theta) * theta)
        columns = (part.by_decay * theta, square, square / part.denominator, moved)
        for i, x in enumerate(columns):
            total[i] = total[i] + x


def dataset() -> "xarray.Dataset":
    """Train every method on every problem: (problem, rule, start, …)."""
    import xarray
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):  # BLAS threads cost more than they gain on arrays so small
        found = [[trained(method, problem(name, **SETTING)) for method in METHODS]
                 for name in PROBLEMS]  # fmt: skip
    course = dict.fromkeys(("norm", "angle", "share"), ("layer", "step"))
    dims = {**course, "decay": ("weight",), "denominator": ("weight",),
            "lag": ("weight",), "error": ()}  # fmt: skip
    columns = {name: (("problem", "rule", "start", *own),
                      np.array([[getattr(run, name) for run in row] for row in found]))
               for name, own in dims.items()}  # fmt: skip
    return xarray.Dataset(
        columns,
        coords={"problem": list(PROBLEMS), "rule": list(METHODS), "layer": [1, 2, 3],
                "step": np.arange(1, STEPS + 1, EVERY)},
        attrs={"title": "A step taken apart, on digits", "learning_rate": RATE, "steps": STEPS,
               "weight_decay": DECAYS["AdamW"], "l2": DECAYS["both"], "eps": EPS,
               "command": "wdref mechanisms"},
    )  # fmt: skip


def slopes(data: "xarray.Dataset") -> Iterator[Slope]:
    """Yield the log-log slope of d against √v̂ + ε: -1 with L2, 0 for AdamW.

    99.9 % intervals over the starts. Where m holds the L2 term they are wider by what its memory
    can do: |slope(x, e)| <= ‖e‖/‖x - x̄‖ for an error e of log d, at most the lag.
    """
    for name in PROBLEMS:
        for method in METHODS:
            own = data.sel(problem=name, rule=method)
            x, y = np.log(own["denominator"].values), np.log(np.abs(own["decay"].values))
            mean, half = interval(
                [float(slope(a, b[:, None])[0]) for a, b in zip(x, y, strict=True)]
            )
            spread = np.linalg.norm(x - x.mean(axis=1, keepdims=True), axis=1)
            if method in ("both", "m only"):
                half += float((np.linalg.norm(own["lag"].values, axis=1) / spread).max())
            half += 1e-6  # rounding: u_λ is a difference of θ's, of 1e-16 |θ|/(η α)
            want = 0.0 if method == "AdamW" else -1.0
            low, high = mean - half, mean + half
            yield Slope(method, "decay", "denominator", f"weights, {name}", want, mean, low, high,
                        low <= want <= high)  # fmt: skip


def summary(data: "xarray.Dataset") -> list[dict[str, Any]]:
    """Return, by problem and rule, means over the starts for the second layer: [start, end].

    ``error_half`` is the half-width of the 99.9 % interval of the test error over the starts. The
    end is the step before the last decade, where the schedule's multiplier is still above 0.
    """
    rows = []
    for name in PROBLEMS:
        for method in METHODS:
            own = data.sel(problem=name, rule=method)
            error, half = interval(own["error"].values)
            ends = own.sel(layer=2).isel(step=[0, -2]).mean("start")
            course = {key: ends[key].values.tolist() for key in ("share", "angle", "norm")}
            rows.append({"problem": name, "rule": method, "error": error, "error_half": half,
                         **course})  # fmt: skip
    return rows
