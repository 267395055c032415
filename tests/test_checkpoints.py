"""Checkpoints: what is loaded is what was saved, and going on is not to have stopped."""

import re
import sys
from collections import OrderedDict, namedtuple

import ml_dtypes
import numpy as np
import optree
import pytest

import wdref
from wdref.checkpoint import file as checkpoint_file
from wdref.checkpoint.checkpoint import CheckpointError

pytest.importorskip("safetensors", reason="the extra `checkpoint` installs it")

Layer = namedtuple("Layer", "w b")
SCHEDULE = wdref.schedules.warm_restarts(3, 2)
ADAMW = wdref.AdamW(learning_rate=0.1, weight_decay=0.05, schedule=SCHEDULE)
OPTIMIZERS = {
    "AdamW": ADAMW,
    "AMSGrad": wdref.AdamW(weight_decay=0.1, amsgrad="hat", decay_mask=lambda _, p: p.ndim > 1),
    "masters": wdref.AdamW(weight_decay=0.1, master_weights=True),
    "narrow": wdref.AdamW(weight_decay=0.1, state_dtype="params"),
    "SGDW": wdref.SGDW(learning_rate=0.1, weight_decay=0.1, groups={"b": {"weight_decay": 0.0}}),
    "authors": wdref.SGD(
        learning_rate=0.1,
        schedule=wdref.schedules.warm_restarts(2, variant="authors_code", steps_per_epoch=2),
    ),
    "no buffer": wdref.SGD(learning_rate=0.1, momentum=0.0),
}


def data(dtype, steps=6):
    """Parameters and gradients, with a signed zero and a subnormal among them."""
    rng = np.random.default_rng(5)
    params = {"w": rng.normal(size=(3, 4)), "b": np.array([0.0, -0.0, 1e-45, 2.0])}
    grads = [{name: rng.normal(size=p.shape) for name, p in params.items()} for _ in range(steps)]
    return cast(params, dtype), [cast(g, dtype) for g in grads]


def cast(tree, dtype):
    return {name: x.astype(np.dtype(dtype)) for name, x in tree.items()}


def leaves(tree):
    return optree.tree_flatten(tree)[0]


def check_same(got, want, same_bits):
    assert optree.tree_structure(got) == optree.tree_structure(want)
    for x, y in zip(leaves(got), leaves(want), strict=True):
        assert type(x) is type(y)
        same_bits(as_numpy(x), as_numpy(y))


def as_numpy(x):
    """NumPy's own array, bfloat16 as float32, which holds each."""
    if type(x).__module__ == "torch" and str(x.dtype) == "torch.bfloat16":
        return x.float().numpy()
    return np.asarray(x)


def run(opt, params, state, grads, *, step):
    for g in grads:
        if step:
            state = opt.step(params, g, state)
        else:
            params, state = opt.update(params, g, state)
    return params, state


def check_going_on(path, opt, make, asarray, same_bits, *, step, like):
    """Six steps, and three, a file and three more; `make` gives the same arrays twice."""
    whole = run(opt, *begun(opt, asarray, make), step=step)
    params, state, grads = begun(opt, asarray, make)
    params, state = run(opt, params, state, grads[:3], step=step)
    wdref.save(path, params, state, optimizer=opt)
    params, state = wdref.load(path, optimizer=opt, like=params if like else None)
    assert state.step == 3
    params, state = run(opt, params, state, grads[3:], step=step)
    check_same(params, whole[0], same_bits)
    assert (state.step, state.rule) == (whole[1].step, whole[1].rule)
    check_same(dict(state.slots), dict(whole[1].slots), same_bits)


def begun(opt, asarray, make):
    params, grads = make()
    params = {name: asarray(x.copy()) for name, x in params.items()}
    return params, opt.init(params), [{k: asarray(x) for k, x in g.items()} for g in grads]


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "bfloat16"])
@pytest.mark.parametrize("like", [False, True])
def test_going_on_is_not_to_have_stopped(tmp_path, name, dtype, like, same_bits):
    check_going_on(
        tmp_path / "a", OPTIMIZERS[name], lambda: data(dtype), lambda x: x, same_bits,
        step=True, like=like,
    )  # fmt: skip


@pytest.mark.parametrize("backend", ["plain", "numpy", "numba"])
@pytest.mark.parametrize("step", [False, True])
def test_on_every_backend(tmp_path, backend, step, same_bits):
    if backend == "numba":
        pytest.importorskip("numba", reason="the extra `fast` installs it")
    opt = wdref.AdamW(weight_decay=0.1, schedule=SCHEDULE, backend=backend)
    check_going_on(
        tmp_path / "a", opt, lambda: data("float32"), lambda x: x, same_bits, step=step, like=False
    )


