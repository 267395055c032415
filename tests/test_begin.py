"""A state at a given step, with given slots: what it is, and what cannot be one."""

import re

import numpy as np
import pytest

import wdref

METHODS = {
    "AdamW": wdref.AdamW(weight_decay=0.1, schedule=wdref.schedules.warm_restarts(4)),
    "AMSGrad": wdref.Adam(weight_decay=0.1, amsgrad="raw"),
    "SGD": wdref.SGD(learning_rate=0.1, weight_decay=0.1),
    "plain SGDW": wdref.SGDW(learning_rate=0.1, weight_decay=0.1, momentum=0.0),
}
HALF = {"params": {"state_dtype": "params"}, "float32": {}, "master": {"master_weights": True}}


def arrays(library, dtype="float64"):
    """Two parameters and a function that makes the library's arrays."""
    if library == "torch":
        torch = pytest.importorskip("torch", reason="the extra `frameworks` brings it")

        def make(x):
            return torch.tensor(np.asarray(x), dtype=getattr(torch, dtype))
    elif library == "jax":
        jax = pytest.importorskip("jax", reason="the extra `frameworks` brings it")

        def make(x):
            return jax.numpy.asarray(x, dtype=dtype)
    else:

        def make(x):
            return np.array(x, dtype=dtype)

    return {"w": make([[1.0, -2.0]]), "b": make([0.5])}, make


def trained(opt, params, make, steps, state=None):
    state = opt.init(params) if state is None else state
    for t in range(state.step, state.step + steps):
        grads = {name: make(np.full(tuple(p.shape), 0.25 * (t + 1))) for name, p in params.items()}
        params, state = opt.update(params, grads, state)
    return params, state


@pytest.mark.parametrize("library", ["numpy", "torch", "jax"])
@pytest.mark.parametrize("name", METHODS)
def test_going_on_from_given_slots_is_going_on(name, library, same_bits):
    opt, (params, make) = METHODS[name], arrays(library, "float32")
    params, state = trained(opt, params, make, 5)
    want, _ = trained(opt, params, make, 5, state)
    begun = opt.init(params, step=5, slots=state.slots)
    assert begun.step == 5
    got, _ = trained(opt, params, make, 5, begun)
    for key in want:
        same_bits(got[key], want[key])


@pytest.mark.parametrize("library", ["numpy", "torch"])
@pytest.mark.parametrize("kept", HALF)
def test_half_precision(kept, library, same_bits):
    opt = wdref.AdamW(weight_decay=0.1, **HALF[kept])
    params, make = arrays(library, "float16")
    params, state = trained(opt, params, make, 5)
    want, _ = trained(opt, params, make, 5, state)
    got, _ = trained(opt, params, make, 5, opt.init(params, step=5, slots=state.slots))
    for key in want:
        same_bits(got[key], want[key])


def test_master_weights_are_the_parameters_where_they_are_not_given():
    opt = wdref.AdamW(weight_decay=0.1, master_weights=True)
    params, _ = arrays("numpy", "float16")
    begun = opt.init(
        params, step=3, slots={"v": {k: np.ones(p.shape, "f4") for k, p in params.items()}}
    )
    for name, p in params.items():
        np.testing.assert_array_equal(begun.slots["master"][name], p.astype("f4"))
        np.testing.assert_array_equal(begun.slots["m"][name], np.zeros(p.shape))
        np.testing.assert_array_equal(begun.slots["v"][name], np.ones(p.shape))


def test_the_step_is_that_of_schedule_and_bias_correction():
    opt = METHODS["AdamW"]
    begun = opt.init(np.array([1.0]), step=6)
    theta, state = opt.update(np.array([1.0]), np.array([2.0]), begun)
    s = opt.scalars(7)[0]
    m_hat, v_hat = (1 - 0.9) * 2 / s.bias1, (1 - 0.999) * 4 / s.bias2
    assert state.step == 7
    want = 1 - s.step * m_hat / (np.sqrt(v_hat) + 1e-8) - s.decay
    assert theta[0] == pytest.approx(want, rel=1e-14)


def test_given_slots_are_copied():
    params, m = [np.ones(2)], np.zeros(2)
    state = wdref.SGD(learning_rate=0.1).init(params, slots={"m": [m]})
    wdref.SGD(learning_rate=0.1).step(params, [np.ones(2)], state)
    np.testing.assert_array_equal(m, np.zeros(2))


P = {"w": np.ones(2, "f4"), "h": np.ones(2, "f2")}
ZERO = {"w": np.zeros(2, "f4"), "h": np.zeros(2, "f4")}
ADAM = wdref.AdamW(weight_decay=0.0)
MASTER = wdref.AdamW(weight_decay=0.0, master_weights=True)
BAD = [
    (ADAM, {"step": -1}, "step=-1: expected a whole number >= 0"),
    (ADAM, {"step": 1.5}, "step=1.5: expected a whole number >= 0"),
    (ADAM, {"slots": {"mu": ZERO}}, "slots has mu: AdamW keeps m, v"),
    (ADAM, {"slots": [ZERO]}, "slots is a list: expected a mapping from m, v to trees like params"),
    (ADAM, {"slots": {"m": {"w": ZERO["w"]}}}, "slots['m'] lacks: h (compared with params)"),
    (ADAM, {"slots": {"m": {**ZERO, "w": [0.0, 0.0]}}},
     "slots['m'] lacks: w (compared with params)"),
    (ADAM, {"slots": {"m": {**ZERO, "w": 0.0}}},
     "slots['m']['w'] is a float: expected a plain array"),
    (ADAM, {"slots": {"m": {**ZERO, "w": np.zeros(3, "f4")}}},
     "slots['m']['w'] has shape (3,): params['w'] needs shape (2,)"),
    (ADAM, {"slots": {"m": {**ZERO, "w": np.zeros(2)}}},
     "slots['m']['w'] has dtype float64: params['w'] needs dtype float32"),
    (ADAM, {"slots": {"m": {**ZERO, "h": np.zeros(2, "f2")}}},
     "slots['m']['h'] has dtype float16: params['h'] needs dtype float32"),
    (ADAM.replace(state_dtype="params"), {"slots": {"m": ZERO}},
     "slots['m']['h'] has dtype float32: params['h'] needs dtype float16"),
    (ADAM, {"slots": {"v": {**ZERO, "w": np.array([1, -1e-9], "f4")}}},
     "slots['v']['w'] has numbers below 0: it is a mean of squares"),
    (MASTER, {"slots": {"master": {**ZERO, "h": np.ones(2, "f4")}}},
     "slots['master']['w'] has shape (2,): params['w'] is float32 and has an empty one"),
    (MASTER, {"slots": {"master": {"w": np.zeros(0, "f4"), "h": ZERO["h"]}}},
     "slots['master']['h'] is not params['h'] before it was rounded to float16"),
]  # fmt: skip


@pytest.mark.parametrize(("opt", "options", "message"), BAD)
def test_what_cannot_be_a_state(opt, options, message):
    with pytest.raises((ValueError, TypeError), match=rf"\A{re.escape(message)}\Z"):
        opt.init(P, **options)


def test_a_slot_of_another_library_is_refused():
    torch = pytest.importorskip("torch", reason="the extra `frameworks` brings it")
    with pytest.raises(ValueError, match=r"slots\['m'\]\[0\] has library torch: params\[0\] needs"):
        wdref.SGD(learning_rate=0.1).init([np.ones(2)], slots={"m": [torch.zeros(2)]})
