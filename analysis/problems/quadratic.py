"""A noisy quadratic: the smallest problem on which decay helps, with all of it known."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from array_api_compat import array_namespace

from wdref.common.checks import check_count, check_number

from ..networks.scratch import Scratch
from .data import Data

Array = Any


class Bowl:
    """f(θ) = mean_i ½ Σ_j h_j (θ_j - x_ij)²; its error is the loss over that of θ = 0."""

    def __init__(self, curvatures: Sequence[float]) -> None:
        """`curvatures` are h."""
        self.curvatures = np.asarray(curvatures, dtype=np.float64)

    def start(self, rng: np.random.Generator) -> dict[str, np.ndarray[Any, Any]]:
        """Draw θ_0, a row of normal numbers."""
        return {"theta": rng.standard_normal((1, len(self.curvatures)))}

    def decays(self, name: str) -> bool:
        """All of θ decays."""
        return True

    def gradients(
        self, params: Mapping[str, Array], x: Array, y: Array, scratch: Scratch | None = None
    ) -> dict[str, Array]:
        """∂f/∂θ_j = h_j (θ_j - mean_i x_ij)."""  # a formula
        xp, h = array_namespace(x), self._h(x)
        return {"theta": h * (params["theta"] - xp.mean(x, axis=0))}

    def measures(
        self, params: Mapping[str, Array], train: Sequence[Array], test: Sequence[Array]
    ) -> tuple[Array, Array, Array, Array]:
        """Training loss and error, test loss and error of each entry, (K,) each."""
        theta = params["theta"]
        found = []
        for x, _ in (train, test):
            loss, zero = self._loss(theta, x), self._loss(0.0 * theta, x)
            found += [loss, loss / zero]
        return found[0], found[1], found[2], found[3]

    def _loss(self, theta: Array, x: Array) -> Array:
        xp = array_namespace(x)
        distance = theta - x
        return 0.5 * xp.mean(xp.sum(self._h(x) * distance * distance, axis=2), axis=1)

    def _h(self, like: Array) -> Array:
        return array_namespace(like).asarray(self.curvatures, dtype=like.dtype)


class Quadratic:
    """A bowl whose centre is known by samples with noise; `analysis.problems.Problem`."""

    def __init__(
        self,
        *,
        dimensions: int = 20,
        condition: float = 100.0,
        noise: float = 4.0,
        samples: int = 64,
    ) -> None:
        """Curvatures fall from 1 to 1/`condition`; `noise` is that of a sample of the centre."""
        n, c = check_count("dimensions", dimensions), check_number("condition", condition, low=1.0)
        self.network = Bowl(np.geomspace(1.0, 1.0 / c, n).tolist())
        self.noise = check_number("noise", noise, low=0.0)
        self.samples = check_count("samples", samples)

    def data(self, seed: int) -> Data:
        """Draw the centre, and samples of it; the centre itself tests."""
        rng = np.random.default_rng([seed, 0])
        n = len(self.network.curvatures)
        centre = rng.standard_normal((1, n))
        x = centre + self.noise * rng.standard_normal((self.samples, n))
        return Data(x, np.zeros((self.samples, 1)), centre, np.zeros((1, 1)))
