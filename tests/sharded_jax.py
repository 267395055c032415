"""Run by test_array_libraries.py in a process of its own: JAX with eight simulated devices.

The number of devices can only be set before JAX starts. Exits with an AssertionError where a state
or a parameter leaves the sharding of the parameters, or a value differs from the unsharded one;
under jit a bit, whatever the partition.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import NamedSharding, PartitionSpec

import wdref


def shardings(tree):
    return [leaf.sharding for leaf in jax.tree.leaves(tree)]


def same(got, want):
    for a, b in zip(jax.tree.leaves(got), jax.tree.leaves(want), strict=True):
        np.testing.assert_allclose(np.asarray(a), np.asarray(b), rtol=1e-6, atol=1e-7)


def main():
    assert len(jax.devices()) == 8
    mesh = jax.make_mesh((4, 2), ("rows", "columns"))
    rng = np.random.default_rng(0)
    places = {"w": PartitionSpec("rows", "columns"), "b": PartitionSpec("columns")}
    values = {"w": rng.normal(size=(8, 6)).astype("f4"), "b": rng.normal(size=6).astype("f4")}
    params = {
        name: jax.device_put(jnp.asarray(values[name]), NamedSharding(mesh, place))
        for name, place in places.items()
    }
    grads = jax.tree.map(lambda x: 0.5 * x, params)
    for opt in (
        wdref.AdamW(learning_rate=0.1, weight_decay=0.01, amsgrad="raw", master_weights=True),
        wdref.SGDW(learning_rate=0.1, weight_decay=0.01),
    ):
        check(opt, params, grads, values)


def check(opt, params, grads, values):
    want, _ = opt.update(values, jax.tree.map(lambda x: 0.5 * x, values), opt.init(values))
    state = opt.init(params)
    slots = {name: slot for name, slot in state.slots.items() if name != "master"}
    for slot in slots.values():
        assert shardings(slot) == shardings(params)
    new, state = opt.update(params, grads, state)
    assert shardings(new) == shardings(params)
    for name in slots:
        assert shardings(state.slots[name]) == shardings(params)
    same(new, want)
    compiled, slots = jax.jit(opt.apply)(
        params, grads, dict(opt.init(params).slots), opt.scalars(1)
    )
    for got in (compiled, *(slots[name] for name in slots if name != "master")):
        assert all(
            x.sharding.is_equivalent_to(p.sharding, p.ndim)
            for x, p in zip(jax.tree.leaves(got), jax.tree.leaves(params), strict=True)
        )
    same(compiled, want)


def partitions():
    """Under jit, any NamedSharding gives the bits of one device, over three steps."""
    rng = np.random.default_rng(0)
    values = [rng.standard_normal((4, 64, 40)).astype(dtype) for dtype in ("f4", "f2")]
    mesh = jax.make_mesh((4, 2), ("rows", "columns"))
    for opt in (
        wdref.Adam(weight_decay=0.1, amsgrad="hat"),
        wdref.AdamW(weight_decay=0.1),
        wdref.SGD(learning_rate=0.1, weight_decay=0.1),
        wdref.SGDW(learning_rate=0.1, weight_decay=0.1, nesterov=True),
    ):
        for value in values:
            want = compiled_steps(opt, value, jax.devices()[0])
            for place in (("rows", "columns"), ("columns", None), (None, ("rows", "columns"))):
                got = compiled_steps(opt, value, NamedSharding(mesh, PartitionSpec(*place)))
                for a, b in zip(got, want, strict=True):
                    assert np.asarray(a).tobytes() == np.asarray(b).tobytes(), (opt, place)


def sums():
    """Rules that look at a whole tensor or tree have, step by step, the bits of one device."""
    rng = np.random.default_rng(0)
    values = rng.standard_normal((4, 64, 40)).astype("f4")
    mesh = jax.make_mesh((4, 2), ("rows", "columns"))
    for opt in (
        wdref.LAMB(learning_rate=0.1, weight_decay=0.1),
        wdref.NovoGrad(learning_rate=0.1, weight_decay=0.1),
        wdref.StableAdamW(learning_rate=0.1, weight_decay=0.1),
        wdref.MARS(learning_rate=0.1, weight_decay=0.1),
        wdref.AdamW(weight_decay=0.1, clip=0.5, clip_by="tree"),
    ):
        want = steps(opt, values, jax.devices()[0])
        for place in (("rows", "columns"), (None, ("rows", "columns"))):
            got = steps(opt, values, NamedSharding(mesh, PartitionSpec(*place)))
            assert np.asarray(got).tobytes() == np.asarray(want).tobytes(), (opt, place)


def steps(opt, values, place):
    theta, *grads = (jax.device_put(jnp.asarray(x), place) for x in values)
    state = opt.init([theta])
    for g in grads:
        (theta,), state = opt.update([theta], [g], state)
    return theta


def compiled_steps(opt, values, place):
    theta, *grads = (jax.device_put(jnp.asarray(x), place) for x in values)
    apply = jax.jit(opt.apply)
    slots = dict(opt.init(theta).slots)
    for t, g in enumerate(grads, start=1):
        theta, slots = apply(theta, g, slots, opt.scalars(t))
    return [theta, *slots.values()]


def half():
    """A master copy is sharded like its parameter."""
    mesh = jax.make_mesh((8,), ("all",))
    p = jax.device_put(jnp.ones(16, jnp.bfloat16), NamedSharding(mesh, PartitionSpec("all")))
    opt = wdref.AdamW(weight_decay=0.0, learning_rate=0.1, master_weights=True)
    state = opt.init(p)
    assert state.slots["master"].dtype == jnp.float32
    new, state = opt.update(p, p, state)
    for x in (new, *state.slots.values()):
        assert x.sharding == p.sharding


if __name__ == "__main__":
    main()
    partitions()
    sums()
    half()
