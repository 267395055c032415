"""Any order of updates, steps, checkpoints and conversions gives the bits of plain updates alone.

The model is `update` by the plain backend on NumPy arrays, leaf by leaf copied. Beside it runs one
optimizer whose arrays are stepped in place, written to files, read back, moved to PyTorch's form of
the state, and refused bad gradients.
"""

import fnmatch
import threading
import tracemalloc
from pathlib import Path
from tempfile import TemporaryDirectory

import ml_dtypes  # noqa: F401  # gives NumPy its bfloat16
import numpy as np
import optree
import pytest
from conftest import assert_same_bits
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

import wdref
from wdref.engine import tree

pytest.importorskip("safetensors", reason="the extra `checkpoint` installs it")

DTYPES = ["float64", "float32", "float16", "bfloat16"]
SHAPES = [(), (1,), (3,), (2, 3), (0,), (4, 1)]
leaves = st.tuples(st.sampled_from(DTYPES), st.sampled_from(SHAPES))
trees = st.recursive(
    leaves.map(lambda leaf: {"leaf": leaf}),
    lambda own: (
        st.lists(own, max_size=3).map(lambda x: {"list": x})
        | st.lists(own, max_size=2).map(lambda x: {"tuple": x})
        | st.dictionaries(st.sampled_from("abc"), own, max_size=3).map(lambda x: {"dict": x})
    ),
    max_leaves=5,
)
methods = st.sampled_from([
    (wdref.AdamW, {"weight_decay": 0.125}),
    (wdref.AdamW, {"weight_decay": 0.125, "amsgrad": "hat", "form": "lr"}),
    (wdref.Adam, {"weight_decay": 0.125}),
    (wdref.SGDW, {"learning_rate": 0.125, "weight_decay": 0.125, "nesterov": True}),
    (wdref.SGD, {"learning_rate": 0.125, "weight_decay": 0.125, "momentum": 0.0}),
    (wdref.SGD, {"learning_rate": 0.125, "variant": "pytorch"}),
    (wdref.AdamW, {"weight_decay": 0.125, "amsgrad": "raw"}),
])  # fmt: skip
options = st.fixed_dictionaries({
    "schedule": st.sampled_from([None, wdref.schedules.warm_restarts(3, 2)]),
    "decay_mask": st.sampled_from([None, lambda _, leaf: leaf.ndim > 1]),
    "groups": st.sampled_from([None, {"*": {"learning_rate": 0.25}},
                               {"*a*": {"weight_decay": 0.5}, "*": {"weight_decay": 0.0}}]),
    "master_weights": st.booleans(),
    "state_dtype": st.sampled_from(["float32", "params"]),
})  # fmt: skip


def built(node, number):
    """A tree of arrays from its description; `number` gives the values of a leaf."""
    ((kind, own),) = node.items()
    if kind == "leaf":
        return np.asarray(number(own[1])).astype(np.dtype(own[0]))
    if kind == "dict":
        return {key: built(child, number) for key, child in own.items()}
    return {"list": list, "tuple": tuple}[kind](built(child, number) for child in own)


def copied(tree):
    return optree.tree_map(np.copy, tree)


def check_same(got, want):
    assert optree.tree_structure(got) == optree.tree_structure(want)
    for x, y in zip(optree.tree_leaves(got), optree.tree_leaves(want), strict=True):
        assert_same_bits(x, y)


