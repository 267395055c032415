"""The shadow of optax transformations that look at a whole tensor or tree, under jit."""

import numpy as np
import pytest

import wdref
from wdref.oracle import shadow

jax = pytest.importorskip("jax", reason="JAX, installed by the extra `frameworks`")
optax = pytest.importorskip("optax", reason="optax, installed by the extra `frameworks`")
pytest.importorskip("flint", reason="ball arithmetic, installed by the extra `oracle`")
jnp = jax.numpy

BOUND, STEPS, STEP = 0.05, 8, 5
RATE = {"learning_rate": 1e-2, "weight_decay": 0.1}
ADAM = {**RATE, "beta1": 0.9, "beta2": 0.999, "eps": 1e-6}
LARS = {**RATE, "momentum": 0.9, "trust_coefficient": 1e-3, "eps": 0.0}
CLIP = {"clip": BOUND, "clip_by": "tree"}
LEAVES = {"['layer']['w']", "['layer']['b']"}


def adamw():
    return optax.adamw(1e-2, eps=1e-6, weight_decay=0.1)


def ours(made):
    return wdref.interchange.optax_transformation(made)


def train(tx, dtype="float32"):
    w = jnp.asarray(np.sin(np.arange(60.0)).reshape(12, 5), dtype)
    params = {"layer": {"w": w, "b": jnp.full(5, 0.5, dtype)}}
    state = tx.init(params)

    def step(params, state, x):
        def loss(p):
            return jnp.mean(jnp.tanh(x @ p["layer"]["w"] + p["layer"]["b"]) ** 2)

        updates, state = tx.update(jax.grad(loss)(params), state, params)
        return optax.apply_updates(params, updates), state

    step = jax.jit(step)
    for i in range(STEPS):
        x = np.cos(np.arange(48.0).reshape(4, 12) * (i + 1))
        params, state = step(params, state, jnp.asarray(x, dtype))
    return params


RIGHT = {
    "chain": (lambda: optax.chain(optax.clip_by_global_norm(BOUND), adamw()),
              {"claim": "adamw", "hyper": ADAM, **CLIP}),
    "lamb": (lambda: optax.lamb(1e-2, weight_decay=0.1), {"claim": "lamb", "hyper": ADAM}),
    "lars": (lambda: optax.lars(1e-2, weight_decay=0.1), {"claim": "lars", "hyper": LARS}),
    "novograd": (lambda: optax.novograd(1e-2, weight_decay=0.1),
                 {"claim": "novograd", "hyper": {**ADAM, "beta2": 0.25}}),
    "wdref's AdamW": (lambda: ours(wdref.AdamW(**RATE, betas=(0.9, 0.999), eps=1e-6, **CLIP)),
                      {"claim": "adamw", "convention": "paper", "hyper": ADAM, **CLIP}),
    "wdref's LAMB": (lambda: ours(wdref.LAMB(**RATE)),
                     {"claim": "lamb", "convention": "paper", "hyper": ADAM}),
}  # fmt: skip


CASES = [*((name, "float32") for name in RIGHT), ("chain", "float64"), ("lamb", "float64")]


@pytest.mark.parametrize(("name", "dtype"), CASES)
def test_a_right_transformation_reports_nothing(name, dtype):
    made, options = RIGHT[name]
    with (
        jax.enable_x64(dtype == "float64"),
        shadow(made(), **options, sample=20, on_departure="raise") as tx,
    ):
        train(tx, dtype)
    assert (tx.watch.watched, tx.watch.undecided) == (STEPS, 0)
    assert tx.watch.leaves == LEAVES


def test_the_training_keeps_its_bits(same_bits):
    made, options = RIGHT["chain"]
    with shadow(made(), **options, sample=20) as tx:
        same_bits(train(tx)["layer"]["w"], train(made())["layer"]["w"])


def planted(right, wrong):
    """Return `right`, but for its fifth step, which is that of `wrong`."""

    def init(params):
        return {"count": jnp.zeros((), jnp.int32), "inner": right.init(params)}

    def update(grads, state, params):
        now = state["count"] == STEP - 1
        pair = (tx.update(grads, state["inner"], params) for tx in (wrong, right))
        updates, new = jax.tree.map(lambda a, b: jnp.where(now, a, b), *pair)
        return updates, {"count": state["count"] + 1, "inner": new}

    return optax.GradientTransformation(init, update)


def norm(x):
    return jnp.sqrt(jnp.sum(x * x))


def lamb_with(length, *, inside=True):
    """LAMB as optax chains it, where `length` of θ, u and g divides the norm of θ."""
    adam = optax.scale_by_adam(0.9, 0.999, 1e-6)

    def update(grads, state, params):
        u, state = adam.update(grads, state, params)
        u = jax.tree.map(lambda u, p: u + 0.1 * p, u, params) if inside else u
        ratio = jax.tree.map(lambda p, u, g: norm(p) / length(u, g), params, u, grads)
        steps = jax.tree.map(
            lambda r, u, p: -1e-2 * (r * u + (0.0 if inside else 0.1 * p)), ratio, u, params
        )
        return steps, state

    return optax.GradientTransformation(adam.init, update)


def clipped_to(length):
    """AdamW after a clip by another norm of all gradients."""

    def update(grads, state, params=None):
        n = length(jax.tree.leaves(grads))
        return jax.tree.map(lambda g: g * jnp.minimum(1.0, BOUND / n), grads), state

    clip = optax.GradientTransformation(lambda params: optax.EmptyState(), update)
    return optax.chain(clip, adamw())


WRONG = {
    "outside": ("lamb", lambda: lamb_with(lambda u, g: norm(u), inside=False),
                "the decay is taken outside the trust ratio"),
    "norm of g": ("lamb", lambda: lamb_with(lambda u, g: norm(g)),
                  "the gradient's norm in sum 2 of 2"),
    "root mean square": ("lamb", lambda: lamb_with(lambda u, g: jnp.sqrt(jnp.mean(u * u))),
                         "a mean in place of a sum in sum 2 of 2"),
    "absolute values": ("chain", lambda: clipped_to(lambda gs: sum(jnp.abs(g).sum() for g in gs)),
                        "a norm of absolute values"),
    "without a tensor": ("chain", lambda: clipped_to(lambda gs: norm(gs[1])),
                         "a sum over the tree without ['layer']['b']"),
}  # fmt: skip


@pytest.mark.parametrize("fault", WRONG)
def test_another_norm_is_told_where_it_is(fault):
    name, wrong, words = WRONG[fault]
    right, options = RIGHT[name]
    right = right if name == "chain" else lambda: lamb_with(lambda u, g: norm(u))
    with shadow(planted(right(), wrong()), **options, sample=20, on_departure="collect") as tx:
        train(tx)
    assert {(d.leaf, d.step) for d in tx.departures} == {(leaf, STEP) for leaf in LEAVES}
    assert any(words in d.closest for d in tx.departures)
    assert all(d.ratio > 4 and d.coordinate for d in tx.departures)


def test_what_cannot_be_watched_is_refused():
    with pytest.raises(ValueError, match="adafactor sums along rows and columns"):
        shadow(optax.adafactor(1e-2), claim="adafactor")
    part = optax.masked(adamw(), {"w": True, "b": False})
    made = optax.chain(optax.clip_by_global_norm(BOUND), part)
    tx = shadow(made, claim="adamw", hyper=ADAM, **CLIP)
    params = {"w": jnp.ones(3), "b": jnp.ones(2)}
    with pytest.raises(ValueError, match=r"a sum over all tensors has \['b'\], of which the state"):
        tx.update(params, tx.init(params), params)
