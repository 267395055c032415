"""The audit of optax transformations and Keras optimizers."""

import random
import re
import warnings

import numpy as np
import pytest

import wdref
from wdref.oracle.audit import AuditError

RATE, DECAY = 1e-3, 0.1


def forms(audit):
    return {row.name: row.form for row in audit.rows}


def names_of(audit):
    return {finding.name: set(finding.parameters) for finding in audit.findings}


# -- optax ------------------------------------------------------------------------------------


@pytest.fixture
def optax():
    return pytest.importorskip("optax", reason="optax, installed by the extra `frameworks`")


@pytest.fixture
def params(optax):
    import jax.numpy as jnp

    draw = np.random.default_rng(0).standard_normal
    return {
        "wte": jnp.asarray(draw((9, 4)), jnp.float32),
        "block": {
            "kernel": jnp.asarray(draw((4, 4)), jnp.float32),
            "norm": {"scale": jnp.ones(4), "bias": jnp.zeros(4)},
        },
    }


SMALL = {"block/norm/scale", "block/norm/bias"}
ALL = {"wte", "block/kernel", *SMALL}


def mask(tree):
    import jax

    return jax.tree.map(lambda x: x.ndim > 1, tree)


def begun(tx, params, steps=3):
    import jax
    import optax

    state = tx.init(params)
    for step in range(steps):
        grads = jax.tree.map(lambda x, k=step: np.cos(3 * x + k), params)
        updates, state = tx.update(grads, state, params)
        params = optax.apply_updates(params, updates)
    return params, state


@pytest.mark.parametrize("steps", [0, 3])
def test_a_mask_of_optax(optax, params, steps):
    tx = optax.adamw(RATE, weight_decay=DECAY, mask=mask)
    params, state = begun(tx, params, steps)
    audit = wdref.audit(tx, params=params, state=state, rate=RATE)
    assert forms(audit) == {n: "none" if n in SMALL else "decoupled" for n in ALL}
    for row in audit.rows:
        assert row.decay == pytest.approx(0.0 if row.name in SMALL else RATE * DECAY, rel=1e-6)
        assert row.rate == RATE
    assert (audit.findings, audit.notes, audit.framework) == ((), (), "optax")


def test_nothing_of_optax_is_changed(optax, params):
    import jax
    import jax.numpy as jnp

    tx = optax.adamw(RATE, weight_decay=DECAY)
    params, state = begun(tx, params)

    def everything():
        legacy = [x.tolist() if hasattr(x, "tolist") else x for x in np.random.get_state()]  # noqa: NPY002  # users' own
        leaves = [np.asarray(x).tobytes() for x in jax.tree.leaves((params, state))]
        return leaves, legacy, random.getstate(), jnp.ones(1, dtype=float).dtype

    before = everything()
    wdref.audit(tx, params=params, state=state)
    assert everything() == before


@pytest.mark.parametrize("steps", [0, 3])
@pytest.mark.parametrize(
    ("name", "form"),
    [("adam", "l2"), ("momentum", "l2"), ("rmsprop", "l2"), ("sgd", "either"),
     ("lion", "decoupled"), ("adafactor", "decoupled"), ("schedule_free", "decoupled")],
)  # fmt: skip
def test_the_form_of_optax(optax, params, name, form, steps):
    l2 = optax.add_decayed_weights(DECAY)
    tx = {
        "adam": lambda: optax.chain(l2, optax.adam(RATE)),
        "momentum": lambda: optax.chain(l2, optax.sgd(RATE, momentum=0.9)),
        "rmsprop": lambda: optax.chain(l2, optax.rmsprop(RATE)),
        "sgd": lambda: optax.chain(l2, optax.sgd(RATE)),
        "lion": lambda: optax.lion(RATE, weight_decay=DECAY),
        "adafactor": lambda: optax.adafactor(RATE, weight_decay_rate=DECAY),
        "schedule_free": lambda: optax.contrib.schedule_free_adamw(RATE, weight_decay=DECAY),
    }[name]()
    params, state = begun(tx, params, steps)
    audit = wdref.audit(tx, params=params, state=state)
    assert set(forms(audit).values()) == {form}
    assert "no-split" in names_of(audit)