@pytest.mark.parametrize("name", ["AdamW", "masters", "SGDW"])
@pytest.mark.parametrize("dtype", ["float64", "float32", "bfloat16"])
@pytest.mark.parametrize("library", ["torch", "jax", "array_api_strict", "dask"])
def test_arrays_of_other_libraries(tmp_path, library, dtype, name, same_bits):
    if library == "torch":
        torch = pytest.importorskip("torch", reason="the extra `frameworks` installs it")

        def asarray(x):
            wide = torch.from_numpy(x.astype("f4" if dtype == "bfloat16" else x.dtype))
            return wide.to(getattr(torch, dtype))
    elif library == "jax":
        jax = pytest.importorskip("jax", reason="the extra `dev` installs it")
        asarray = jax.numpy.asarray
    elif dtype == "bfloat16":
        return  # not in that library
    elif library == "dask":
        asarray = pytest.importorskip("dask.array", reason="the extra `dev` installs it").asarray
    else:
        asarray = pytest.importorskip(library, reason="the extra `dev` installs it").asarray

    def check():
        check_going_on(
            tmp_path / "a", OPTIMIZERS[name], lambda: data(dtype), asarray, same_bits,
            step=library == "torch", like=True,
        )  # fmt: skip

    if library == "jax":
        with jax.enable_x64(dtype == "float64"):
            check()
    else:
        check()


# -- trees --------------------------------------------------------------------------------------

PLAIN_TREES = [
    np.ones(2),
    [],
    {},
    (np.ones(()), None, [np.ones((0, 3))], np.ones((), ml_dtypes.bfloat16)),
    {"b": np.ones(1), "a": {"x": (np.ones(2),), "y": []}},
    OrderedDict([("z", np.ones(2)), ("a", [np.zeros(1), np.ones(1)])]),
    {1: np.ones(1), "1": np.zeros(1), "θ \N{SNOWMAN}": np.ones(3)},
    {"a.b": np.ones(1), "a": {"b": np.zeros(1)}},
]


@pytest.mark.parametrize("params", PLAIN_TREES)
def test_plain_trees_come_back_as_they_were(tmp_path, params, same_bits):
    wdref.save(tmp_path / "a", params, ADAMW.init(params), optimizer=ADAMW)
    got, state = wdref.load(tmp_path / "a", optimizer=ADAMW)
    check_same(got, params, same_bits)
    check_same(dict(state.slots), dict(ADAMW.init(params).slots), same_bits)
    if isinstance(params, dict):
        assert [*got] == [*params]  # the order of the keys too


def test_other_nodes_need_like(tmp_path, same_bits):
    params = {"net": [Layer(np.ones(2), np.zeros(1))]}
    wdref.save(tmp_path / "a", params, ADAMW.init(params), optimizer=ADAMW)
    with pytest.raises(CheckpointError, match="has nodes that no file can hold, as a namedtuple"):
        wdref.load(tmp_path / "a", optimizer=ADAMW)
    like = {"net": [Layer(np.zeros(2), np.ones(1))]}
    got, state = wdref.load(tmp_path / "a", optimizer=ADAMW, like=like)
    check_same(got, params, same_bits)
    assert isinstance(state.slots["m"]["net"][0], Layer)
    np.testing.assert_array_equal(like["net"][0].w, np.zeros(2))  # not written


def test_like_may_nest_in_other_containers(tmp_path):
    params = {"b": [np.ones(2), np.zeros(3)], "a": np.full(1, 7.0)}
    wdref.save(tmp_path / "a", params, ADAMW.init(params), optimizer=ADAMW)
    like = OrderedDict(b=(np.zeros(2), np.ones(3)), a=np.zeros(1))
    got, _ = wdref.load(tmp_path / "a", optimizer=ADAMW, like=like)
    assert type(got) is OrderedDict
    assert type(got["b"]) is tuple
    np.testing.assert_array_equal(got["b"][1], params["b"][1])
    np.testing.assert_array_equal(got["a"], params["a"])


def test_the_arrays_are_nobody_elses(tmp_path):
    params = {"w": np.ones(2)}
    wdref.save(tmp_path / "a", params, ADAMW.init(params), optimizer=ADAMW)
    got, state = wdref.load(tmp_path / "a", optimizer=ADAMW)
    ADAMW.step(got, params, state)
    np.testing.assert_array_equal(params["w"], np.ones(2))


