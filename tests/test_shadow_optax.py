"""The shadow of optax trainings, under jit: it changes no bit, and finds what is planted."""

import numpy as np
import pytest

from wdref.oracle import shadow

jax = pytest.importorskip("jax", reason="JAX, installed by the extra `frameworks`")
optax = pytest.importorskip("optax", reason="optax, installed by the extra `frameworks`")
pytest.importorskip("flint", reason="ball arithmetic, installed by the extra `oracle`")
jnp = jax.numpy

STEPS, STEP, LEAF = 12, 7, "['layer']['w']"
RATE = optax.linear_schedule(1e-2, 1e-3, 30)
HYPER = {"learning_rate": RATE, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "weight_decay": 0.1}
MASK = {"layer": {"w": True, "b": False}}
WATCHED = {"claim": "adamw", "hyper": HYPER, "mask": MASK, "sample": 40}


def adamw(schedule=RATE):
    return optax.adamw(schedule, weight_decay=0.1, mask=MASK)


def train(tx, steps=STEPS, *, jit=True, dtype="float32"):
    w = jnp.asarray(np.sin(np.arange(60.0)).reshape(12, 5), dtype)
    params = {"layer": {"w": w, "b": jnp.full(5, 0.5, dtype)}}
    state = tx.init(params)

    def step(params, state, x):
        def loss(p):
            return jnp.mean(jnp.tanh(x @ p["layer"]["w"] + p["layer"]["b"]) ** 2)

        updates, state = tx.update(jax.grad(loss)(params), state, params)
        return optax.apply_updates(params, updates), state

    step = jax.jit(step) if jit else step
    for i in range(steps):
        x = np.cos(np.arange(48.0).reshape(4, 12) * (i + 1))
        params, state = step(params, state, jnp.asarray(x, dtype))
    return params


# -- nothing is wrong -----------------------------------------------------------------------------


@pytest.mark.parametrize("jit", [True, False])
def test_the_training_keeps_its_bits(jit, same_bits):
    with shadow(adamw(), **WATCHED, on_departure="raise") as tx:
        got = train(tx, jit=jit)
    same_bits(got["layer"]["w"], train(adamw(), jit=jit)["layer"]["w"])
    assert tx.departures == []
    assert (tx.watch.watched, tx.watch.seen) == (STEPS, STEPS)
    assert tx.watch.judged == STEPS * 3 * (40 + 5)
    assert "nothing departs" in tx.report()


def test_two_hundred_steps():
    with shadow(adamw(), **WATCHED, on_departure="raise") as tx:
        train(tx, 200)
    assert tx.watch.watched == 200


@pytest.mark.parametrize("dtype", ["bfloat16", "float64"])
def test_other_dtypes(dtype):
    with jax.enable_x64(dtype == "float64"):
        with shadow(adamw(), **WATCHED, on_departure="raise") as tx:
            train(tx, dtype=dtype)
        assert tx.watch.judged == STEPS * 3 * (40 + 5)


@pytest.mark.parametrize(
    ("made", "options"),
    [
        (optax.sgd(RATE), {"claim": "sgd"}),
        (optax.sgd(RATE, momentum=0.9), {"claim": "sgd"}),
        (
            optax.sgd(RATE, momentum=0.9, nesterov=True),
            {"claim": "sgd", "answers": {"nesterov": True}},
        ),
        (
            optax.chain(optax.add_decayed_weights(0.1), optax.amsgrad(RATE)),
            {"claim": "adam", "weight_decay": 0.1},
        ),
        (optax.adam(1e-2), {"claim": "adam", "learning_rate": 1e-2}),
    ],
)
def test_other_transformations(made, options):
    given = {"learning_rate": RATE, "momentum": 0.9, "weight_decay": 0.0}
    own = {name: options[name] for name in set(options) & set(given)}
    rest = {name: value for name, value in options.items() if name not in own}
    with shadow(made, **rest, hyper={**HYPER, **given, **own}, on_departure="raise") as tx:
        train(tx)
    assert tx.watch.watched == STEPS


def test_hyperparameters_that_the_state_holds():
    made = optax.inject_hyperparams(optax.adamw)(RATE, weight_decay=0.1)
    with shadow(made, claim="adamw", on_departure="raise") as tx:
        train(tx)
    assert tx.watch.watched == STEPS


def test_groups_of_leaves():
    made = optax.multi_transform(
        {"slow": optax.adamw(1e-3, weight_decay=0.1), "fast": optax.adamw(1e-3, weight_decay=0.1)},
        {"layer": {"w": "slow", "b": "fast"}},
    )
    hyper = {**HYPER, "learning_rate": 1e-3}
    with shadow(made, claim="adamw", hyper=hyper, on_departure="raise") as tx:
        train(tx)
    assert tx.watch.leaves == {LEAF, "['layer']['b']"}


def test_inside_of_others():
    inner = shadow(adamw(), **WATCHED, on_departure="raise")
    train(optax.chain(optax.clip_by_global_norm(0.1), inner))
    assert "nothing departs" in inner.report()


@pytest.mark.parametrize("jit", [True, False])
def test_every_so_many_steps(jit):
    tx = shadow(adamw(), **WATCHED, on_departure="raise", every=5)
    train(tx, jit=jit)
    tx.report()
    assert tx.watch.watched == 3  # 1, 6 and 11


# -- planted faults -------------------------------------------------------------------------------


