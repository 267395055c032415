"""Bad input is one error that names the leaf or the argument and what was expected.

Whatever is refused, `update` and `step` have written nothing: every array is bitwise as before.
"""

import math
import re
from dataclasses import replace

import array_api_strict
import numpy as np
import optree
import pytest

import wdref

OPT = wdref.AdamW(weight_decay=0.1)


def exactly(text):
    return rf"\A{re.escape(text)}\Z"


def tree(**changes):
    return {"w": np.ones((2, 3)), "b": [np.ones(2, np.float32)], **changes}


def arrays(*trees):
    leaves = optree.tree_leaves(trees)
    return [leaf for leaf in leaves if isinstance(leaf, np.ndarray)]


def refused(call, params, grads, state, error, text):
    """`call` raises `error` with exactly `text` and writes nothing."""
    watched = arrays(params, grads, dict(getattr(state, "slots", {})))
    before = [x.tobytes() for x in watched]
    with pytest.raises(error, match=exactly(text)):
        call(params, grads, state)
    assert [x.tobytes() for x in watched] == before


def table(names, rows):
    return pytest.mark.parametrize(names, [row[1:] for row in rows], ids=[row[0] for row in rows])


CALLS = pytest.mark.parametrize("call", ["update", "step"])

GRADS = [
    ("missing leaf", {"w": np.ones((2, 3))}, ValueError, "grads lacks: b.0 (compared with params)"),
    ("extra leaf", tree(c=np.ones(1)), ValueError, "grads has too much: c (compared with params)"),
    ("no gradient", tree(w=None), ValueError, "grads lacks: w (compared with params)"),
    ("another container", {"w": np.ones((2, 3)), "b": (np.ones(2, "f4"),)}, ValueError,
     "grads has another structure than params: PyTreeSpec({'b': (*,), 'w': *}) against "
     "PyTreeSpec({'b': [*], 'w': *})"),
    ("shape", tree(b=[np.ones(3, "f4")]), ValueError,
     "grads['b'][0] has shape (3,): params['b'][0] needs shape (2,)"),
    ("broadcastable shape", tree(w=np.ones((1, 3))), ValueError,
     "grads['w'] has shape (1, 3): params['w'] needs shape (2, 3)"),
    ("wider", tree(b=[np.ones(2)]), ValueError,
     "grads['b'][0] has dtype float64: params['b'][0] needs dtype float32"),
    ("narrower", tree(w=np.ones((2, 3), "f2")), ValueError,
     "grads['w'] has dtype float16: params['w'] needs dtype float64"),
    ("integers", tree(w=np.ones((2, 3), int)), TypeError,
     "grads['w'] has dtype int64: expected a real floating one"),
    ("complex", tree(w=np.ones((2, 3), complex)), TypeError,
     "grads['w'] has dtype complex128: expected a real floating one"),
    ("objects", tree(w=np.ones((2, 3), object)), TypeError,
     "grads['w'] has dtype object: expected a real floating one"),
    ("a number", tree(w=1.0), TypeError, "grads['w'] is a float: expected a plain array"),
    ("a mask", tree(w=np.ma.ones((2, 3))), TypeError,
     "grads['w'] is a MaskedArray: expected a plain array"),
    ("another library", tree(w=array_api_strict.ones((2, 3))), ValueError,
     "grads['w'] has library array_api_strict: params['w'] needs library numpy"),
]  # fmt: skip


@CALLS
@table(("grads", "error", "text"), GRADS)
def test_gradients(call, grads, error, text):
    params = tree()
    refused(getattr(OPT, call), params, grads, OPT.init(params), error, text)


PARAMS = [
    ("integers", np.ones(2, int), TypeError,
     "params has dtype int64: expected a real floating one"),
    ("complex", np.ones(2, "c8"), TypeError,
     "params has dtype complex64: expected a real floating one"),
    ("booleans", np.ones(2, bool), TypeError,
     "params has dtype bool: expected a real floating one"),
    ("a number", 1.0, TypeError, "params is a float: expected a plain array"),
    ("a string", "w", TypeError, "params is a str: expected a plain array"),
]  # fmt: skip


@table(("params", "error", "text"), PARAMS)
def test_parameters(params, error, text):
    with pytest.raises(error, match=exactly(text)):
        OPT.init(params)
    for call in (OPT.update, OPT.step):
        refused(call, params, params, OPT.init(np.ones(2)), error, text)


def with_slot(name, **changes):
    state = OPT.init(tree())
    return replace(state, slots={**state.slots, name: {**state.slots[name], **changes}})


