"""JAX's arrays on several simulated devices, in equal chunks of the first dimension."""

import contextlib
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import NamedSharding, PartitionSpec


class Devices:
    """Puts arrays on devices; without a `count` on the one that JAX takes.

    JAX refuses chunks that are not equal: rows of zeros fill the last, and are taken off again.
    """

    def __init__(self, count: int | None) -> None:
        self._count = count
        if count is None:
            return
        with contextlib.suppress(RuntimeError):  # it has begun, perhaps with as many
            jax.config.update("jax_num_cpu_devices", count)
        if len(jax.devices()) < count:
            raise ValueError(f"sharded={count} comes too late, JAX has begun with "
                             f"{len(jax.devices())}: use a process of its own")  # fmt: skip
        self._mesh = jax.make_mesh((count,), ("all",), devices=jax.devices()[:count])

    def put(self, x: Any) -> Any:
        """Return an array of NumPy's as one of JAX."""
        if self._count is None:
            return jnp.asarray(x)
        if not x.ndim:
            return jax.device_put(x, NamedSharding(self._mesh, PartitionSpec()))
        rest = np.zeros((-len(x) % self._count, *x.shape[1:]), x.dtype)
        place = NamedSharding(self._mesh, PartitionSpec("all"))
        return jax.device_put(np.concatenate([x, rest]), place)

    def whole(self, x: Any, like: Any) -> Any:
        """Return an array of JAX as one of NumPy's, with as many rows as `like` has."""
        values = np.asarray(x)
        return values[: len(like)] if values.ndim else values
