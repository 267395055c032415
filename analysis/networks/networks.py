"""Many networks at once: one more axis in front of every array, gradients written by hand.

A parameter is an array (K, rows, columns), an entry of its leading axis a network of its own. All
see the same inputs x (n, features) and targets y (n, classes), one-hot. What is computed on the
way is (K, units, n).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from array_api_compat import array_namespace

from wdref.common.checks import check_count, check_number

from . import layers
from .compiled import compiled_module
from .layers import EPS, mean
from .scratch import Scratch

Array = Any
Params = Mapping[str, Array]
GAIN = 2.0  # of normalised logits, whose unit variance would not let the network be sure


class Statistics(NamedTuple):
    """Mean and 1/√(variance + ε) of a normalised layer, (K, units, 1) each."""

    mean: Array
    scale: Array


@dataclass(frozen=True)
class Network:
    """A perceptron with softmax cross-entropy; `sizes` are its layers' units, inputs first.

    ``normalised[l]`` says whether layer l has batch normalisation without affine parameters (then
    it has no bias either, which the mean would take away); what is left out is not. Normalised
    logits are multiplied by GAIN. ``linear`` leaves out the ReLUs.
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
        return not self.is_normalised(layer)

    def is_normalised(self, layer: int) -> bool:
        """Whether `layer`, counted from 0, has batch normalisation."""
        return layer < len(self.normalised) and self.normalised[layer]

    def is_rectified(self, layer: int) -> bool:
        """Whether a ReLU follows `layer`, counted from 0."""
        return not self.linear and layer < self.depth - 1

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

    def gradients(
        self, params: Params, x: Array, y: Array, scratch: Scratch | None = None
    ) -> dict[str, Array]:
        """Return ∂f/∂θ of the mean cross-entropy f, for each entry.

        With z = Wᵀ h and h = xᵀ at first:  ∂f/∂z = (softmax(z) - y) / n for the last layer, and
        back through each before it  ∂f/∂W = h (∂f/∂z)ᵀ,  ∂f/∂h = W ∂f/∂z; `analysis.layers` has
        what lies between.

        With a `scratch` the arrays returned are those of its last call, written over.
        """
        xp, between = array_namespace(x, y), layers_for(x)
        do = scratch or Scratch(xp)
        inputs, outputs, scales = self._forward(do, between, params, x)
        gain = GAIN if self.is_normalised(self.depth - 1) else 1.0
        logits = do("logits", xp.multiply, gain, outputs[-1])
        dz = between.errors(logits, xp.matrix_transpose(y))
        dz *= gain
        found: dict[str, Array] = {}
        for layer in reversed(range(self.depth)):
            W, b, z = f"W{layer + 1}", f"b{layer + 1}", outputs[layer]
            db = between.backward(do, layer, dz, z, scales[layer], self.is_rectified(layer))
            found[W] = do(f"d{W}", xp.matmul, inputs[layer], xp.matrix_transpose(dz))
            if db is not None:
                found[b] = xp.reshape(db, params[b].shape)
            if layer > 0:
                dz = do(f"dh{layer}", xp.matmul, params[W], dz)
        return found

    def _forward(
        self, do: Scratch, between: Any, params: Params, x: Array
    ) -> tuple[list[Array], list[Array], list[Array]]:
        """Inputs of each layer, its outputs before the ReLU, and its normaliser's s."""
        inputs, outputs, scales = [array_namespace(x).matrix_transpose(x)], [], []
        for layer in range(self.depth):
            z, bias = self._product(do, params, layer, inputs[-1])
            h, scale = between.forward(do, layer, z, bias, self.is_rectified(layer))
            inputs.append(h)
            outputs.append(z)
            scales.append(scale)
        return inputs, outputs, scales

    def _product(self, do: Scratch, params: Params, layer: int, h: Array) -> tuple[Array, Array]:
        """Wᵀ h, and the bias as a column, or None."""
        xp, W = array_namespace(h), params[f"W{layer + 1}"]
        z = do(f"z{layer}", xp.matmul, xp.matrix_transpose(W), h)
        if not self.has_bias(layer):
            return z, None
        return z, xp.reshape(params[f"b{layer + 1}"], (W.shape[0], -1, 1))

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
        self, params: Params, x: Array, given: Sequence[Statistics] | None
    ) -> tuple[Array, list[Statistics]]:
        """Logits; statistics of the normalised layers, `given` or of `x` itself."""
        xp = array_namespace(x)
        h, found = xp.matrix_transpose(x), list[Statistics]()
        for layer in range(self.depth):
            h, bias = self._product(Scratch(xp), params, layer, h)
            if bias is None:
                own = given[len(found)] if given else _statistics(xp, h)
                found.append(own)
                h -= own.mean
                h *= own.scale
            else:
                h += bias
            if self.is_rectified(layer):
                h = xp.maximum(h, xp.zeros_like(h))
        return h * GAIN if self.is_normalised(self.depth - 1) else h, found


def _statistics(xp: Any, z: Array) -> Statistics:
    middle = mean(xp, z)
    z = z - middle
    return Statistics(middle, 1.0 / xp.sqrt(mean(xp, z * z) + EPS))


def perceptron(features: int, width: int, hidden: int, classes: int, normalised: float) -> Network:
    """Return a network of `hidden` layers; the first `normalised` share of all is normalised.

    The logits count as a layer: with 1 every weight that decays is scale-invariant.

    >>> perceptron(64, 48, 2, 10, 2 / 3).normalised
    (True, True, False)
    """
    depth = check_count("hidden", hidden) + 1
    share = check_number("normalised", normalised, low=0.0)
    count = round(share * depth)
    if count > depth or abs(count - share * depth) > 1e-3 * depth:
        raise ValueError(f"normalised={normalised}: expected k/{depth} of {depth} layers")
    sizes = (features, *(check_count("width", width),) * (depth - 1), classes)
    return Network(sizes, tuple(layer < count for layer in range(depth)))


def layers_for(x: Array) -> Any:
    """What computes between the matrix products: compiled for NumPy where numba is installed."""
    compiled = compiled_module("layers_numba") if isinstance(x, np.ndarray) else None
    return compiled or layers


def _loss_and_error(z: Array, y: Array) -> tuple[Array, Array]:
    """Mean cross-entropy and share of wrong answers, of logits (K, classes, n)."""
    xp = array_namespace(z, y)
    z = z - xp.max(z, axis=1, keepdims=True)
    loss = xp.log(xp.sum(xp.exp(z), axis=1)) - xp.sum(z * xp.matrix_transpose(y), axis=1)
    wrong = xp.argmax(z, axis=1) != xp.argmax(y, axis=1)
    return xp.mean(loss, axis=1), xp.mean(xp.astype(wrong, z.dtype), axis=1)