class Machine(RuleBasedStateMachine):
    """One training, in as many ways as there are."""

    def __init__(self):
        super().__init__()
        self.folder = TemporaryDirectory()
        self.path = Path(self.folder.name) / "run.safetensors"
        self.saved = None

    def teardown(self):
        self.folder.cleanup()

    @initialize(node=trees, method=methods, own=options, seed=st.integers(0, 99))
    def begin(self, node, method, own, seed):
        self.node, self.rng = node, np.random.default_rng(seed)
        self.params = built(node, lambda shape: self.rng.normal(size=shape))
        make, given = method
        paths = tree.paths(optree.tree_structure(self.params))
        for pattern in own["groups"] or ():
            if not fnmatch.filter(paths, pattern):  # which is refused
                own = {**own, "groups": None}
        self.opt = make(**given, **own)
        self.state = self.opt.init(self.params)
        self.plain = make(**given, **own, backend="plain")
        self.model, self.model_state = copied(self.params), self.plain.init(copied(self.params))

    def gradient(self):
        odd = self.rng.choice([1.0, 1.0, 1.0, 0.0, np.inf, np.nan, 1e-30])
        return built(self.node, lambda shape: odd * self.rng.normal(size=shape))

    def follow(self, grads):
        with np.errstate(all="ignore"):
            self.model, self.model_state = self.plain.update(
                self.model, copied(grads), self.model_state
            )
        self.agree()

    def agree(self):
        check_same(self.params, self.model)
        assert self.state.step == self.model_state.step
        check_same(dict(self.state.slots), dict(self.model_state.slots))

    @rule()
    def update(self):
        grads, before = self.gradient(), copied(self.params)
        params, self.state = self.opt.update(self.params, grads, self.state)
        check_same(self.params, before)
        self.params = params
        self.follow(grads)

    @rule()
    def step(self):
        grads = self.gradient()
        self.state = self.opt.step(self.params, grads, self.state)
        self.follow(grads)

    @rule()
    def save(self):
        wdref.save(self.path, self.params, self.state, optimizer=self.opt)
        self.saved = copied(self.model), self.model_state
        self.agree()

    @precondition(lambda self: self.saved is not None)
    @rule(like=st.booleans())
    def load(self, like):
        self.params, self.state = wdref.load(
            self.path, optimizer=self.opt, like=self.params if like else None
        )
        self.model, self.model_state = copied(self.saved[0]), self.saved[1]
        self.agree()

    @rule()
    def refuse(self):
        """A gradient that does not fit changes nothing."""
        bad = optree.tree_map(lambda x: np.zeros((*x.shape, 2), x.dtype), self.params)
        if not optree.tree_leaves(bad):
            return
        for call in (self.opt.step, self.opt.update):
            with pytest.raises(ValueError, match="needs shape"):
                call(self.params, bad, self.state)
        self.agree()

    @precondition(lambda self: not self.opt.master_weights and self.opt.dialect.slots)
    @rule()
    def travel(self):
        """To PyTorch's form of the state and back; half precision would lose its wide slots."""
        leaves = optree.tree_leaves(self.params)
        if self.opt.state_dtype == "float32" and any(x.dtype.itemsize == 2 for x in leaves):
            return
        empty = {"state": {}, "param_groups": [{"params": [*range(len(leaves))]}]}
        if self.opt.dialect.family == "sgd" and self.opt.dialect.lr == "inside":
            return  # PyTorch's momentum holds no learning rate
        if self.opt.dialect.family == "adam" and self.opt.dialect.amsgrad == "hat":
            return
        found = wdref.states.dump(self.opt, self.params, self.state, empty, "pytorch")
        counts = {"step": self.state.step} if "sgd" in self.opt.dialect.family else {}
        if not leaves or not self.state.step:  # nothing says that no step was made
            return
        self.state = wdref.states.load(self.opt, self.params, found, "pytorch", **counts)
        self.agree()


def test_any_order_has_the_bits_of_plain_updates():
    run_state_machine_as_test(Machine, settings=settings(max_examples=40, stateful_step_count=15))


# -- threads, memory ----------------------------------------------------------------------------


def trained(opt, params, grads, *, barrier=None):
    state = opt.init(params)
    for g in grads:
        if barrier:
            barrier.wait()
        state = opt.step(params, g, state)
    return params, state


@pytest.mark.parametrize("backend", ["plain", "numpy", "numba"])
@pytest.mark.parametrize("size", [50, 300_000])
def test_two_threads_with_two_optimizers_have_the_bits_of_one(backend, size):
    if backend == "numba":
        pytest.importorskip("numba", reason="the extra `fast` installs it")
    opts = [
        wdref.AdamW(weight_decay=0.1, backend=backend),
        wdref.SGDW(learning_rate=0.1, weight_decay=0.1, backend=backend),
    ]
    rng = np.random.default_rng(1)
    start = [{"w": rng.normal(size=size).astype("f4")} for _ in opts]
    grads = [{"w": rng.normal(size=size).astype("f4")} for _ in range(6)]
    want = [trained(o, copied(p), grads) for o, p in zip(opts, start, strict=True)]
    got, barrier = [None, None], threading.Barrier(2)

    def work(i):
        got[i] = trained(opts[i], copied(start[i]), grads, barrier=barrier)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for one, other in zip(got, want, strict=True):
        check_same(one[0], other[0])
        check_same(dict(one[1].slots), dict(other[1].slots))


@pytest.mark.parametrize(
    ("backend", "arrays"), [("numba", 0.01), ("numpy", 0.6)], ids=["numba", "numpy"]
)
@pytest.mark.parametrize("library", ["numpy", "torch"])
def test_a_step_makes_no_copies(backend, arrays, library):
    """Memory beside the arrays, in arrays: none of numba's, a few blocks a thread of NumPy's."""
    pytest.importorskip(backend, reason="the extra `fast` installs it")
    size = 4_000_000
    opt = wdref.AdamW(weight_decay=0.1, backend=backend)
    params, grads = {"w": np.ones(size, "f4")}, {"w": np.ones(size, "f4")}
    if library == "torch":
        torch = pytest.importorskip("torch", reason="the extra `frameworks` installs it")
        if backend == "numpy":
            return  # the arrays choose their backend, which is numba here
        opt = wdref.AdamW(weight_decay=0.1)
        params, grads = ({"w": torch.from_numpy(x["w"])} for x in (params, grads))
    state = opt.step(params, grads, opt.init(params))  # compiles, plans
    tracemalloc.start()
    try:
        for _ in range(2):
            state = opt.step(params, grads, state)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak <= arrays * 4 * size
