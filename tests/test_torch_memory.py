"""PyTorch tensors on the CPU are stepped in their own memory, with NumPy's bits."""

import re
import sys

import ml_dtypes
import numpy as np
import pytest

import wdref
from wdref.backend import default_for

torch = pytest.importorskip("torch", reason="the extra `frameworks` installs it")

OPTIMIZERS = {
    "AdamW": wdref.AdamW(learning_rate=0.1, weight_decay=0.05),
    "AMSGrad": wdref.AdamW(learning_rate=0.1, weight_decay=0.05, amsgrad="raw", form="lr"),
    "masters": wdref.AdamW(learning_rate=0.1, weight_decay=0.05, master_weights=True),
    "narrow": wdref.AdamW(learning_rate=0.1, weight_decay=0.05, state_dtype="params"),
    "SGD": wdref.SGD(learning_rate=0.1, weight_decay=0.05, nesterov=True),
}
SHAPES = {"w": (40, 7), "b": (5,), "scale": (), "none": (0, 3)}
ADAMW = OPTIMIZERS["AdamW"]


def numbers(dtype, seed):
    rng = np.random.default_rng(seed)
    found = {name: rng.normal(size=shape) for name, shape in SHAPES.items()}
    found["b"] = np.array([0.0, -0.0, np.nan, np.inf, 1e-40])
    return {name: x.astype(np.dtype(dtype)) for name, x in found.items()}


def tensor(x):
    if x.dtype == ml_dtypes.bfloat16:
        return torch.from_numpy(x.copy().view("int16")).view(torch.bfloat16)
    return torch.from_numpy(x.copy())


def gappy(x):
    """The same values in every other column, and one element off."""
    whole = torch.zeros((*x.shape, 2), dtype=tensor(x).dtype)
    whole[..., 1] = tensor(x)
    return whole[..., 1]


def transposed(x):
    return tensor(np.ascontiguousarray(x.T)).T if x.ndim > 1 else tensor(x)


def bits(x):
    kind = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}[x.element_size()]
    found = x.contiguous().view(kind).numpy()
    return found.view(ml_dtypes.bfloat16) if x.dtype == torch.bfloat16 else x.numpy()


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "bfloat16"])
@pytest.mark.parametrize("make", [tensor, gappy, transposed])
def test_numpys_bits_in_place_and_not(make, dtype, name, same_bits):
    opt = OPTIMIZERS[name]
    own = numbers(dtype, 1)
    there = {key: make(x) for key, x in own.items()}
    places = {key: x.data_ptr() for key, x in there.items()}
    state, other = opt.init(own), opt.init(there)
    for seed in range(2, 5):
        g = numbers(dtype, seed)
        new, after = opt.update(there, {key: make(x) for key, x in g.items()}, other)
        state = opt.step(own, g, state)
        other = opt.step(there, {key: make(x) for key, x in g.items()}, other)
        for key, x in own.items():
            for got in (there[key], new[key]):
                assert type(got) is torch.Tensor
                same_bits(bits(got), x)
            for slot in state.slots:
                want = state.slots[slot][key]
                for slots in (other.slots, after.slots):
                    same_bits(bits(slots[slot][key]), want)
    assert {key: x.data_ptr() for key, x in there.items()} == places


def test_what_numpy_cannot_view_is_evaluated_by_torch():
    negative = torch.tensor([1 + 1j, 2 - 2j]).conj().imag  # a minus that is not in the memory
    assert negative.is_neg()
    g = torch.ones(2)
    before = negative.tolist()
    new, _ = ADAMW.update({"w": negative}, {"w": g}, ADAMW.init({"w": negative}))
    want, _ = ADAMW.update({"w": np.array(before, "f4")}, {"w": g.numpy()},
                           ADAMW.init({"w": np.array(before, "f4")}))  # fmt: skip
    np.testing.assert_allclose(new["w"].numpy(), want["w"], rtol=2**-20)


def test_inside_torch_func():
    def loss(x):
        opt = wdref.SGD(learning_rate=0.5, weight_decay=0.0, momentum=0.0)
        new, _ = opt.update({"w": x}, {"w": torch.ones(2)}, opt.init({"w": x}))
        return new["w"]

    vectors = torch.stack([torch.zeros(2), torch.ones(2)])
    np.testing.assert_array_equal(torch.func.vmap(loss)(vectors), vectors - 0.5)


