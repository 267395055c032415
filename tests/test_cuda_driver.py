"""The CUDA backend without a GPU: its driver and its generated text, with a CPU as the device.

The same checks run on a GPU in test_gpu.py.
"""

from contextlib import contextmanager

import cuda_checks
import cuda_shim
import numpy as np
import pytest
from cuda_checks import FORMATS, RULES, host, leaf

import wdref
from wdref.backends.cuda.driver import Driver
from wdref.backends.cuda.kernel import GROUPS, PARAMETERS, Printed, Tuning
from wdref.backends.cuda.replay import Replay
from wdref.backends.cuda.tables import Batch
from wdref.backends.tracing.element import element
from wdref.backends.tracing.trace import trace


def printed(rule, form, tuning=cuda_shim.SMALL):
    kernel, dtypes = cuda_checks.kernel(rule, form)
    s = cuda_checks.scalars(kernel.dialect)
    present = tuple(x is not None for x in s)
    names = tuple(x.name for x in dtypes)
    return Printed(element(trace(kernel, names, type(s), present)), tuning)


# -- the bits -----------------------------------------------------------------------------------


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("rule", ["adamw", "sgd"])
def test_formats(rule, form, same_bits):
    cuda_checks.check_rule(host(), rule, form, same_bits)


@pytest.mark.parametrize("rule", [rule for rule in RULES if rule not in ("adamw", "sgd")])
def test_rules(rule, same_bits):
    cuda_checks.check_rule(host(), rule, "float32", same_bits)


@pytest.mark.parametrize("form", ["float32", "float64", "bfloat16, master"])
def test_misaligned_views(form, same_bits):
    cuda_checks.check_misaligned(host(), form, same_bits)


@pytest.mark.parametrize(
    "check", ["strided", "many", "groups", "untraceable", "stream"]
)  # one name a check of cuda_checks
def test_driver(check, same_bits):
    more = {"count": 500} if check == "many" else {}  # more than one launch takes
    getattr(cuda_checks, f"check_{check}")(host(), same_bits, **more)


@pytest.mark.parametrize("tuning", [Tuning(), Tuning(block=8, chunk=64, vector=8)])
def test_tuning_changes_no_bit(tuning, same_bits):
    machine = cuda_checks.Machine(cuda_shim.driver(tuning), np.copy, np.asarray)
    cuda_checks.check_rule(machine, "adamw", "float32", same_bits)


# -- tables and launches ------------------------------------------------------------------------


def launches(count, groups=1):
    machine = host()
    shared = [leaf("adamw", "float32", 1, k).scalars for k in range(groups)]
    leaves = [leaf("adamw", "float32", 3, k) for k in range(count)]
    machine.driver.step([x._replace(scalars=shared[k % groups]) for k, x in enumerate(leaves)])
    return len(machine.driver.device.launches)


def test_as_few_launches_as_the_parameters_of_a_launch_allow():
    capacity = printed("adamw", "float32").capacity
    assert capacity >= 400  # a model of 400 tensors is one launch
    assert [launches(n) for n in (1, capacity, capacity + 1)] == [1, 1, 2]
    assert [launches(2 * n, n) for n in (GROUPS, GROUPS + 1)] == [1, 2]


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("rule", RULES)
def test_arguments_fit_a_launch(rule, form):
    p = printed(rule, form)
    assert PARAMETERS - 150 < p.table.itemsize + p.groups.itemsize <= PARAMETERS


def test_arguments_lie_as_the_compiler_has_them():
    # NumPy's record against C's: through sizeof and offsetof of the compiled text
    p = printed("adamw", "bfloat16, master")
    report = r"""
    extern "C" void layout(long* x)
    {
        long all[] = {sizeof(Table), sizeof(Groups), sizeof(Scalars),
                      offsetof(Table, size), offsetof(Table, first), offsetof(Table, group),
                      offsetof(Table, tensors), offsetof(Table, chunks), sizeof(Pack<Half>)};
        for (unsigned k = 0; k < 9; ++k) x[k] = all[k];
    }
    """
    found = np.zeros(9, np.int64)
    library = cuda_shim.compiled("\n".join([p.source, "#include <cstddef>", report]))
    library.layout(found.ctypes.data_as(cuda_shim.ctypes.c_void_p))
    offsets = [p.table.fields[name][1] for name in ("size", "first", "group", "tensors", "chunks")]
    sizes = [p.table.itemsize, p.groups.itemsize, p.scalars.itemsize]
    assert found.tolist() == [*sizes, *offsets, 16]


