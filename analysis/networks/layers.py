"""What a network computes between its matrix products, forward and back, in any array library.

`analysis.layers_numba` is the same, compiled. Arrays are (K, units, samples), K networks at once:
what a normalisation sums over lies side by side. Biases and scales are (K, units, 1).
"""

from typing import Any

from array_api_compat import array_namespace

from .scratch import Scratch

Array = Any
EPS = 1e-12  # of the normalisation: next to nothing, so that the weights' scale is without effect


def forward(
    do: Scratch, layer: int, z: Array, bias: Array | None, rectified: bool
) -> tuple[Array, Array]:
    """Finish a layer's z = Wᵀ h, over `z`, and return max(z, 0), or z itself, and the scale s.

    With a bias z + b; without one ẑ = s (z - mean z), s = 1/√(var z + ε), over the samples.
    """
    xp, scale = array_namespace(z), None
    if bias is None:
        z -= mean(xp, z)
        scale = 1.0 / xp.sqrt(mean(xp, do(f"t{layer}", xp.multiply, z, z)) + EPS)
        z *= scale
    else:
        z += bias
    if rectified:
        return do(f"h{layer}", xp.maximum, z, do.zeros(f"o{layer}", z)), scale
    return z, scale


def backward(
    do: Scratch, layer: int, dz: Array, z: Array, scale: Array | None, rectified: bool
) -> Array | None:
    """Pass `dz` back through the layer, over it, from ∂f/∂h to ∂f/∂(Wᵀh), and return ∂f/∂b.

    ∂f/∂z = ∂f/∂h where z > 0, else 0;  ∂f/∂b = Σ ∂f/∂z over the samples;
    with a scale ∂f/∂z = s (∂f/∂ẑ - mean(∂f/∂ẑ) - ẑ mean(ẑ ∂f/∂ẑ)), and no bias.
    """
    xp = array_namespace(z)
    if rectified:
        dz *= xp.astype(z > 0.0, dz.dtype)
    if scale is None:
        return xp.sum(dz, axis=2, keepdims=True)
    along = mean(xp, do(f"t{layer}", xp.multiply, z, dz))
    dz -= mean(xp, dz)
    dz -= do(f"t{layer}", xp.multiply, z, along)
    dz *= scale
    return None


def errors(z: Array, y: Array) -> Array:
    """Return ∂f/∂z = (softmax(z) - y) / n of the mean cross-entropy f; `z` may be written over."""
    xp = array_namespace(z)
    e = xp.exp(z - xp.max(z, axis=1, keepdims=True))
    e /= xp.sum(e, axis=1, keepdims=True)
    e -= y
    e *= 1.0 / z.shape[2]
    return e


def mean(xp: Any, z: Array) -> Array:
    """Mean over the samples, (K, units, 1): with a column of 1/n, since BLAS is fast at it."""
    return xp.matmul(z, xp.full((z.shape[2], 1), 1.0 / z.shape[2], dtype=z.dtype))