def test_bfloat16_without_ml_dtypes(monkeypatch):
    module = sys.modules[type(default_for("torch")).__module__]
    monkeypatch.setattr(module, "bfloat16", None)
    params = {"w": torch.ones(3, dtype=torch.bfloat16)}
    ADAMW.step(params, {"w": torch.ones(3)}, ADAMW.init(params))
    assert params["w"].tolist() == pytest.approx([0.85] * 3, abs=2**-8)


def test_autograd_notices_the_write():
    p = torch.nn.Parameter(torch.ones(2))
    loss = (p * p).sum()
    inside = {"w": p.detach()}
    ADAMW.step(inside, {"w": torch.ones(2)}, ADAMW.init(inside))
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


def test_tensors_made_in_inference_mode():
    with torch.inference_mode():
        params = {"w": torch.ones(2)}
        ADAMW.step(params, {"w": torch.ones(2)}, ADAMW.init(params))
    assert (params["w"] < 1).all()


@pytest.mark.parametrize(
    "leaf",
    [
        torch.ones(1).expand(4),
        torch.ones(4).unfold(0, 2, 1),
        torch.ones(9).as_strided((2, 2), (2, 2)),
    ],
)
def test_elements_that_share_memory_are_refused_before_anything_is_written(leaf):
    params = {"a": torch.ones(3), "b": leaf}
    grads = {name: torch.ones(x.shape) for name, x in params.items()}
    text = "params['b'] cannot be written: use update, which returns new arrays"
    with pytest.raises(ValueError, match=rf"\A{re.escape(text)}\Z"):
        ADAMW.step(params, grads, ADAMW.init(params))
    assert (params["a"] == 1).all()
    ADAMW.update(params, grads, ADAMW.init(params))


def test_strides_that_only_look_as_if_they_overlapped():
    params = {"w": torch.arange(8.0).as_strided((2, 3), (3, 2))}  # 0 2 4, 3 5 7
    before = params["w"].clone()
    grads = {"w": torch.ones(2, 3)}
    ADAMW.step(params, grads, ADAMW.init(params))
    assert (params["w"] < before).all()


def test_numpy_arrays_that_repeat_elements_are_refused():
    leaf = np.lib.stride_tricks.as_strided(np.ones(3), (3, 2), (8, 0))
    with pytest.raises(ValueError, match=r"\Aparams\['b'\] cannot be written: use update"):
        ADAMW.step({"b": leaf}, {"b": np.ones((3, 2))}, ADAMW.init({"b": np.ones((3, 2))}))


# -- DLPack -------------------------------------------------------------------------------------


def test_a_gradient_of_jax_is_read_where_it_lies_and_never_written():
    jax = pytest.importorskip("jax", reason="the extra `dev` installs it")
    gradient = jax.numpy.ones(1000)
    view = np.from_dlpack(gradient)
    assert not view.flags.writeable
    assert view.ctypes.data == gradient.unsafe_buffer_pointer()
    params = {"w": np.ones(1000, np.float32)}
    state = ADAMW.init(params)
    for _ in range(3):
        state = ADAMW.step(params, {"w": view}, state)
    assert (gradient == 1).all()
    own, copied = {"w": np.ones(1000, np.float32)}, ADAMW.init(params)
    for _ in range(3):
        copied = ADAMW.step(own, {"w": np.ones(1000, np.float32)}, copied)
    np.testing.assert_array_equal(params["w"], own["w"])


def test_parameters_of_jax_are_not_written_through_a_view():
    jax = pytest.importorskip("jax", reason="the extra `dev` installs it")
    own = jax.numpy.ones(4)
    params = {"w": np.from_dlpack(own)}
    with pytest.raises(ValueError, match=r"\Aparams\['w'\] cannot be written: use update"):
        ADAMW.step(params, {"w": np.ones(4, np.float32)}, ADAMW.init(params))
    assert (own == 1).all()


def test_tensors_of_torch_as_numpy_arrays_by_dlpack():
    own = torch.ones(4)
    params = {"w": np.from_dlpack(own)}
    ADAMW.step(params, {"w": np.ones(4, np.float32)}, ADAMW.init(params))
    assert (own < 1).all()
    with pytest.raises((BufferError, RuntimeError), match="require"):  # pass it detached
        np.from_dlpack(torch.ones(4, requires_grad=True))