def test_no_update_reaches_a_frozen_part(optax, params):
    labels = {
        "wte": "still",
        "block": {"kernel": "moves", "norm": {"scale": "moves", "bias": "moves"}},
    }
    own = {"moves": optax.adamw(RATE, weight_decay=DECAY), "still": optax.set_to_zero()}
    partition = getattr(optax, "partition", None) or optax.multi_transform
    audit = wdref.audit(partition(own, labels), params=params)
    assert names_of(audit)["no-group"] == {"wte"}
    assert forms(audit)["block/kernel"] == "decoupled"


def test_gradients_that_optax_accumulates(optax, params):
    tx = optax.MultiSteps(optax.adamw(RATE, weight_decay=DECAY, mask=mask), 4)
    for steps in (0, 3):
        then, state = begun(tx, params, steps)
        audit = wdref.audit(tx, params=then, state=state)
        assert {row.name: row.form for row in audit.rows if row.decays} == {
            "wte": "decoupled", "block/kernel": "decoupled"}  # fmt: skip
        assert audit.rows[-1].decay == pytest.approx(RATE * DECAY, rel=2e-3)  # float32's, of θ
        assert "several updates" in audit.notes[0]


def test_what_a_state_says_of_the_rate(optax, params):
    tx = optax.inject_hyperparams(optax.adamw)(learning_rate=RATE, weight_decay=DECAY)
    row = wdref.audit(tx, params=params).rows[0]
    assert (row.rate, row.coefficient) == (pytest.approx(RATE), pytest.approx(DECAY))
    tx = optax.inject_hyperparams(optax.adamw, static_args=("mask",))(
        learning_rate=RATE, weight_decay=DECAY, mask=mask
    )
    assert wdref.audit(tx, params=params).findings == ()  # what a mask leaves out is no mistake


def test_large_arrays_are_sampled(optax):
    import jax.numpy as jnp

    params = {"w": jnp.asarray(np.random.default_rng(0).standard_normal((300, 200)), jnp.float32)}
    tx = optax.adamw(RATE, weight_decay=DECAY)
    for steps in (0, 2):
        then, state = begun(tx, params, steps)
        audit = wdref.audit(tx, params=then, state=state, memory=1e-5, sample=30)
        assert "1 of 1 tensors were sampled" in audit.notes[0]
        assert audit.rows[0].decay == pytest.approx(RATE * DECAY, rel=1e-6)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "an optax transformation needs params"),
        ({"params": {}}, "params is an empty tree"),
        ({"params": {"w": np.arange(3)}}, "params has w of int"),
        ({"params": {"w": np.ones(3)}, "model": 3}, "names and model are for torch and Keras"),
    ],
)
def test_wrong_arguments_for_optax(optax, given, message):
    with pytest.raises(AuditError, match=message):
        wdref.audit(optax.adamw(RATE), **given)


def test_a_transformation_that_wants_more(optax, params):
    with pytest.raises(AuditError, match="cannot be stepped with zero gradients: TypeError"):
        wdref.audit(optax.polyak_sgd(), params=params)


# -- Keras ------------------------------------------------------------------------------------


@pytest.fixture
def keras():
    return pytest.importorskip("keras", reason="keras, installed by the extra `frameworks`")


@pytest.fixture
def model(keras):
    return keras.Sequential([
        keras.Input((6,)), keras.layers.Dense(8, name="first"),
        keras.layers.LayerNormalization(name="middle"), keras.layers.Dense(3, name="last"),
    ])  # fmt: skip


def stepped(keras, optimizer, model, steps):
    optimizer.build(model.trainable_variables)
    draw = np.random.default_rng(0).standard_normal
    for _ in range(steps):
        grads = [keras.ops.cast(draw(v.shape), "float32") for v in model.trainable_variables]
        optimizer.apply(grads, model.trainable_variables)
    return optimizer


def last(audit):
    return {re.sub(r"^[^/]*/", "", row.name): row for row in audit.rows}