ADAM = "g ← ∇f(θ) + λ θ; m ← β1 m + (1-β1) g; v ← β2 v + (1-β2) g²; m̂ ← m/(1-β1^t); v̂ ← v/(1-β2^t)"
STATES = [
    ("of SGD", wdref.SGDW(weight_decay=0.0, learning_rate=1.0).init(tree()), ValueError,
     "state belongs to another optimizer: it was made for [g ← ∇f(θ); m ← β1 m + η α g; "
     f"θ ← θ - m - η λ θ; m], this is [{OPT.rule_name}]"),
    ("of Adam", wdref.Adam().init(tree()), ValueError,
     f"state belongs to another optimizer: it was made for [{ADAM}; θ ← θ - η α m̂/(√v̂ + ε); m; v], "
     f"this is [{OPT.rule_name}]"),
    ("with master weights", wdref.AdamW(weight_decay=0.1, master_weights=True).init(tree()),
     ValueError, "state belongs to another optimizer: it was made for "
     f"[{OPT.rule_name.replace('; m; v', '; master; m; v')}], this is [{OPT.rule_name}]"),
    ("of another tree", OPT.init({"w": np.ones((2, 3))}), ValueError,
     "state.slots['m'] lacks: b.0 (compared with params)"),
    ("shape", with_slot("v", w=np.ones(3)), ValueError,
     "state.slots['v']['w'] has shape (3,): params['w'] needs shape (2, 3)"),
    ("dtype", with_slot("m", b=[np.ones(2)]), ValueError,
     "state.slots['m']['b'][0] has dtype float64: params['b'][0] needs dtype float32"),
    ("no slots", replace(OPT.init(tree()), slots={}), ValueError,
     "slots lack m, v: expected the slots of the state that init made"),
    ("nothing", None, TypeError, "state is a NoneType: expected the State that init made"),
    ("a mapping", {"step": 0}, TypeError, "state is a dict: expected the State that init made"),
]  # fmt: skip


@CALLS
@table(("state", "error", "text"), STATES)
def test_states(call, state, error, text):
    refused(getattr(OPT, call), tree(), tree(), state, error, text)


def test_state_dtype_is_part_of_the_state():
    params = np.ones(2, np.float16)
    state = wdref.AdamW(weight_decay=0.0, state_dtype="params").init(params)
    text = "state.slots['m'] has dtype float16: params needs dtype float32"
    for call in (OPT.update, OPT.step):
        refused(call, params, params, state, ValueError, text)


def test_step_needs_arrays_that_can_be_written():
    params = tree()
    state = OPT.init(params)
    params["w"].flags.writeable = False
    text = "params['w'] cannot be written: use update, which returns new arrays"
    refused(OPT.step, params, tree(), state, ValueError, text)
    state = OPT.init(params)
    state.slots["v"]["b"][0].flags.writeable = False
    params["w"] = np.ones((2, 3))
    text = "state.slots['v']['b'][0] cannot be written: use update, which returns new arrays"
    refused(OPT.step, params, tree(), state, ValueError, text)


MEMORY = np.ones(8)
TWICE = "step would write it twice, so keep it in one place only"
READ = "step would write the one while it reads the other, so pass a copy"
OVERLAPS = [
    ("an array twice", MEMORY[:2], MEMORY[:2], None, f"shares memory with params['a']: {TWICE}"),
    ("part of another", MEMORY[:4], MEMORY[3:5], None, f"shares memory with params['a']: {TWICE}"),
    ("in strides", MEMORY[::2], MEMORY[2:], None, f"shares memory with params['a']: {TWICE}"),
    ("backwards", MEMORY[5::-1], MEMORY[5:], None, f"shares memory with params['a']: {TWICE}"),
    ("its gradient", np.ones(2), MEMORY[:2], MEMORY[:2], f"shares memory with params['b']: {READ}"),
    ("part of one", np.ones(2), MEMORY[:2], MEMORY[1:3], f"shares memory with params['b']: {READ}"),
]  # fmt: skip


@pytest.mark.parametrize("backend", [None, "numpy", "plain"])
@table(("a", "b", "g", "text"), OVERLAPS)
def test_step_refuses_arrays_that_share_memory(a, b, g, text, backend):
    opt = wdref.AdamW(weight_decay=0.1, backend=backend)
    params = {"a": a, "b": b}
    grads = {"a": np.ones_like(a), "b": np.ones_like(b) if g is None else g}
    text = f"{'params' if g is None else 'grads'}['b'] {text}"
    refused(opt.step, params, grads, opt.init(params), ValueError, text)
    opt.update(params, grads, opt.init(params))  # writes nothing, so that nothing is in its way


def test_step_refuses_one_array_in_two_places():
    shared = np.ones(2)
    params = {"embedding": shared, "head": shared}
    text = f"params['head'] is the same array as params['embedding']: {TWICE}"
    refused(OPT.step, params, params, OPT.init(params), ValueError, text)
    state = OPT.init(params["head"])
    text = f"state.slots['m'] is the same array as params: {TWICE}"
    refused(OPT.step, state.slots["m"], shared, state, ValueError, text)


