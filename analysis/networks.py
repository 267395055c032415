"""Many networks at once: one more axis in front of every array, gradients written by hand.

A parameter is an array (K, rows, columns), an entry of its leading axis a network of its own. All
see the same inputs x (n, features) and targets y (n, classes), one-hot.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from array_api_compat import array_namespace

Array = Any
Params = Mapping[str, Array]
EPS = 1e-12  # of the normalisation: next to nothing, so that the weights' scale is without effect


class Statistics(NamedTuple):
    """Mean and 1/√(variance + ε) of a normalised layer, (K, 1, units) each."""

    mean: Array
    scale: Array


@dataclass(frozen=True)
class Network:
    """A perceptron with softmax cross-entropy; `sizes` are its layers' units, inputs first.

    ``normalised[l]`` says whether hidden layer l has batch normalisation without affine parameters
    (then it has no bias either, which the mean would take away). ``linear`` leaves out the ReLUs.
    """

    sizes: tuple[int, ...]
    normalised: tuple[bool, ...] = ()
    linear: bool = False

    @property
    def depth(self) -> int:
        """Number of weight matrices."""
        return len(self.sizes) - 1

    def has_bias(self, layer: int) -> bool:
        """Whether `layer`, counted from 0, has a bias."""
        return layer == self.depth - 1 or not self.normalised[layer]

    def start(self, rng: np.random.Generator) -> dict[str, np.ndarray[Any, Any]]:
        """Draw the parameters of one network: He's normal weights, biases of 0; float64."""
        gain = 1.0 if self.linear else 2.0
        params = {}
        for layer, (rows, columns) in enumerate(zip(self.sizes, self.sizes[1:], strict=False)):
            last = layer == self.depth - 1
            std = ((1.0 if last else gain) / rows) ** 0.5
            params[f"W{layer + 1}"] = std * rng.standard_normal((rows, columns))
            if self.has_bias(layer):
                params[f"b{layer + 1}"] = np.zeros((1, columns))
        return params

    def decays(self, name: str) -> bool:
        """Whether parameter `name` decays: weights do, biases do not."""
        return name.startswith("W")

    def gradients(self, params: Params, x: Array, y: Array) -> dict[str, Array]:
        """Return ∂f/∂θ of the mean cross-entropy f, for each entry.

        ∂f/∂z = (softmax(z) - y) / n for the last layer, and back through each before it:
        ∂f/∂W = hᵀ ∂f/∂z,  ∂f/∂b = Σ ∂f/∂z,  ∂f/∂h = ∂f/∂z Wᵀ, 0 where a ReLU was.
        A normalised layer ẑ = s (z - mean z) with s = 1/√(var z + ε) passes back
        ∂f/∂z = s (∂f/∂ẑ - mean(∂f/∂ẑ) - ẑ mean(ẑ ∂f/∂ẑ)).
        """
        xp = array_namespace(x, y)
        inputs, normed, scales, z = self._forward(params, x)
        dz = (_softmax(xp, z) - y) * (1.0 / x.shape[0])
        found: dict[str, Array] = {}
        for layer in reversed(range(self.depth)):
            if layer < self.depth - 1:
                dz = self._through(xp, layer, dz, inputs[layer + 1], normed[layer], scales[layer])
            found[f"W{layer + 1}"] = xp.matmul(xp.matrix_transpose(inputs[layer]), dz)
            if self.has_bias(layer):
                found[f"b{layer + 1}"] = xp.sum(dz, axis=1, keepdims=True)
            if layer > 0:
                dz = xp.matmul(dz, xp.matrix_transpose(params[f"W{layer + 1}"]))
        return found

    def _forward(
        self, params: Params, x: Array
    ) -> tuple[list[Array], list[Array], list[Array], Array]:
        """Inputs of each layer, what is before the ReLUs, the normalisers' s, and the logits."""
        xp = array_namespace(x)
        inputs, normed, scales, h = [x], [], [], x
        for layer in range(self.depth - 1):
            z = self._affine(xp, params, layer, h)
            scale = None
            if self.normalised[layer]:
                z = z - _mean(xp, z)
                scale = 1.0 / xp.sqrt(_mean(xp, z * z) + EPS)
                z = z * scale
            h = z if self.linear else xp.maximum(z, xp.zeros_like(z[:1, :1, :1]))
            inputs.append(h)
            normed.append(z)
            scales.append(scale)
        return inputs, normed, scales, self._affine(xp, params, self.depth - 1, h)

    def _affine(self, xp: Any, params: Params, layer: int, h: Array) -> Array:
        z = xp.matmul(h, params[f"W{layer + 1}"])
        return z + params[f"b{layer + 1}"] if self.has_bias(layer) else z

    def _through(self, xp: Any, layer: int, dh: Array, h: Array, z: Array, scale: Array) -> Array:
        """Pass back through the ReLU and the normalisation of a hidden layer."""
        dz = dh if self.linear else dh * xp.astype(h > 0.0, dh.dtype)
        if scale is None:
            return dz
        return scale * ((dz - _mean(xp, dz)) - z * _mean(xp, z * dz))

    # -- measuring ------------------------------------------------------------------------------

    def measures(
        self, params: Params, train: Sequence[Array], test: Sequence[Array]
    ) -> tuple[Array, Array, Array, Array]:
        """Training loss and error, test loss and error of each entry, (K,) each.

        Normalised layers take the statistics of the whole training set, for both.
        """
        z, statistics = self._evaluated(params, train[0], None)
        z_test, _ = self._evaluated(params, test[0], statistics)
        return (*_loss_and_error(z, train[1]), *_loss_and_error(z_test, test[1]))

    def _evaluated(
        self, params: Params, x: Array, statistics: Sequence[Statistics | None] | None
    ) -> tuple[Array, list[Statistics | None]]:
        xp = array_namespace(x)
        found: list[Statistics | None] = []
        h = x
        for layer in range(self.depth - 1):
            h = self._affine(xp, params, layer, h)
            if not self.normalised[layer]:
                found.append(None)
            elif statistics is None:
                mean = _mean(xp, h)
                h = h - mean
                found.append(Statistics(mean, 1.0 / xp.sqrt(_mean(xp, h * h) + EPS)))
                h = h * found[-1].scale
            else:
                h = (h - statistics[layer].mean) * statistics[layer].scale
            h = h if self.linear else xp.maximum(h, xp.zeros_like(h[:1, :1, :1]))
        return self._affine(xp, params, self.depth - 1, h), found


def _mean(xp: Any, z: Array) -> Array:
    """Mean over the samples, (K, 1, units), as a product with a row of 1/n: BLAS is fast at it."""
    row = xp.full((1, z.shape[1]), 1.0 / z.shape[1], dtype=z.dtype)
    return xp.matmul(row, z)


def _softmax(xp: Any, z: Array) -> Array:
    e = xp.exp(z - xp.max(z, axis=2, keepdims=True))
    return e / xp.sum(e, axis=2, keepdims=True)


def _loss_and_error(z: Array, y: Array) -> tuple[Array, Array]:
    """Mean cross-entropy and share of wrong answers."""
    xp = array_namespace(z, y)
    z = z - xp.max(z, axis=2, keepdims=True)
    loss = xp.log(xp.sum(xp.exp(z), axis=2)) - xp.sum(z * y, axis=2)
    wrong = xp.argmax(z, axis=2) != xp.argmax(y, axis=1)
    return xp.mean(loss, axis=1), xp.mean(xp.astype(wrong, z.dtype), axis=1)