def planted(spoil):
    """Return AdamW whose updates or state `spoil` changes in step 7."""
    right = adamw()

    def init(params):
        return {"count": jnp.zeros((), jnp.int32), "inner": right.init(params)}

    def update(grads, state, params):
        given = grads, state["inner"], params
        updates, new = right.update(*given)
        now = state["count"] == STEP - 1
        wrong = spoil(given, updates, new, RATE(state["count"]))
        updates, new = jax.tree.map(lambda a, b: jnp.where(now, a, b), wrong, (updates, new))
        return updates, {"count": state["count"] + 1, "inner": new}

    return optax.GradientTransformation(init, update)


def on_leaf(updates, f):
    w = updates["layer"]["w"]
    return {"layer": {**updates["layer"], "w": f(w)}}


def decay_skipped(given, updates, new, rate):
    return on_leaf(updates, lambda u: u + rate * 0.1 * given[2]["layer"]["w"]), new


def decay_twice(given, updates, new, rate):
    return on_leaf(updates, lambda u: u - rate * 0.1 * given[2]["layer"]["w"]), new


def stale_rate(given, updates, new, rate):
    return on_leaf(updates, lambda u: u * (RATE(STEP - 2) / rate)), new


def bfloat16_cast(given, updates, new, rate):
    theta = given[2]["layer"]["w"]
    cast = lambda u: (theta + u).astype("bfloat16").astype("float32") - theta  # noqa: E731  # short
    return on_leaf(updates, cast), new


def tail_skipped(given, updates, new, rate):
    return on_leaf(updates, lambda u: u.at[-1, -1].set(0.0)), new


def bfloat16_state(given, updates, new, rate):
    adam, *rest = new
    mu = on_leaf(adam.mu, lambda m: m.astype("bfloat16").astype("float32"))
    return updates, (adam._replace(mu=mu), *rest)


FAULTS = {
    decay_skipped: "form=none",
    decay_twice: "decay applied twice",
    stale_rate: "schedule=late",
    bfloat16_cast: "parameters cast to bfloat16",
    tail_skipped: "the parameters did not move, at 1 of 40 coordinates",
    bfloat16_state: "m cast to bfloat16",
}


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_a_planted_fault_is_reported_where_it_is(fault):
    with shadow(planted(fault), **WATCHED, on_departure="collect") as tx:
        train(tx)
    assert [(d.leaf, d.step) for d in tx.departures] == [(LEAF, STEP)]
    assert FAULTS[fault] in tx.first.closest


def test_a_counter_that_counts_twice():
    def counted_twice(given, updates, new, rate):
        adam, *rest = new
        return updates, (adam._replace(count=adam.count + 1), *rest)

    with shadow(planted(counted_twice), **WATCHED, on_departure="collect") as tx:
        train(tx)
    assert (tx.first.step, tx.first.array) == (STEP, "step counter")
    assert (tx.first.got, tx.first.expected) == (STEP + 1, STEP)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_the_first_departure_ends_a_compiled_training():
    tx = shadow(planted(decay_skipped), **WATCHED, on_departure="raise")
    with pytest.raises(jax.errors.JaxRuntimeError, match=f"DepartureError: step {STEP}: "):
        jax.block_until_ready(train(tx))


# -- where t begins -------------------------------------------------------------------------------


@pytest.mark.parametrize("jit", [True, False])
def test_a_state_that_was_not_loaded(jit):
    with shadow(adamw(), **WATCHED, on_departure="collect", first_step=7) as tx:
        train(tx, jit=jit)
    (d,) = tx.departures
    assert (d.array, d.got, d.expected) == ("step counter", 0.0, 6.0)
    assert d.closest == "its state is fresh"


def test_a_run_that_begins_where_it_should():
    params, right = {"layer": {"w": jnp.ones((12, 5)), "b": jnp.ones(5)}}, adamw()
    state = right.init(params)
    for _ in range(6):
        _, state = right.update(params, state, params)
    for first in (7, 9):
        with shadow(right, **WATCHED, on_departure="collect", first_step=first) as tx:
            for _ in range(2):
                _, now = tx.update(params, tx.init(params)._replace(inner=state), params)
        found = [d.closest for d in tx.departures]
        assert found == ([] if first == 7 else ["t begins at 7, not 9"])
    assert int(now.count) == 1


# -- bad use --------------------------------------------------------------------------------------


def test_a_claim_is_needed():
    with pytest.raises(ValueError, match='what a transformation is: claim="adamw"'):
        shadow(optax.adamw(1e-3))


def test_a_name_that_no_rule_has():
    with pytest.raises(ValueError, match=r"\Ahyper has b1: wdref's words are learning_rate,"):
        shadow(optax.adamw(1e-3), claim="adamw", hyper={"b1": 0.9})


def test_hyperparameters_are_needed():
    with pytest.raises(ValueError, match=r"hyper=\{\.\.\.\} with learning_rate, beta1, beta2, eps"):
        train(shadow(optax.adamw(1e-3), claim="adamw"))


def test_a_state_that_is_not_found():
    with pytest.raises(ValueError, match="state has no v: give slots"):
        train(shadow(optax.lion(1e-3), **WATCHED))


def test_the_parameters_are_needed():
    tx = shadow(optax.adamw(1e-3), **WATCHED)
    with pytest.raises(ValueError, match=r"call update\(grads, state, params\)"):
        tx.update({}, tx.init({"w": jnp.ones(2)}))
