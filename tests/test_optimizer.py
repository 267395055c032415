"""init, update and step on trees: what they return, what they keep, and what they leave alone."""

import copy
import dataclasses
import pickle
from collections import OrderedDict, namedtuple

import numpy as np
import optree
import pytest
from hypothesis import given
from hypothesis import strategies as st

import wdref
from wdref import decay, schedules

METHODS = {
    "SGD": wdref.SGD(learning_rate=0.1, weight_decay=0.05),
    "SGDW": wdref.SGDW(learning_rate=0.1, weight_decay=0.05, nesterov=True),
    "plain SGDW": wdref.SGDW(learning_rate=0.1, weight_decay=0.05, momentum=0),
    "Adam": wdref.Adam(weight_decay=0.05),
    "AdamW": wdref.AdamW(weight_decay=0.05, order="after"),
    "AMSGrad": wdref.AdamW(weight_decay=0.05, amsgrad="hat"),
}
Pair = namedtuple("Pair", "weight bias")


def array(rng, shape=(3, 2)):
    return rng.normal(size=shape).astype(np.float32)


def some_tree(rng):
    return {
        "layers": [Pair(array(rng), array(rng, 2)), Pair(array(rng), array(rng, ()))],
        "head": (array(rng, 0), OrderedDict(b=array(rng), a=array(rng))),
        "nothing": None,
    }


def grads_like(tree, rng):
    return optree.tree_map(lambda x: array(rng, x.shape), tree)


def copied(tree):
    return optree.tree_map(np.copy, tree)


def check_trees(got, want, same_bits):
    assert optree.tree_structure(got) == optree.tree_structure(want)
    for a, b in zip(optree.tree_leaves(got), optree.tree_leaves(want), strict=True):
        same_bits(a, b)


@pytest.mark.parametrize("backend", ["numpy", "plain"])
@pytest.mark.parametrize("name", METHODS)
def test_step_is_update_in_place(name, backend, same_bits):
    opt, rng = on_backend(METHODS[name], backend), np.random.default_rng(1)
    params = some_tree(rng)
    written = copied(params)
    state, in_place = opt.init(params), opt.init(written)
    leaves = optree.tree_leaves((written, dict(in_place.slots)))
    for _ in range(3):
        grads = grads_like(params, rng)
        before = copied((params, grads, dict(state.slots)))
        new, next_state = opt.update(params, grads, state)
        check_trees((params, grads, dict(state.slots)), before, same_bits)
        params, state = new, next_state
        in_place = opt.step(written, grads, in_place)
        check_trees(written, params, same_bits)
        check_trees(dict(in_place.slots), dict(state.slots), same_bits)
    assert in_place.step == state.step == 3
    assert all(a is b for a, b in zip(leaves, optree.tree_leaves((written, dict(in_place.slots))),
                                      strict=True))  # fmt: skip


def on_backend(opt, backend):
    new = copy.copy(opt)
    object.__setattr__(new, "backend", backend)
    return new


trees = st.recursive(
    st.integers(0, 3).map(lambda n: np.linspace(-1, 1, n)),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from("abc"), inner, max_size=3)
        | st.tuples(inner, inner)
    ),
    max_leaves=6,
)


@given(trees)
def test_any_tree_keeps_its_structure(params):
    opt = METHODS["AdamW"]
    new, state = opt.update(params, params, opt.init(params))
    shape = optree.tree_structure(params)
    assert optree.tree_structure(new) == shape
    assert {optree.tree_structure(slot) for slot in state.slots.values()} == {shape}
    for slot, p in zip(
        optree.tree_leaves(state.slots["v"]), optree.tree_leaves(params), strict=True
    ):
        assert (slot.shape, slot.dtype) == (p.shape, p.dtype)


@pytest.mark.parametrize("empty", [{}, [], (), None])
def test_a_tree_without_leaves(empty):
    opt = wdref.AdamW(weight_decay=0.0)
    new, state = opt.update(empty, empty, opt.init(empty))
    assert (new, state.step) == (empty, 1)
    assert opt.step(empty, empty, state).step == 2


def test_a_class_that_is_no_tree_is_refused():
    @dataclasses.dataclass
    class Model:
        weight: np.ndarray

    with pytest.raises(TypeError, match=r"params\['m'\] is a Model: expected a plain array"):
        wdref.AdamW(weight_decay=0.0).init({"m": Model(np.ones(2))})


def test_init_gives_zeros_and_no_update_was_made():
    state = METHODS["AMSGrad"].init([np.ones(3)])
    assert (state.step, sorted(state.slots)) == (0, ["m", "v", "v_max"])
    assert all((slot[0] == 0).all() for slot in state.slots.values())


def test_without_momentum_nothing_is_kept():
    opt, theta = METHODS["plain SGDW"], np.array([1.0])
    state = opt.init(theta)
    assert dict(state.slots) == {}
    new, state = opt.update(theta, np.array([2.0]), state)
    assert new == pytest.approx(1 - 0.1 * 2 - 0.05)
    assert dict(state.slots) == {}