@pytest.mark.parametrize("strided", [slice(None, None, 2), slice(4, None, -2)])
def test_views_that_interleave_are_no_overlap(strided):
    memory = np.ones(9)
    params = {"even": memory[strided], "odd": memory[1::2]}
    grads = {"even": np.ones_like(params["even"]), "odd": np.ones(4)}
    before = params["even"].copy()
    OPT.step(params, grads, OPT.init(params))
    assert np.all(params["even"] < before)


def test_overlaps_of_torch_tensors():
    torch = pytest.importorskip("torch", reason="the extra `frameworks` installs it")
    memory = torch.ones(8)
    for a, b, free in ((memory[:4], memory[4:], True), (memory[::2], memory[1::2], True),
                       (memory[:4], memory[3:], False)):  # fmt: skip
        params = {"a": a, "b": b}
        grads = {"a": torch.ones(len(a)), "b": torch.ones(len(b))}
        if free:
            OPT.step(params, grads, OPT.init(params))
        else:
            with pytest.raises(ValueError, match=exactly(
                f"params['b'] shares memory with params['a']: {TWICE}")):  # fmt: skip
                OPT.step(params, grads, OPT.init(params))


def test_gradients_may_share_memory_with_each_other():
    params, g = {"a": np.ones(2), "b": np.ones(2)}, np.ones(3)
    OPT.step(params, {"a": g[:2], "b": g[1:]}, OPT.init(params))
    np.testing.assert_array_equal(params["a"], params["b"])


@CALLS
@pytest.mark.parametrize(
    ("schedule", "weight_decay", "text"),
    [(lambda t: math.nan, 0.1, "schedule(1)=nan: expected a finite number >= 0"),
     (lambda t: -0.5, 0.1, "schedule(1)=-0.5: expected a finite number >= 0"),
     (lambda t: "fast", 0.1, "schedule(1)='fast': expected a finite number >= 0"),
     (lambda t: None, 0.1, "schedule(1)=None: expected a finite number >= 0"),
     (None, lambda t: -1.0, "weight_decay(1)=-1.0: expected a finite number >= 0"),
     (None, lambda t: math.inf, "weight_decay(1)=inf: expected a finite number >= 0")],
)  # fmt: skip
def test_a_schedule_that_gives_no_multiplier(call, schedule, weight_decay, text):
    opt, params = wdref.AdamW(schedule=schedule, weight_decay=weight_decay), tree()
    refused(getattr(opt, call), params, tree(), opt.init(params), ValueError, text)


def test_a_schedule_that_fails_later_leaves_the_steps_before():
    opt = wdref.AdamW(weight_decay=0.0, schedule=lambda t: 1.0 if t < 3 else -1.0)
    params = tree()
    state = opt.step(params, tree(), opt.step(params, tree(), opt.init(params)))
    text = "schedule(3)=-1.0: expected a finite number >= 0"
    refused(opt.step, params, tree(), state, ValueError, text)


@CALLS
def test_devices_of_torch(call):
    torch = pytest.importorskip("torch", reason="the extra `frameworks` installs it")
    params, grads = {"w": torch.ones(2)}, {"w": torch.ones(2, device="meta")}
    text = "grads['w'] has device meta: params['w'] needs device cpu"
    with pytest.raises(ValueError, match=exactly(text)):
        getattr(OPT, call)(params, grads, OPT.init(params))
    assert (params["w"] == 1).all()


@CALLS
def test_devices_of_the_strict_library(call):
    first, second = (array_api_strict.Device(name) for name in ("CPU_DEVICE", "device1"))
    params = {"w": array_api_strict.ones(2, device=second)}
    grads = {"w": array_api_strict.ones(2, device=first)}
    state = OPT.init(params)
    assert state.slots["m"]["w"].device == second
    with pytest.raises(
        ValueError, match=r"^grads\['w'\] has device .*CPU_DEVICE.*: params\['w'\] needs"
    ):
        getattr(OPT, call)(params, grads, state)


@CALLS
@pytest.mark.parametrize("where", ["params", "grads"])
def test_tensors_that_require_grad(call, where):
    torch = pytest.importorskip("torch", reason="the extra `frameworks` installs it")
    plain, tracked = torch.ones(2), torch.ones(2, requires_grad=True)
    params, grads = (tracked, plain) if where == "params" else (plain, tracked)
    text = f"{where} requires grad: pass it detached, the update is no part of the graph"
    with pytest.raises(TypeError, match=exactly(text)):
        getattr(OPT, call)(params, grads, OPT.init(plain))


@CALLS
def test_arrays_of_a_library_that_the_backend_does_not_run(call):
    opt = wdref.AdamW(weight_decay=0.0, backend="numpy")
    params = array_api_strict.ones(2)
    text = ("backend 'numpy' runs NumPy arrays only, not array_api_strict._array_object ones: "
            "leave the backend out, and the arrays choose it")  # fmt: skip
    with pytest.raises(TypeError, match=exactly(text)):
        getattr(opt, call)(params, array_api_strict.ones(2), opt.init(params))