def test_a_tensor_past_2_to_the_31_elements(same_bits):
    # the last 100 elements of a tensor whose other chunks are said to be behind the first
    p, want = printed("adamw", "float32"), leaf("adamw", "float32", 100)
    arrays = [np.copy(x) for x in (want.theta, want.g, *want.slots)]
    begin, beyond = 2**31 // p.tuning.chunk + 5, (2**31 // p.tuning.chunk + 5) * p.tuning.chunk
    batch = Batch(p)
    places = [x.ctypes.data - 4 * beyond for x in arrays]
    batch.add([*places, places[0], *places[2:]], 100, want.scalars)
    ((_, table),) = batch.tables()
    table["size"][0, 0], table["first"][0, 0] = beyond + 100, -begin
    device = cuda_shim.HostDevice()
    module = device.load(p.source)
    groups = batch.values(batch.scalars)
    module.launch("step", 2, p.tuning.block, [table, groups], device.arrays.current)
    for got, expect in zip([arrays[0], *arrays[2:]], cuda_checks.expected([want])[0], strict=True):
        same_bits(got, expect)


def test_theta_is_not_read_where_a_master_copy_is():
    assert printed("adamw", "bfloat16, master").reads == (1, 2, 3, 4)
    assert printed("adamw", "bfloat16").reads == (0, 1, 2, 3)


def test_nothing_is_compiled_again_when_scalars_change():
    machine = host()
    for t in (1, 2, 3):
        x = leaf("adamw", "float32", 5, t=t)
        machine.driver.step([x])
    assert len(machine.driver.device.sources) == 1


def test_an_array_that_begins_inside_an_element_is_refused():
    x = leaf("adamw", "float32", 5)
    shifted = np.zeros(21, np.uint8)[1:].view(np.float32)
    before = x.theta.copy()
    with pytest.raises(ValueError, match="begins inside an element, where CUDA cannot read"):
        host().driver.step([x, x._replace(g=shifted)])
    np.testing.assert_array_equal(x.theta, before)


class Elsewhere:
    """An array of no library that the backend knows."""

    shape, dtype = (3,), np.dtype("float32")


def test_other_arrays_are_refused():
    driver = Driver(cuda_shim.HostDevice())
    x = leaf("adamw", "float32", 3)
    with pytest.raises(TypeError, match="runs CuPy arrays and CUDA tensors of PyTorch, not"):
        driver.step([x._replace(theta=Elsewhere())])


def test_arrays_of_jax_are_refused():
    jnp = pytest.importorskip("jax.numpy", reason="the extra `dev` installs it")
    x = leaf("adamw", "float32", 3)
    for call in (host().driver.step, host().driver.update):
        with pytest.raises(TypeError, match="writes no array of JAX, which are immutable"):
            call([x._replace(theta=jnp.ones(3))])


# -- replay -------------------------------------------------------------------------------------


@pytest.fixture
def machine(monkeypatch):
    """The CPU, found by an optimizer that asks for the backend `cupy`."""
    found = host()
    monkeypatch.setattr("wdref.optimizer.load", {"cupy": found.driver}.get)
    return found


def recorded(machine, steps):
    return lambda *arguments: Replay(machine.driver, *arguments, steps)


OPTIMIZERS = {
    "AdamW": wdref.AdamW(weight_decay=0.1, schedule=lambda t: 1 / t),
    "groups": wdref.AdamW(
        weight_decay=0.1,
        schedule=lambda t: 1 / t,
        decay_mask=lambda name, x: name != "w1",
        groups={"w2": {"learning_rate": 0.5}, "w4": {"weight_decay": lambda t: 0.1 * (t - 1)}},
    ),
    "SGD": wdref.SGD.like("pytorch", learning_rate=0.1, momentum=0.9, weight_decay=0.1),
}


@pytest.mark.parametrize("steps", [1, 3, 100])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_replay(name, steps, machine, same_bits):
    shapes = [(3,), (), (40, 3), (0,), (33,)]
    make = recorded(machine, steps)
    cuda_checks.check_replay(machine, OPTIMIZERS[name], shapes, "float32", make, same_bits)
    names = [launch[0] for launch in machine.driver.device.launches]
    assert set(names) == {"replay", "advance"}, "scalars by value would be frozen"


def test_replay_with_master_weights(machine, same_bits):
    opt = wdref.AdamW(weight_decay=0.1, master_weights=True)
    make = recorded(machine, 4)
    cuda_checks.check_replay(machine, opt, [(50,), (3,)], "float16", make, same_bits)