@pytest.mark.parametrize(
    ("options", "step"),
    [(dict(nesterov=True), 1.0), (dict(dampening=0.75), 0.25),
     (dict(nesterov=True, dampening=0.75), 1.0), (dict(variant="pytorch", dampening=0.75), 1.0)],
)  # fmt: skip
def test_momentum_0_is_the_rule_at_0(options, step):
    # Nesterov's step is the gradient; PyTorch dampens only what enters a buffer, and there is none
    opt = wdref.SGD(learning_rate=0.5, momentum=0.0, **options)
    assert opt.dialect.slots == ()
    theta, state = np.array([0.0]), opt.init(np.array([0.0]))
    for _ in range(2):
        theta, state = opt.update(theta, np.array([1.0]), state)
    assert theta == pytest.approx(-2 * 0.5 * step)


def test_state_and_optimizer_are_frozen():
    opt, state = wdref.AdamW(weight_decay=0.0), wdref.AdamW(weight_decay=0.0).init([np.ones(2)])
    with pytest.raises(dataclasses.FrozenInstanceError):
        state.step = 5
    with pytest.raises(TypeError):
        state.slots["m"] = None
    with pytest.raises(dataclasses.FrozenInstanceError):
        opt.name = "x"


@pytest.mark.parametrize("through", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_training_goes_on_from_a_saved_state(through, same_bits):
    opt, rng = METHODS["AMSGrad"], np.random.default_rng(4)
    params = some_tree(rng)
    grads = [grads_like(params, rng) for _ in range(2)]
    params, state = opt.update(params, grads[0], opt.init(params))
    saved = through((params, state))
    want, want_state = opt.update(params, grads[1], state)
    got, got_state = opt.update(saved[0], grads[1], saved[1])
    check_trees(got, want, same_bits)
    assert got_state.step == want_state.step == 2


def test_hyperparameters_may_change_between_updates():
    theta = np.array([1.0])
    _, state = wdref.AdamW(weight_decay=0.0, learning_rate=0.1).update(
        theta, theta, wdref.AdamW(weight_decay=0.0).init(theta)
    )
    _, state = wdref.AdamW(weight_decay=0.0, learning_rate=0.2, betas=(0.5, 0.6)).update(
        theta, theta, state
    )
    assert state.step == 2


def test_moments_are_kept_over_a_restart(same_bits):
    # App. B.2: only T_cur returns to 0; the gradients are given, so the moments see no schedule
    rng, theta = np.random.default_rng(0), np.ones(4)
    restarts = wdref.AdamW(weight_decay=0.0, schedule=schedules.warm_restarts(2, 2))
    constant = wdref.AdamW(weight_decay=0.0)
    state = other = restarts.init(theta)
    for t in range(1, 9):
        g = rng.normal(size=4)
        _, state = restarts.update(theta, g, state)
        _, other = constant.update(theta, g, other)
        check_trees(dict(state.slots), dict(other.slots), same_bits)
        assert state.step == t


def test_adamwr_with_the_normalised_decay():
    # Algorithm 2 with Eq. 15 and λ by B.1 for T_i = 1, 2, … epochs of 3 steps; B = 12, b = 4
    schedule = schedules.warm_restarts(1, 2, steps_per_epoch=3)
    lam = decay.normalised(0.3, batch_size=4, dataset_size=12, schedule=schedule)
    opt = wdref.AdamW(
        learning_rate=0.1, betas=(0.8, 0.7), eps=0.2, weight_decay=lam, schedule=schedule
    )
    theta, state, m, v, want = np.array([1.0]), opt.init(np.array([1.0])), 0.0, 0.0, 1.0
    T_cur_and_T_i = [(i / 3, 1) for i in range(3)] + [(i / 3, 2) for i in range(6)]
    for t, (T_cur, T_i) in enumerate(T_cur_and_T_i, start=1):
        g = (-1.0) ** t / t
        m, v = 0.8 * m + 0.2 * g, 0.7 * v + 0.3 * g * g
        u = m / (1 - 0.8**t) / (np.sqrt(v / (1 - 0.7**t)) + 0.2)
        eta = 0.5 + 0.5 * np.cos(np.pi * T_cur / T_i)
        want = want - eta * (0.1 * u + 0.3 * np.sqrt(4 / (12 * T_i)) * want)
        theta, state = opt.update(theta, np.array([g]), state)
        assert theta == pytest.approx(want, rel=1e-13)


def test_errors_alone_work_out_where_a_leaf_is(monkeypatch):
    # it takes time in proportion to the tree: done for each leaf, it would be most of an update
    def never(*_):
        raise AssertionError("asked for a location without an error")

    monkeypatch.setattr("wdref.engine.tree.location", never)
    opt, params = wdref.AdamW(weight_decay=0.0), [np.ones(2) for _ in range(3)]
    opt.step(params, copied(params), opt.init(params))