def test_other_programs_read_the_tensors(tmp_path):
    numpy = pytest.importorskip("safetensors.numpy", reason="the extra `checkpoint`")
    params = {"layers": [{"w": np.arange(3.0)}]}
    wdref.save(tmp_path / "a", params, ADAMW.init(params), optimizer=ADAMW)
    found = numpy.load_file(tmp_path / "a")
    assert sorted(found) == ["params.layers.0.w", "slots.m.layers.0.w", "slots.v.layers.0.w"]
    np.testing.assert_array_equal(found["params.layers.0.w"], np.arange(3.0))


def test_the_document_says_what_was_saved(tmp_path):
    params = {"w": np.ones(2, np.float32)}
    state = ADAMW.step(params, params | {"w": np.ones(2, np.float32)}, ADAMW.init(params))
    wdref.save(tmp_path / "a", params, state, optimizer=ADAMW)
    found = wdref.checkpoint.describe(tmp_path / "a")
    assert (found["step"], found["optimizer"], found["tree"]) == (1, "AdamW", {"dict": [["w", 0]]})
    assert found["settings"]["schedule"] == repr(SCHEDULE)
    assert found["settings"]["learning_rate"] == 0.1
    assert found["rule"] == state.rule
    assert float.fromhex(found["scalars"][0][0]) == ADAMW.scalars(1)[0].step


# -- what is refused ----------------------------------------------------------------------------


@pytest.fixture
def written(tmp_path):
    """A checkpoint of two leaves after one step."""
    path = tmp_path / "run.safetensors"
    params, grads = data("float32")
    params, state = ADAMW.update(params, grads[0], ADAMW.init(params))
    wdref.save(path, params, state, optimizer=ADAMW)
    return path


def refused(path, message, opt=ADAMW, **options):
    with pytest.raises(CheckpointError, match=rf"\A{re.escape(f'{path}: {message}')}"):
        wdref.load(path, optimizer=opt, **options)


def test_a_truncated_file(written):
    whole = written.read_bytes()
    for size in (0, 4, 8, 200, len(whole) // 2, len(whole) - 1):
        written.write_bytes(whole[:size])
        refused(written, "no safetensors file, or not whole: ")
    written.write_bytes(whole + b"\0")
    refused(written, "no safetensors file, or not whole: ")


def test_a_changed_file(written):
    whole = written.read_bytes()
    written.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    refused(written, "changed since it was written: its checksum does not fit")
    written.write_bytes(whole.replace(rb"\"step\":1", rb"\"step\":2"))
    assert written.read_bytes() != whole
    refused(written, "changed since it was written: its checksum does not fit")


def test_foreign_files(written):
    numpy = pytest.importorskip("safetensors.numpy", reason="the extra `checkpoint`")
    written.write_bytes(b"PK\x03\x04" * 50)
    refused(written, "no safetensors file, or not whole: ")
    numpy.save_file({"w": np.ones(2)}, written)
    refused(written, "a safetensors file, but no checkpoint of wdref")


def test_another_format(written, monkeypatch):
    params, _ = data("float32")
    monkeypatch.setattr(checkpoint_file, "FORMAT", 0)
    wdref.save(written, params, ADAMW.init(params), optimizer=ADAMW)
    monkeypatch.undo()
    refused(written, "a checkpoint of format 0, this wdref reads 1")


def test_another_optimizer(written):
    rule = ADAMW.init({}).rule
    other = wdref.AdamW(learning_rate=0.1, weight_decay=0.05, form="lr", schedule=SCHEDULE)
    refused(written, f"of another optimizer: it was written for [{rule}], this is [", other)


def similar(**options):
    return wdref.AdamW(**{
        "learning_rate": 0.1, "weight_decay": 0.05, "schedule": SCHEDULE, **options
    })  # fmt: skip


SETTINGS = [
    (dict(learning_rate=0.2), "learning_rate", "learning_rate is 0.1 in the file and 0.2 here"),
    (dict(eps=1e-7), "eps", "eps is 1e-08 in the file and 1e-07 here"),
    (dict(weight_decay=0.1), "weight_decay", "weight_decay is 0.05 in the file and 0.1 here"),
    (dict(schedule=None), "schedule",
     f"schedule is {SCHEDULE!r} in the file and Constant(value=1.0) here"),
    (dict(schedule=lambda t: 0.5), "schedule",
     "schedule or decay give other numbers at the step of the file"),
    (dict(weight_decay=lambda t: 0.1), "weight_decay",
     "schedule or decay give other numbers at the step of the file"),
    (dict(state_dtype="params"), "state_dtype",
     "state_dtype is 'float32' in the file and 'params' here"),
    (dict(decay_mask=lambda path, _: path == "w"), "decay_mask",
     "b is in another group, or decays in one only"),
    (dict(groups={"b": {"eps": 1e-8}}), "groups",
     "groups is () in the file and (('b', {'eps': 1e-08}),) here"),
    (dict(groups={lambda path, _: path == "b": {"eps": 1e-8}}), "groups",
     "b is in another group, or decays in one only"),
]  # fmt: skip


@pytest.mark.parametrize(("options", "name", "message"), SETTINGS)
def test_other_settings_are_told_and_may_be_meant(written, options, name, message):
    refused(written, message, similar(**options))
    _, state = wdref.load(written, optimizer=similar(**options), may_differ=[name])
    assert state.step == 1


def test_a_setting_that_is_none(written):
    refused(written, "may_differ has lr: AdamW has beta1, beta2, decay_mask, eps, groups, "
            "learning_rate, schedule, state_dtype, weight_decay", may_differ=["lr"])  # fmt: skip


def f4(*shape):
    return np.zeros(shape, np.float32)


LIKES = [
    ({"w": f4(3, 4)}, "has too much: b (compared with like)"),
    ({"w": f4(3, 4), "b": f4(4), "c": f4(1)}, "lacks: c (compared with like)"),
    ({"w": f4(3, 4), "b": f4(5)}, "like['b'] has shape (5,) and dtype float32: the file has (4,) "
     "and float32"),
    ({"w": np.zeros((3, 4)), "b": f4(4)}, "like['w'] has shape (3, 4) and dtype float64: the file "
     "has (3, 4) and float32"),
]  # fmt: skip


@pytest.mark.parametrize(("like", "message"), LIKES)
def test_parameters_that_do_not_fit(written, like, message):
    refused(written, message, like=like)


def test_like_must_be_arrays(written):
    with pytest.raises(TypeError, match=r"\Alike\['b'\] is a int: expected a plain array\Z"):
        wdref.load(written, optimizer=ADAMW, like={"b": 3, "w": 4})


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError):
        wdref.load(tmp_path / "none", optimizer=ADAMW)
    params = {"w": np.ones(1)}
    with pytest.raises(FileNotFoundError):
        wdref.save(tmp_path / "none" / "a", params, ADAMW.init(params), optimizer=ADAMW)


