"""Many networks at once: one more axis in front of every array, gradients written by hand.

A parameter is an array (K, rows, columns), an entry of its leading axis a network of its own. All
see the same inputs x (n, features) and targets y (n, classes), one-hot.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from array_api_compat import array_namespace

from wdref.checks import check_count, check_number

Array = Any
Params = Mapping[str, Array]
GAIN = 2.0  # of normalised logits, whose unit variance would not let the network be sure
EPS = 1e-12  # of the normalisation: next to nothing, so that the weights' scale is without effect


class Statistics(NamedTuple):
    """Mean and 1/√(variance + ε) of a normalised layer, (K, 1, units) each."""

    mean: Array
    scale: Array


class Scratch:
    """Arrays that the same function writes again and again, by name.

    Where the library has no ``out=``, every array is new. What it saves is not the allocation: to
    get memory from the system and give it back every step takes longer than to compute.
    """

    def __init__(self, xp: Any) -> None:
        self._kept: dict[str, Array] = {}
        self._reuses = xp.__name__.partition(".")[2] in ("numpy", "cupy") or xp is np

    def __call__(self, name: str, function: Any, *operands: Array) -> Array:
        """Apply `function`, into the array `name`."""
        if name in self._kept:
            return function(*operands, out=self._kept[name])
        return self._keep(name, function(*operands))

    def zeros(self, name: str, like: Array) -> Array:
        """Zeros, made once. NumPy's maximum with a number is three times as slow."""
        found = self._kept.get(name)
        return self._keep(name, array_namespace(like).zeros_like(like)) if found is None else found

    def _keep(self, name: str, x: Array) -> Array:
        if self._reuses:
            self._kept[name] = x
        return x


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

        ∂f/∂z = (softmax(z) - y) / n for the last layer, and back through each before it:
        ∂f/∂W = hᵀ ∂f/∂z,  ∂f/∂b = Σ ∂f/∂z,  ∂f/∂h = ∂f/∂z Wᵀ, 0 where a ReLU was.
        A normalised layer ẑ = s (z - mean z) with s = 1/√(var z + ε) passes back
        ∂f/∂z = s (∂f/∂ẑ - mean(∂f/∂ẑ) - ẑ mean(ẑ ∂f/∂ẑ)).

        With a `scratch` the arrays returned are those of its last call, written over.
        """
        xp = array_namespace(x, y)
        do = scratch or Scratch(xp)
        inputs, normed, scales, z = self._forward(do, params, x)
        dz = _softmax(xp, z)
        dz -= y
        dz *= 1.0 / x.shape[0]
        found: dict[str, Array] = {}
        for layer in reversed(range(self.depth)):
            W, b = f"W{layer + 1}", f"b{layer + 1}"
            if layer == self.depth - 1:
                if self.is_normalised(layer):
                    dz *= GAIN
            elif not self.linear:
                dz *= xp.astype(inputs[layer + 1] > 0.0, dz.dtype)
            if self.is_normalised(layer):
                dz = _unnormalised(do, layer, dz, normed[layer], scales[layer])
            found[W] = do(f"d{W}", xp.matmul, xp.matrix_transpose(inputs[layer]), dz)
            if self.has_bias(layer):
                found[b] = xp.sum(dz, axis=1, keepdims=True)
            if layer > 0:
                dz = do(f"dh{layer}", xp.matmul, dz, xp.matrix_transpose(params[W]))
        return found

    def _forward(
        self, do: Scratch, params: Params, x: Array
    ) -> tuple[list[Array], list[Array], list[Array], Array]:
        """Inputs of each layer, what is before the ReLUs, the normalisers' s, and the logits."""
        xp = array_namespace(x)
        inputs, normed, scales, h = [x], [], [], x
        for layer in range(self.depth):
            z, scale = self._affine(do, params, layer, h), None
            if self.is_normalised(layer):
                z -= _mean(xp, z)
                scale = 1.0 / xp.sqrt(_mean(xp, do(f"t{layer}", xp.multiply, z, z)) + EPS)
                z *= scale
            normed.append(z)
            scales.append(scale)
            if layer == self.depth - 1:
                break
            h = z if self.linear else do(f"h{layer}", xp.maximum, z, do.zeros(f"o{layer}", z))
            inputs.append(h)
        return inputs, normed, scales, z * GAIN if scale is not None else z

    def _affine(self, do: Scratch, params: Params, layer: int, h: Array) -> Array:
        z = do(f"z{layer}", array_namespace(h).matmul, h, params[f"W{layer + 1}"])
        if self.has_bias(layer):
            z += params[f"b{layer + 1}"]
        return z

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
        do, h = Scratch(xp), x
        found: list[Statistics] = []
        for layer in range(self.depth):
            h = self._affine(do, params, layer, h)
            if self.is_normalised(layer):
                own = given[len(found)] if given else _statistics(xp, h)
                found.append(own)
                h -= own.mean
                h *= own.scale
            if layer < self.depth - 1 and not self.linear:
                h = xp.maximum(h, xp.zeros_like(h))
        return h * GAIN if self.is_normalised(self.depth - 1) else h, found


def _unnormalised(do: Scratch, layer: int, dz: Array, z: Array, scale: Array) -> Array:
    """Pass back through the normalisation, over `dz`."""
    xp = array_namespace(z)
    mean = _mean(xp, do(f"t{layer}", xp.multiply, z, dz))
    dz -= _mean(xp, dz)
    dz -= do(f"t{layer}", xp.multiply, z, mean)
    dz *= scale
    return dz


def _statistics(xp: Any, z: Array) -> Statistics:
    mean = _mean(xp, z)
    z = z - mean
    return Statistics(mean, 1.0 / xp.sqrt(_mean(xp, z * z) + EPS))


def perceptron(features: int, width: int, hidden: int, classes: int, normalised: float) -> Network:
    """Return a network of `hidden` layers; the first `normalised` share of all is normalised.

    The logits count as a layer: with 1 every weight that decays is scale-invariant.

    >>> perceptron(64, 48, 2, 10, 2 / 3).normalised
    (True, True, False)
    """
    layers = check_count("hidden", hidden) + 1
    share = check_number("normalised", normalised, low=0.0)
    count = round(share * layers)
    if count > layers or abs(count - share * layers) > 1e-3 * layers:
        raise ValueError(f"normalised={normalised}: expected k/{layers} of {layers} layers")
    sizes = (features, *(check_count("width", width),) * (layers - 1), classes)
    return Network(sizes, tuple(layer < count for layer in range(layers)))


def _mean(xp: Any, z: Array) -> Array:
    """Mean over the samples, (K, 1, units), as a product with a row of 1/n: BLAS is fast at it."""
    row = xp.full((1, z.shape[1]), 1.0 / z.shape[1], dtype=z.dtype)
    return xp.matmul(row, z)


def _softmax(xp: Any, z: Array) -> Array:
    e = xp.exp(z - xp.max(z, axis=2, keepdims=True))
    e /= xp.sum(e, axis=2, keepdims=True)
    return e


def _loss_and_error(z: Array, y: Array) -> tuple[Array, Array]:
    """Mean cross-entropy and share of wrong answers."""
    xp = array_namespace(z, y)
    z = z - xp.max(z, axis=2, keepdims=True)
    loss = xp.log(xp.sum(xp.exp(z), axis=2)) - xp.sum(z * y, axis=2)
    wrong = xp.argmax(z, axis=2) != xp.argmax(y, axis=1)
    return xp.mean(loss, axis=1), xp.mean(xp.astype(wrong, z.dtype), axis=1)
