"""The CUDA backend on a GPU: `make test-gpu`. Each check of cuda_checks.py, and what needs one.

What is not marked `gpu` here runs anywhere: see test_cuda_driver.py.
"""

import importlib

import cuda_checks
import numpy as np
import pytest
from cuda_checks import FORMATS, RULES, Machine, leaf

import wdref
from wdref.backends.cuda.driver import Driver
from wdref.backends.cuda.kernel import Tuning

pytestmark = pytest.mark.gpu
OPTIMIZERS = {
    "AdamW": wdref.AdamW(weight_decay=0.1, schedule=lambda t: 1 / t),
    "mask": wdref.AdamW(weight_decay=0.1, decay_mask=lambda name, x: name != "w1"),
    "SGD": wdref.SGD.like("pytorch", learning_rate=0.1, momentum=0.9, weight_decay=0.1),
}


@pytest.fixture(scope="module")
def cupy():
    found = pytest.importorskip("cupy", reason="the extra `cupy` installs it")
    try:
        devices = found.cuda.runtime.getDeviceCount()
    except found.cuda.runtime.CUDARuntimeError as error:
        pytest.skip(f"cupy finds no device: {error}")
    assert devices, "the driver answers, but has no device"
    return found


@pytest.fixture(scope="module")
def backend(cupy):
    return importlib.import_module("wdref.backends.cuda.cupy")


def on(cupy, driver):
    def another_stream():
        return cupy.cuda.Stream(non_blocking=True)  # a context itself

    def wait():
        cupy.cuda.runtime.deviceSynchronize()

    def get(x):
        return x.get() if isinstance(x, cupy.ndarray) else x

    return Machine(driver, cupy.array, get, wait, another_stream)


@pytest.fixture
def machine(cupy, backend):
    return on(cupy, backend.backend)


# -- the bits -----------------------------------------------------------------------------------


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("rule", RULES)
def test_every_rule(rule, form, machine, same_bits):
    cuda_checks.check_rule(machine, rule, form, same_bits)


@pytest.mark.parametrize("form", FORMATS)
def test_misaligned_views(form, machine, same_bits):
    cuda_checks.check_misaligned(machine, form, same_bits)


@pytest.mark.parametrize("check", ["strided", "many", "groups", "untraceable", "stream"])
def test_driver(check, machine, same_bits):
    getattr(cuda_checks, f"check_{check}")(machine, same_bits)


@pytest.mark.parametrize("tuning", [Tuning(vector=8), Tuning(block=512, chunk=65536)])
def test_tuning_changes_no_bit(tuning, cupy, backend, same_bits):
    machine = on(cupy, Driver(backend.Cuda(), tuning))
    cuda_checks.check_rule(machine, "adamw", "float32", same_bits)


def test_subnormal_numbers_are_kept(cupy, machine, same_bits):
    # v of a gradient below 3e-18 is subnormal: CuPy's own kernels make it 0
    x = leaf("adamw", "float32", 4)
    tiny = np.array([1e-19, 1e-40, -3e-45, 1e-20], np.float32)
    x = x._replace(theta=tiny, g=tiny[::-1].copy(), slots=(tiny * 2, abs(tiny)))
    cuda_checks.check(machine, [x], same_bits)
    ((_, (_, v)),) = machine.driver.update([machine.put_leaf(x)])
    smallest = np.finfo(np.float32).smallest_normal
    assert ((v.get() > 0) & (v.get() < smallest)).any()


