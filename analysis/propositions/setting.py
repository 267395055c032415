"""The setting of a demonstration: θ_0, the gradients, the hyperparameters and the schedule."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from wdref.common.checks import check_number
from wdref.schedules import Schedule, warm_restarts

Array = np.ndarray[Any, Any]

STEPS, COORDINATES = 56, 8  # as many as are read: three cycles of the schedule, eight columns
DTYPES = ("float16", "float32", "float64")


@dataclass(frozen=True)
class Setting:
    """What the propositions are tried on. The gradients are prescribed: f_t(θ) = g_t · θ.

    That is no loss: where two rules give the same trajectory for the gradients g_t = ∇f_t(θ_{t-1})
    of one of them, they meet the same gradients themselves, by induction over t.

    ``scale`` is s, the diagonal of the inverse of the fixed preconditioner M = diag(s)^-1.
    ``coordinates`` says which columns of the caller's array these are.
    """

    theta0: tuple[float, ...]
    grads: tuple[tuple[float, ...], ...]
    scale: tuple[float, ...]
    coordinates: tuple[int, ...]
    hyper: Mapping[str, float] = field(default_factory=dict)
    schedule: Schedule = field(default_factory=lambda: warm_restarts(8, 2))

    @property
    def eta(self) -> list[float]:
        """η_1 … η_T."""
        return [self.schedule(t) for t in range(1, len(self.grads) + 1)]

    def first(self, steps: int) -> "Setting":
        """Return the setting with its first steps alone."""
        return replace(self, grads=self.grads[:steps])


HYPER = {"learning_rate": 0.125, "weight_decay": 0.01, "momentum": 0.9,
         "beta1": 0.9, "beta2": 0.999, "eps": 1e-8}  # fmt: skip


def setting(grads: Any = None, theta0: Any = None, /, **hyper: float) -> Setting:
    """Return the setting for gradients (T, n) and θ_0 (n,), or the built-in one.

    Of long or wide gradients the first 56 steps are taken and the 8 columns at evenly spaced ranks
    of their root mean square; what holds for these coordinates needs no others. θ_0 is all ones
    unless given. Raises ValueError, saying what was expected, for anything else.

    >>> setting([[1.0, 2.0], [3.0, 4.0]], learning_rate=0.5).theta0
    (1.0, 1.0)
    """
    if grads is None:
        if theta0 is not None:
            raise ValueError("theta0 without grads: expected both or grads alone")
        grads, theta0 = _built_in()
    g = _checked("grads", grads, ndim=2)
    theta = np.ones(g.shape[1]) if theta0 is None else _checked("theta0", theta0, ndim=1)
    _check_sizes(g, theta)
    columns = _spread(g, theta)
    return Setting(
        theta0=tuple(theta[columns].tolist()),
        grads=tuple(tuple(row) for row in g[:STEPS, columns].tolist()),
        scale=tuple(1.0 + 0.5 * i for i in range(len(columns))),
        coordinates=tuple(columns),
        hyper=_hyper(hyper),
    )


def load(path: str | Path) -> tuple[Array, Array | None]:
    """Read gradients from a ``.npy`` file, or ``grads`` (and ``theta0``) from a ``.npz`` file.

    Raises ValueError where there is no such file or no such array in it.
    """
    try:
        with Path(path).open("rb") as file:
            found = np.load(file, allow_pickle=False)
            single = isinstance(found, np.ndarray)
            names = ("grads", "theta0")
            arrays = {"grads": found} if single else {k: found[k] for k in names if k in found}
    except FileNotFoundError:
        raise ValueError("no such file") from None
    except Exception as error:  # of zipfile, zlib, NumPy: a dozen kinds
        raise ValueError(f"not a .npy or .npz file of numbers: {error}") from None
    if "grads" not in arrays:
        raise ValueError("no array 'grads' in it")
    return arrays["grads"], arrays.get("theta0")


def _built_in() -> tuple[Array, Array]:
    """Sines of irrational frequencies, rounded to 10 bits so that every machine has the same."""
    t, i = np.arange(1, STEPS + 1)[:, None], np.arange(COORDINATES)[None, :]
    wave = np.sin(1.0 + t * np.sqrt(2.0 + i) + 0.7 * i) + 0.25
    sign = np.where(np.arange(COORDINATES) % 2 == 0, 1.0, -1.0)
    return np.rint(1024 * wave * (0.25 + 0.25 * i)) / 1024, sign * (1 + np.arange(COORDINATES) / 8)


def _checked(name: str, values: Any, *, ndim: int) -> Array:
    x = np.asarray(values)
    shape = "(T, n)" if ndim == 2 else "(n,)"
    if x.dtype.name not in DTYPES:
        raise ValueError(f"{name} has dtype {x.dtype}: expected one of {', '.join(DTYPES)}")
    if x.ndim != ndim:
        raise ValueError(f"{name} has shape {x.shape}: expected {shape}")
    if not np.isfinite(x).all():
        raise ValueError(f"{name} holds nan or infinity: expected finite numbers")
    return x.astype(np.float64)


def _check_sizes(g: Array, theta: Array) -> None:
    T, n = g.shape
    if T < 2:
        raise ValueError(
            f"grads has {T} step(s): expected at least 2, momentum shows at the second"
        )
    if n < 2:
        raise ValueError(f"grads has {n} coordinate(s): expected at least 2, one alone always has "
                         "its own λ' and contradicts nothing")  # fmt: skip
    if theta.shape != (n,):
        raise ValueError(f"theta0 has shape {theta.shape}: expected ({n},), a value a coordinate")
    if np.count_nonzero(theta) < 2:
        raise ValueError("theta0 has fewer than 2 coordinates that are not 0: no decay acts on 0")


def _spread(g: Array, theta: Array) -> list[int]:
    """Columns at evenly spaced ranks of the gradients' size, those with θ_0 = 0 left out."""
    usable = np.flatnonzero(theta)
    size = np.sqrt(np.mean((g / max(np.abs(g).max(), 1e-300)) ** 2, axis=0))[usable]
    ranked = usable[np.argsort(size, kind="stable")]
    picks = np.linspace(0, len(ranked) - 1, min(COORDINATES, len(ranked)))
    return sorted(int(ranked[round(p)]) for p in picks)


def _hyper(given: Mapping[str, float]) -> dict[str, float]:
    unknown = set(given) - set(HYPER)
    if unknown:
        raise ValueError(f"no hyperparameter {', '.join(sorted(unknown))}: only {', '.join(HYPER)}")
    below = dict.fromkeys(("momentum", "beta1", "beta2"), 1.0)
    positive = {"learning_rate", "weight_decay", "eps"}
    return {
        name: check_number(name, value, low=0.0, below=below.get(name, np.inf),
                           above=0.0 if name in positive else -np.inf)
        for name, value in {**HYPER, **given}.items()
    }  # fmt: skip
