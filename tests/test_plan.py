"""A plan makes the step that the checks would have let through, or steps aside.

Each test changes one thing between two steps, and compares with an optimizer that never plans.
"""

import copy
import gc
import pickle

import numpy as np
import pytest

import wdref
from wdref.optimizer import Optimizer

pytest.importorskip("numba", reason="the extra `fast` installs it: no other backend plans")


def tree(seed, dtype="float32"):
    rng = np.random.default_rng(seed)
    return {
        "b": rng.standard_normal(5).astype(dtype),
        "w": [rng.standard_normal((3, 4)).astype(dtype)],
    }


def optimizer(**options):
    return wdref.AdamW(weight_decay=0.1, **options)


@pytest.fixture
def fresh(monkeypatch):
    """Count the steps that were checked anew."""
    calls = []
    checked = Optimizer.apply_in_place

    def counted(self, *args):
        calls.append(args)
        return checked(self, *args)

    monkeypatch.setattr(Optimizer, "apply_in_place", counted)
    return calls


def copied(t):
    return {"b": t["b"].copy(), "w": [t["w"][0].copy()]}


def run(opt, steps, between=lambda *_: None):
    """Parameters after `steps`, with `between(t, params, grads, state)` before each of them."""
    params = tree(0)
    state = opt.init(params)
    for t in range(steps):
        grads = tree(t + 1)
        between(t, params, grads, state)
        state = opt.step(params, grads, state)
    return params, state


def same(got, want, same_bits):
    same_bits(got["b"], want["b"])
    same_bits(got["w"][0], want["w"][0])


@pytest.mark.parametrize("options", [
    {}, {"decay_mask": lambda path, leaf: leaf.ndim > 1},
    {"groups": {"b": {"learning_rate": 0.5, "weight_decay": 0.0}}},
    {"schedule": wdref.schedules.cosine(4)}, {"weight_decay": lambda t: 0.1 / t},
], ids=["plain", "mask", "groups", "schedule", "varying decay"])  # fmt: skip
def test_later_steps_are_planned_and_have_the_same_bits(options, fresh, same_bits):
    options = {"weight_decay": 0.1, **options}
    params, state = run(wdref.AdamW(**options, backend="numba"), 4)
    assert len(fresh) == 1
    want, after = run(wdref.AdamW(**options, backend="plain"), 4)
    same(params, want, same_bits)
    for name in state.slots:
        same(state.slots[name], after.slots[name], same_bits)


def test_the_same_gradients_again_and_half_precision(fresh, same_bits):
    opt, plain = optimizer(), optimizer(backend="plain")
    params, grads = tree(0, "float16"), tree(1, "float16")
    other = copied(params)
    state, before = opt.init(params), plain.init(other)
    for _ in range(3):
        state, before = opt.step(params, grads, state), plain.step(other, grads, before)
    assert len(fresh) == 1 + 3
    same(params, other, same_bits)


def replaced(t, params, grads, state):
    if t == 2:
        params["b"] = params["b"].copy()


def read_only(t, params, grads, state):
    if t == 2:
        grads["b"].flags.writeable = False


def strided(t, params, grads, state):
    if t == 2:
        grads["w"][0] = np.asfortranarray(grads["w"][0])


def new_slot(t, params, grads, state):
    if t == 2:
        state.slots["m"]["w"][0] = state.slots["m"]["w"][0].copy()


@pytest.mark.parametrize("change", [replaced, read_only, strided, new_slot])
def test_what_has_changed_is_checked_anew(change, fresh, same_bits):
    params, _ = run(optimizer(), 4, change)
    assert len(fresh) >= 2
    want, _ = run(optimizer(backend="plain"), 4, change)
    same(params, want, same_bits)


def locked(params, grads):
    params["b"].flags.writeable = False
    return r"params\['b'\] cannot be written"


def narrower(params, grads):
    grads["b"] = grads["b"].astype("float16")
    return r"grads\['b'\] has dtype float16: params\['b'\] needs dtype float32"


def longer(params, grads):
    grads["b"] = np.ones(6, "float32")
    return r"grads\['b'\] has shape \(6,\): params\['b'\] needs shape \(5,\)"


def overlapping(params, grads):
    grads["b"] = params["w"][0].reshape(-1)[3:8]
    return r"grads\['b'\] shares memory with params\['w'\]\[0\]"


def missing(params, grads):
    del grads["b"]
    return r"grads lacks: b"


def reshaped(params, grads):
    params["w"][0] = params["w"][0].reshape(4, 3)
    return r"grads\['w'\]\[0\] has shape \(3, 4\)"


@pytest.mark.parametrize("spoil", [locked, narrower, longer, overlapping, missing, reshaped])
def test_an_error_is_still_an_error_and_nothing_is_written(spoil):
    opt = optimizer()
    params, state = run(opt, 2)
    grads = tree(9)
    text = spoil(params, grads)
    before = params["b"].tobytes(), params["w"][0].tobytes()
    with pytest.raises(ValueError, match=text):
        opt.step(params, grads, state)
    assert (params["b"].tobytes(), params["w"][0].tobytes()) == before


def test_another_optimizer_does_not_use_the_plan(fresh, same_bits):
    params, state = run(optimizer(), 2)
    other = copied(params)
    masked = optimizer(decay_mask={"b": False, "w": [True]})
    masked.step(params, tree(9), state)
    assert len(fresh) == 2
    want, _ = optimizer(decay_mask={"b": False, "w": [True]}, backend="plain").update(
        other, tree(9), pickle.loads(pickle.dumps(run(optimizer(), 2)[1]))
    )
    same(params, want, same_bits)


def test_a_plan_keeps_no_array_alive_and_trusts_no_address_of_a_dead_one():
    opt = optimizer()
    params = tree(0)
    state = opt.step(params, tree(1), opt.init(params))
    watcher = state.plan.watchers[0]
    assert watcher() is params["b"]
    del params
    gc.collect()
    assert watcher() is None
    assert not state.plan.alive


@pytest.mark.parametrize(
    "copy_of", [copy.copy, copy.deepcopy, lambda s: pickle.loads(pickle.dumps(s))]
)
def test_copies_of_a_state_have_no_plan(copy_of):
    _, state = run(optimizer(), 2)
    assert state.plan is not None
    assert copy_of(state).plan is None
    assert copy_of(state).step == 2