@pytest.mark.parametrize("steps", [0, 3])
def test_what_keras_leaves_out(keras, model, steps):
    optimizer = keras.optimizers.AdamW(RATE, weight_decay=DECAY)
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    audit = wdref.audit(stepped(keras, optimizer, model, steps), model=model)
    rows = last(audit)
    assert set(rows) == {"first/kernel", "first/bias", "middle/gamma", "middle/beta", "last/kernel",
                         "last/bias"}  # fmt: skip
    for name, row in rows.items():
        assert row.form == ("decoupled" if "kernel" in name else "none")
        assert row.decay == pytest.approx(RATE * DECAY if "kernel" in name else 0.0, rel=1e-2)
        assert (row.rate, row.groups) == (pytest.approx(RATE), ("0",))
    assert rows["middle/gamma"].kind == "norm"
    assert (audit.findings, audit.framework) == ((), "keras")


@pytest.mark.parametrize("steps", [0, 3])
@pytest.mark.parametrize(
    ("name", "form", "options"),
    [("SGD", "either", {}), ("SGD", "decoupled", {"momentum": 0.9}), ("Adafactor", "decoupled", {}),
     ("AdamW", "decoupled", {"use_ema": True}), ("Lion", "decoupled", {}),
     ("AdamW", "decoupled", {"gradient_accumulation_steps": 4})],
)  # fmt: skip
def test_the_form_of_keras(keras, model, name, form, options, steps):
    optimizer = getattr(keras.optimizers, name)(RATE, weight_decay=DECAY, **options)
    audit = wdref.audit(stepped(keras, optimizer, model, steps), model=model)
    assert set(forms(audit).values()) == {form}


def test_nothing_of_keras_is_changed(keras, model):
    optimizer = stepped(keras, keras.optimizers.AdamW(RATE, weight_decay=DECAY), model, 3)

    def everything():
        legacy = [x.tolist() if hasattr(x, "tolist") else x for x in np.random.get_state()]  # noqa: NPY002  # users' own
        variables = [*optimizer.variables, *model.variables]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Keras' reading of torch's tensors
            own = [(v.path, np.asarray(v.numpy()).tobytes()) for v in variables]
        return own, legacy, random.getstate()

    before = everything()
    wdref.audit(optimizer, model=model)
    assert everything() == before
    assert keras.optimizers.AdamW().name.startswith("adam_w")


def test_variables_that_keras_does_not_train(keras, model):
    optimizer = keras.optimizers.AdamW(RATE, weight_decay=DECAY)
    optimizer.build(model.trainable_variables[:-1])
    audit = wdref.audit(optimizer, model=model)
    assert names_of(audit)["no-group"] == {model.trainable_variables[-1].path}


def test_large_variables_are_sampled(keras):
    variable = keras.Variable(np.random.default_rng(0).standard_normal((300, 200)), name="wide")
    optimizer = keras.optimizers.AdamW(RATE, weight_decay=DECAY)
    optimizer.build([variable])
    optimizer.apply([keras.ops.ones((300, 200))], [variable])
    audit = wdref.audit(optimizer, memory=1e-5, sample=30)
    assert "1 of 1 tensors were sampled" in audit.notes[0]
    assert audit.rows[0].form == "decoupled"


def test_a_keras_optimizer_that_is_not_built(keras, model):
    with pytest.raises(AuditError, match="has no variables yet"):
        wdref.audit(keras.optimizers.AdamW(RATE))
    assert wdref.audit(keras.optimizers.AdamW(RATE), model=model).summary["share"] == 1.0
    with pytest.raises(AuditError, match="are for optax"):
        wdref.audit(keras.optimizers.AdamW(RATE), params={})


def test_a_keras_optimizer_that_cannot_be_copied(keras, model):
    class Own(keras.optimizers.SGD):
        def __init__(self, rate, power):
            super().__init__(rate)

    optimizer = stepped(keras, Own(RATE, 2), model, 0)
    with pytest.raises(
        AuditError, match=r"Own cannot be copied from its get_config\(\): TypeError"
    ):
        wdref.audit(optimizer)
