"""`analysis.layers` compiled, for NumPy: one network after another, so that its arrays stay near.

No bit depends on how many networks there are. Sums are vectorised, in another order than in
`analysis.layers`, which leaves them to BLAS: the last digits differ.
"""

from typing import Any

import numpy as np

from .compiled import compiled
from .layers import EPS
from .scratch import Scratch

Array = Any
# sums in any order, products fused; a NaN stays a NaN, an infinity an infinity
vectorised = compiled(nogil=True, error_model="numpy", fastmath={"reassoc", "contract"})


def forward(
    do: Scratch, layer: int, z: Array, bias: Array | None, rectified: bool
) -> tuple[Array, Array]:
    """`analysis.layers.forward`."""
    column = do.empty(f"s{layer}", z[:, :, :1]) if bias is None else bias
    h = do.empty(f"h{layer}", z) if rectified else z
    _forward(z, column, h, bias is None, rectified)
    return h, column if bias is None else None


def backward(
    do: Scratch, layer: int, dz: Array, z: Array, scale: Array | None, rectified: bool
) -> Array | None:
    """`analysis.layers.backward`."""
    column = do.empty(f"db{layer}", z[:, :, :1]) if scale is None else scale
    _backward(dz, z, column, scale is not None, rectified)
    return column if scale is None else None


def errors(z: Array, y: Array) -> Array:
    """`analysis.layers.errors`, over `z`."""
    _lower(z)
    np.exp(z, out=z)  # NumPy's exponential is vectorised, numba's only with Intel's library
    _divide(z, y)
    return z


# a unit's samples are z[k, j, :]: as arrays of their own they would cost more than what is computed


@vectorised
def _forward(z: Array, column: Array, h: Array, normalised: bool, rectified: bool) -> None:
    for k in range(z.shape[0]):
        for j in range(z.shape[1]):
            shift, scale = -column[k, j, 0], z.dtype.type(1)
            if normalised:
                shift, scale = _moments(z, k, j)
                column[k, j, 0] = scale
            for i in range(z.shape[2]):
                z[k, j, i] = scale * (z[k, j, i] - shift)
            if rectified:
                for i in range(z.shape[2]):
                    h[k, j, i] = z.dtype.type(0) if z[k, j, i] < 0 else z[k, j, i]  # NaN stays NaN


@vectorised
def _moments(z: Array, k: int, j: int) -> Any:
    """Return the mean and 1/√(var + ε) of a unit."""
    n, total, square = z.dtype.type(z.shape[2]), z.dtype.type(0), z.dtype.type(0)
    for i in range(z.shape[2]):
        total += z[k, j, i]
    mean = total / n
    for i in range(z.shape[2]):
        square += (z[k, j, i] - mean) ** 2
    return mean, z.dtype.type(1) / np.sqrt(square / n + z.dtype.type(EPS))


@vectorised
def _backward(dz: Array, z: Array, column: Array, normalised: bool, rectified: bool) -> None:
    n = z.dtype.type(z.shape[2])
    for k in range(z.shape[0]):
        for j in range(z.shape[1]):
            total, along = z.dtype.type(0), z.dtype.type(0)
            for i in range(z.shape[2]):
                if rectified:
                    dz[k, j, i] *= z.dtype.type(z[k, j, i] > 0)  # NaN stays NaN
                total += dz[k, j, i]
                along += z[k, j, i] * dz[k, j, i]
            if not normalised:
                column[k, j, 0] = total
                continue
            mean, along, scale = total / n, along / n, column[k, j, 0]
            for i in range(z.shape[2]):
                dz[k, j, i] = scale * (dz[k, j, i] - mean - z[k, j, i] * along)


@vectorised
def _lower(z: Array) -> None:
    """Take each sample's largest away, so that no exponential overflows."""
    for k in range(z.shape[0]):
        top = z[k, 0].copy()
        for j in range(1, z.shape[1]):
            for i in range(z.shape[2]):
                top[i] = z[k, j, i] if z[k, j, i] > top[i] else top[i]
        for j in range(z.shape[1]):
            for i in range(z.shape[2]):
                z[k, j, i] -= top[i]


@vectorised
def _divide(e: Array, y: Array) -> None:
    n = e.dtype.type(e.shape[2])
    for k in range(e.shape[0]):
        total = e[k, 0].copy()
        for j in range(1, e.shape[1]):
            for i in range(e.shape[2]):
                total[i] += e[k, j, i]
        for j in range(e.shape[1]):
            for i in range(e.shape[2]):
                e[k, j, i] = (e[k, j, i] / total[i] - y[j, i]) / n