def test_a_replay_sends_scalars_once_a_round(machine, same_bits):
    make = recorded(machine, 5)
    cuda_checks.check_replay(machine, OPTIMIZERS["AdamW"], [(9,)], "float32", make, same_bits, 11)
    assert len(machine.driver.device.writes) == 3


def small(machine, opt, steps=4, **arrays):
    params = {"w": np.ones(3)}
    found = {"params": params, "grads": {"w": np.ones(3)}, "state": opt.init(params), **arrays}
    return Replay(machine.driver, opt, *found.values(), steps), found


def test_recording_runs_nothing(machine):
    opt = wdref.AdamW(weight_decay=0.1)
    replay, found = small(machine, opt)
    assert (replay.state.step, found["params"]["w"].tolist()) == (0, [1, 1, 1])
    assert replay.step().step == 1
    assert found["params"]["w"].tolist() != [1, 1, 1]


def test_a_schedule_may_end_before_the_round(machine):
    def schedule(t):
        if t > 2:
            raise ValueError("this schedule has two steps")
        return 1.0

    replay, found = small(machine, wdref.AdamW(weight_decay=0.1, schedule=schedule))
    replay.step()
    replay.step()
    before = found["params"]["w"].copy()
    with pytest.raises(ValueError, match="this schedule has two steps"):
        replay.step()
    assert replay.state.step == 2
    np.testing.assert_array_equal(found["params"]["w"], before)


def test_a_graph_of_the_caller_s_own(machine):
    opt = wdref.AdamW(weight_decay=0.1)
    (one, first), (two, second) = small(machine, opt), small(machine, opt)
    graph = machine.driver.device.graph(one.enqueue)
    for _ in range(3):
        one.ready()
        graph(machine.driver.device.arrays.current)
        two.step()
    np.testing.assert_array_equal(first["params"]["w"], second["params"]["w"])


@contextmanager
def captured(machine):
    stream = machine.driver.device.arrays.current
    stream.graph = []
    try:
        yield
    finally:
        stream.graph = None


def test_a_step_is_not_recorded_by_accident(machine):
    x = leaf("adamw", "float32", 3)
    expected = pytest.raises(RuntimeError, match=r"use wdref\.backends\.cupy\.capture")
    with captured(machine), expected:
        machine.driver.step([x])


def test_what_cannot_be_recorded(machine):
    opt = wdref.AdamW(weight_decay=0.1)
    with pytest.raises(ValueError, match="capture needs contiguous arrays"):
        small(machine, opt, grads={"w": np.ones(6)[::2]})
    with pytest.raises(ValueError, match="steps=0: expected at least 1"):
        small(machine, opt, steps=0)
    frozen = np.ones(3)
    frozen.flags.writeable = False
    with pytest.raises(ValueError, match=r"params\['w'\] cannot be written"):
        small(machine, opt, params={"w": frozen})


# -- rules that look at a whole tensor ------------------------------------------------------------


def test_many_tensors_are_summed_in_one_launch(same_bits):
    given = [leaf("lamb", "float32", 30 + i, seed=i) for i in range(20)]
    machine = host()
    cuda_checks.check(machine, given, same_bits)
    names = [name for name, _, _ in machine.driver.device.launches]
    assert names == 2 * ["sums", "fold", "step"]  # new arrays, then in place


def test_more_tensors_than_a_launch_has_groups_for(same_bits):
    given = [leaf("clipped together", "float32", 5, seed=i) for i in range(GROUPS + 5)]
    cuda_checks.check(host(), given, same_bits)


def test_a_sum_that_the_kernel_leaves_open_is_added_exactly(same_bits):
    """2^54 + 1 + 1 is a tie: no bound settles it."""
    x = leaf("clipped", "float64", 4)
    g = np.array([2.0**27, 1.0, 1.0, 0.0])
    x = x._replace(theta=np.ones(4), g=g, slots=tuple(np.zeros(4) for _ in x.slots))
    cuda_checks.check(host(), [x], same_bits)


def test_such_a_rule_is_not_captured(machine):
    opt = wdref.LAMB(learning_rate=0.1, weight_decay=0.1, backend="numpy")
    params, grads = ({"w": np.ones(3, "float32")} for _ in range(2))
    with pytest.raises(ValueError, match="capture holds no rule that looks at a whole tensor"):
        Replay(machine.driver, opt, params, grads, opt.init(params), 10)