@pytest.mark.parametrize("count", [10**6 + 7, 10**9])
def test_large_tensors(count, cupy, machine, same_bits):
    """10^9 parameters: 16 GB in float32. Compared in parts, on the host."""
    free, _ = cupy.cuda.runtime.memGetInfo()
    needed = 5 * 4 * count + 2**30  # `tile` has a copy of its own
    if free < needed:
        pytest.skip(
            f"needs {needed / 2**30:.0f} GiB of free GPU memory, there are {free / 2**30:.0f}"
        )
    part = leaf("adamw", "float32", 10**6 + 7)
    rows = -(-count // part.theta.size)
    there = machine.put_leaf(part, lambda x: cupy.tile(cupy.asarray(x), rows)[:count])
    machine.driver.step([there])
    ((theta, *slots),) = cuda_checks.expected([part])
    for got, want in zip((there.theta, *there.slots), (theta, *slots), strict=True):
        for low in (0, (rows - 1) // 2 * want.size, (rows - 1) * want.size):
            piece = got[low : low + want.size].get()
            same_bits(piece, want[: piece.size])
    del there
    cupy.get_default_memory_pool().free_all_blocks()


def test_more_than_2_to_the_31_elements(cupy, machine, same_bits):
    count = 2**31 + 1001
    free, _ = cupy.cuda.runtime.memGetInfo()
    needed = 2 * 2 * count + 2**30
    if free < needed:
        pytest.skip(
            f"needs {needed / 2**30:.0f} GiB of free GPU memory, there are {free / 2**30:.0f}"
        )
    part = leaf("plain", "float16", 1001)
    theta, g = (cupy.zeros(count, np.float16) for _ in range(2))
    for place, x in ((theta, part.theta), (g, part.g)):
        place[-1001:] = cupy.asarray(x)
    machine.driver.step([part._replace(theta=theta, g=g)])
    same_bits(theta[-1001:].get(), cuda_checks.expected([part])[0][0])
    del theta, g
    cupy.get_default_memory_pool().free_all_blocks()


# -- no wait, no copy -----------------------------------------------------------------------------


def test_a_step_waits_for_nothing(cupy, machine):
    """The step returns while the stream is still busy with what was put on it before."""
    x = machine.put_leaf(leaf("adamw", "float32", 1000))
    machine.driver.step([x])  # compiles and loads
    stream = cupy.cuda.Stream(non_blocking=True)
    big = cupy.ones((8192, 8192), np.float32)
    machine.wait()
    with stream:
        for _ in range(100):
            cupy.sqrt(big, out=big)
        machine.driver.step([x])
        assert not stream.done, "the step came back only when everything was done"
    stream.synchronize()


def test_a_step_allocates_nothing(cupy, machine):
    """Neither on the device nor page-locked on the host, where an asynchronous copy begins."""
    x = machine.put_leaf(leaf("adamw", "float32", 1000))
    machine.driver.step([x])

    def refuse(size):
        raise AssertionError(f"{size} bytes were allocated")

    cupy.cuda.set_pinned_memory_allocator(refuse)
    try:
        with cupy.cuda.using_allocator(refuse):
            machine.driver.step([x])
    finally:
        cupy.cuda.set_pinned_memory_allocator(cupy.get_default_pinned_memory_pool().malloc)
    machine.wait()


# -- CUDA graphs ----------------------------------------------------------------------------------


@pytest.mark.parametrize("steps", [1, 3, 100])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_replay(name, steps, machine, backend, same_bits):
    def make(*arguments):
        return backend.capture(*arguments, steps=steps)

    shapes = [(3,), (), (40, 3), (0,), (5000,)]
    cuda_checks.check_replay(machine, OPTIMIZERS[name], shapes, "float32", make, same_bits)


def test_replay_with_master_weights(machine, backend, same_bits):
    opt = wdref.AdamW(weight_decay=0.1, master_weights=True)
    cuda_checks.check_replay(machine, opt, [(50,), (3,)], "float16", backend.capture, same_bits)


def test_a_step_is_not_recorded_by_accident(cupy, machine):
    x = machine.put_leaf(leaf("adamw", "float32", 3))
    machine.driver.step([x])
    stream = cupy.cuda.Stream(non_blocking=True)
    with stream:
        stream.begin_capture()
        try:
            with pytest.raises(RuntimeError, match=r"use wdref\.backends\.cupy\.capture"):
                machine.driver.step([x])
        finally:
            stream.end_capture()


# -- arrays of other libraries --------------------------------------------------------------------


@pytest.fixture
def torch(cupy):
    found = pytest.importorskip("torch", reason="the extra `frameworks` installs it")
    if not found.cuda.is_available():
        pytest.skip("this build of torch has no CUDA: install one with make test-gpu TORCH=torch")
    return found


def torch_machine(torch, backend):
    def put(x):
        if x.dtype == cuda_checks.BFLOAT16:
            return torch.from_numpy(x.view(np.int16).copy()).cuda().view(torch.bfloat16)
        return torch.from_numpy(np.array(x)).cuda()

    def get(x):
        if not isinstance(x, torch.Tensor):
            return x
        if x.dtype == torch.bfloat16:
            return x.contiguous().view(torch.int16).cpu().numpy().view(cuda_checks.BFLOAT16)
        return x.cpu().numpy()

    def another_stream():
        return torch.cuda.stream(torch.cuda.Stream())

    return Machine(backend.backend, put, get, torch.cuda.synchronize, another_stream)


@pytest.mark.parametrize("form", FORMATS)
def test_torch(form, torch, backend, same_bits):
    cuda_checks.check_rule(torch_machine(torch, backend), "adamw", form, same_bits)


@pytest.mark.parametrize("check", ["strided", "stream"])
def test_torch_driver(check, torch, backend, same_bits):
    getattr(cuda_checks, f"check_{check}")(torch_machine(torch, backend), same_bits)


def test_torch_in_place_through_the_optimizer(torch, same_bits):
    opt = wdref.AdamW(weight_decay=0.1, backend="cupy")
    params = {"w": torch.ones(100, device="cuda")}
    grads = {"w": torch.full((100,), 0.5, device="cuda")}
    place, version = params["w"].data_ptr(), params["w"]._version
    state = opt.step(params, grads, opt.init(params))
    assert (params["w"].data_ptr(), state.step) == (place, 1)
    assert params["w"]._version > version, "autograd must notice"
    ones = {"w": np.ones(100, np.float32)}
    want, _ = wdref.AdamW(weight_decay=0.1).update(
        ones, {"w": np.full(100, 0.5, np.float32)}, opt.init(ones)
    )
    same_bits(params["w"].cpu().numpy(), want["w"])


def test_torch_on_the_host_is_refused(torch, backend):
    x = leaf("adamw", "float32", 3)
    with pytest.raises(TypeError, match="runs CuPy arrays and CUDA tensors of PyTorch, not torch"):
        backend.backend.step([x._replace(theta=torch.ones(3))])


def test_arrays_of_jax_are_refused(backend, cupy):
    jnp = pytest.importorskip("jax.numpy", reason="the extra `dev` installs it")
    x = leaf("adamw", "float32", 3)
    for call in (backend.backend.step, backend.backend.update):
        with pytest.raises(TypeError, match="writes no array of JAX"):
            call([x._replace(theta=jnp.ones(3))])


# -- a second process -----------------------------------------------------------------------------


def test_cubins_are_kept(cupy, backend, tmp_path, monkeypatch):
    monkeypatch.setattr("platformdirs.user_cache_path", lambda *_, **__: tmp_path)
    x = on(cupy, None).put_leaf(leaf("adamw", "float32", 3))
    Driver(backend.Cuda()).step([x])

    def refuse(*_):
        raise AssertionError("compiled again")

    monkeypatch.setattr(backend, "compiled", refuse)
    Driver(backend.Cuda()).step([x])