def test_what_cannot_be_saved(tmp_path):
    params = {"w": np.ones(2)}
    state = ADAMW.init(params)
    with pytest.raises(ValueError, match="state belongs to another optimizer"):
        wdref.save(tmp_path / "a", params, state, optimizer=OPTIMIZERS["SGDW"])
    with pytest.raises(ValueError, match=r"params\['w'\] needs shape \(3,\)"):
        wdref.save(tmp_path / "a", {"w": np.ones(3)}, state, optimizer=ADAMW)
    wide = {"w": np.ones(2, np.longdouble)}
    with pytest.raises(TypeError, match=r"\Adtype (float128|longdouble|float96) cannot be saved"):
        wdref.save(tmp_path / "a", wide, ADAMW.init(wide), optimizer=ADAMW)
    odd = {"\ud800": np.ones(2)}
    with pytest.raises(ValueError, match=r"\Aparams: a key that is no text cannot be saved: "):
        wdref.save(tmp_path / "a", odd, ADAMW.init(odd), optimizer=ADAMW)
    assert not [*tmp_path.iterdir()]


def test_without_the_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "safetensors", None)
    params = {"w": np.ones(2)}
    text = r"\Acheckpoints need safetensors: pip install 'wdref\[checkpoint\]'\Z"
    with pytest.raises(ImportError, match=text):
        wdref.save(tmp_path / "a", params, ADAMW.init(params), optimizer=ADAMW)
    with pytest.raises(ImportError, match=text):
        wdref.load(tmp_path / "a", optimizer=ADAMW)


def test_bfloat16_without_ml_dtypes(tmp_path, monkeypatch):
    params = {"w": np.ones(2, ml_dtypes.bfloat16)}
    wdref.save(tmp_path / "a", params, ADAMW.init(params), optimizer=ADAMW)
    monkeypatch.setitem(sys.modules, "ml_dtypes", None)
    with pytest.raises(ImportError, match=r"\ANumPy has bfloat16 with ml_dtypes only: pip install"):
        wdref.load(tmp_path / "a", optimizer=ADAMW)
