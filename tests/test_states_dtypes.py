"""Dtypes of states: kept both ways, or refused with the remedy; with the real programs."""

import copy
import os
import re
import warnings

import numpy as np
import pytest

import wdref

DECAY = 1e-2
MEANT = "if that is meant, give may_differ=['state_dtype']"
KEPT = 'which state_dtype="{}" keeps'


def exactly(text):
    return rf"\A{re.escape(text)}\Z"


# -- each program's parameters, its state, and a new one, all of one dtype ------------------------


def of_torch(dtype):
    torch = pytest.importorskip("torch", reason="the extra `frameworks` brings it")
    p = torch.nn.Parameter(torch.ones(3, dtype=getattr(torch, dtype)))
    opt = torch.optim.AdamW([p], weight_decay=DECAY)
    new = copy.deepcopy(opt.state_dict())
    for _ in range(3):
        p.grad = torch.full_like(p, 0.7)
        opt.step()
    return [p.detach()], opt.state_dict(), new


def of_optax(dtype, **options):
    jax = pytest.importorskip("jax", reason="the extra `frameworks` brings it")
    optax = pytest.importorskip("optax", reason="the extra `frameworks` brings it")
    made = optax.adamw(1e-3, weight_decay=DECAY, **options)
    params = [jax.numpy.ones(3, dtype)]
    new = state = made.init(params)
    for _ in range(3):
        _, state = made.update([0.7 * params[0]], state, params)
    return params, state, new


def of_keras(dtype):
    pytest.importorskip("torch", reason="the extra `frameworks` brings it")
    os.environ.setdefault("KERAS_BACKEND", "torch")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the libraries that keras imports
        keras = pytest.importorskip("keras", reason="the extra `frameworks` brings it")
    opt = keras.optimizers.AdamW(1e-3, weight_decay=DECAY)
    v = keras.Variable(np.ones(3, "f4"), dtype=dtype, name="w")
    opt.build([v])

    def state():
        return {x.path: keras.ops.copy(x.value).detach() for x in opt.variables}

    new = state()
    for _ in range(3):
        opt.apply([keras.ops.convert_to_tensor(np.full(3, 0.7), dtype=dtype)], [v])
    return [v.value.detach().clone()], state(), new


PROGRAMS = {"pytorch": of_torch, "optax": of_optax, "keras": of_keras}


def moments(state, framework):
    """The arrays of m and v."""
    if framework == "pytorch":
        return [state["state"][0][name] for name in ("exp_avg", "exp_avg_sq")]
    if framework == "optax":
        return [state[0].mu[0], state[0].nu[0]]
    return [x for path, x in state.items() if path.endswith(("_momentum", "_velocity"))]


def opt_of(framework, **options):
    return wdref.AdamW.like(framework, learning_rate=1e-3, weight_decay=DECAY, **options)


def name_of(x):
    return wdref.engine.tree.dtype_name(x)


def wide(x):
    return np.asarray(x.tolist(), dtype=np.float64)


# -- what is of one dtype is kept -----------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
@pytest.mark.parametrize("framework", PROGRAMS)
@pytest.mark.parametrize("new", [True, False], ids=["into a new state", "into its own"])
def test_there_and_back_keeps_dtype_and_value(framework, dtype, new):
    params, state, fresh = PROGRAMS[framework](dtype)
    opt = opt_of(framework, state_dtype="params")
    own = wdref.states.load(opt, params, state, framework)
    assert {name_of(own.slots[name][0]) for name in ("m", "v")} == {dtype}
    dumped = wdref.states.dump(opt, params, own, fresh if new else state, framework)
    for got, want in zip(moments(dumped, framework), moments(state, framework), strict=True):
        assert name_of(got) == name_of(want) == dtype
        np.testing.assert_array_equal(wide(got), wide(want))


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
@pytest.mark.parametrize("framework", PROGRAMS)
def test_half_moments_are_not_widened_in_silence(framework, dtype):
    params, state, _ = PROGRAMS[framework](dtype)
    text = f"m of 0: dtype {dtype} in the state, float32 here, {KEPT.format('params')}; {MEANT}"
    for opt in (opt_of(framework), opt_of(framework, master_weights=True)):
        with pytest.raises(ValueError, match=exactly(text)):
            wdref.states.load(opt, params, state, framework)
        own = wdref.states.load(opt, params, state, framework, may_differ=["state_dtype"])
        for name, there in zip(("m", "v"), moments(state, framework), strict=True):
            assert name_of(own.slots[name][0]) == "float32"
            np.testing.assert_array_equal(wide(own.slots[name][0]), wide(there))


@pytest.mark.parametrize("framework", PROGRAMS)
def test_wide_slots_are_not_narrowed_in_silence(framework):
    params, state, new = PROGRAMS[framework]("bfloat16")
    opt = opt_of(framework)
    own = wdref.states.load(opt, params, state, framework, may_differ=["state_dtype"])
    for into in (state, new):
        text = f"m of 0: dtype bfloat16 in the state, float32 here; {MEANT}"
        with pytest.raises(ValueError, match=exactly(text)):
            wdref.states.dump(opt, params, own, into, framework)
        dumped = wdref.states.dump(opt, params, own, into, framework, may_differ=["state_dtype"])
        for got, want in zip(moments(dumped, framework), moments(state, framework), strict=True):
            assert name_of(got) == "bfloat16"
            np.testing.assert_array_equal(wide(got), wide(want))


# -- mixed ----------------------------------------------------------------------------------------


def test_wide_moments_beside_half_parameters_are_kept_or_refused():
    """As mixed precision by hand has them, or optax with mu_dtype."""
    params, state, _ = of_torch("bfloat16")
    for name in ("exp_avg", "exp_avg_sq"):
        state["state"][0][name] = state["state"][0][name].float()
    own = wdref.states.load(opt_of("pytorch"), params, state, "pytorch")
    assert name_of(own.slots["m"][0]) == "float32"
    dumped = wdref.states.dump(opt_of("pytorch"), params, own, state, "pytorch")
    assert {name_of(x) for x in moments(dumped, "pytorch")} == {"float32"}
    text = f"m of 0: dtype float32 in the state, bfloat16 here, {KEPT.format('float32')}; {MEANT}"
    with pytest.raises(ValueError, match=exactly(text)):
        wdref.states.load(opt_of("pytorch", state_dtype="params"), params, state, "pytorch")


def test_one_half_moment_beside_float32_parameters():
    params, state, new = of_optax("float32", mu_dtype="bfloat16")
    opt = opt_of("optax")
    text = f"m of 0: dtype bfloat16 in the state, float32 here; {MEANT}"
    with pytest.raises(ValueError, match=exactly(text)):
        wdref.states.load(opt, params, state, "optax")
    own = wdref.states.load(opt, params, state, "optax", may_differ=["state_dtype"])
    assert {name_of(own.slots[name][0]) for name in ("m", "v")} == {"float32"}
    with pytest.raises(ValueError, match=exactly(text)):
        wdref.states.dump(opt, params, own, new, "optax")
    dumped = wdref.states.dump(opt, params, own, new, "optax", may_differ=["state_dtype"])
    assert [name_of(x) for x in moments(dumped, "optax")] == ["bfloat16", "float32"]


# -- other libraries ------------------------------------------------------------------------------


@pytest.mark.parametrize("framework", PROGRAMS)
def test_bfloat16_into_numpy_and_back(framework):
    """NumPy has no bfloat16 of its own, and DLPack none for it."""
    ml_dtypes = pytest.importorskip("ml_dtypes", reason="the extra `dev` installs it")
    params, state, new = PROGRAMS[framework]("bfloat16")
    mine = [wide(params[0]).astype(ml_dtypes.bfloat16)]
    opt = opt_of(framework, state_dtype="params")
    own = wdref.states.load(opt, mine, state, framework)
    assert own.slots["m"][0].dtype == ml_dtypes.bfloat16
    dumped = wdref.states.dump(opt, params, own, new, framework)
    for got, want in zip(moments(dumped, framework), moments(state, framework), strict=True):
        assert (type(got), name_of(got)) == (type(want), "bfloat16")
        np.testing.assert_array_equal(wide(got), wide(want))


def test_what_is_no_array():
    params, state, _ = of_torch("float32")
    state["state"][0]["exp_avg"] = [0.0, 0.0, 0.0]
    with pytest.raises(ValueError, match=exactly("m of 0 is a list: expected an array")):
        wdref.states.load(opt_of("pytorch"), params, state, "pytorch")
