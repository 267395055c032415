"""The generated CUDA compiles, and the machine code does what IEEE 754 asks and no more.

NVRTC needs no GPU and no driver. It gives PTX, in which each operation says how it rounds.
"""

import importlib
import re

import cuda_checks
import pytest
from cuda_checks import FORMATS, RULES

from wdref.backends.cuda.kernel import OPTIONS, SIZE, Printed, Tuning
from wdref.backends.tracing.element import element
from wdref.backends.tracing.trace import trace

cupy = pytest.importorskip("cupy", reason="the extra `cupy` installs it")
backend = importlib.import_module("wdref.backends.cuda.cupy")
nvrtc = cupy.cuda.nvrtc

ARCHITECTURES = ("sm_80", "sm_90", "sm_100")


def printed(rule, form, **tuning):
    kernel, dtypes = cuda_checks.kernel(rule, form)
    s = cuda_checks.scalars(kernel.dialect)
    present = tuple(x is not None for x in s)
    names = tuple(x.name for x in dtypes)
    return Printed(element(trace(kernel, names, type(s), present)), Tuning(**tuning))


def compiled(source, arch, options=OPTIONS):
    """PTX and cubin; the options are those of the backend."""
    program = nvrtc.createProgram(source, "test.cu", (), ())
    try:
        nvrtc.compileProgram(program, (*options, f"--gpu-architecture={arch}"))
        return nvrtc.getPTX(program).decode(), nvrtc.getCUBIN(program)
    finally:
        nvrtc.destroyProgram(program)


def operations(ptx):
    """The instructions with their types, without operands."""
    return re.findall(r"^\s+(?:@!?%p\d+\s+)?([a-z][a-z0-9_]*(?:\.[a-z0-9_:]+)*)\b", ptx, re.M)


FORBIDDEN = r"fma|mad(\.\w+)*\.f|\.ftz|\.approx|\.full|\.local|\.sat|^(ex2|lg2|rcp|rsqrt|sin|cos)"
FLOATING = r"^(add|sub|mul|div|sqrt)\.(\w+\.)*f(16|32|64)$"


def wrong(ptx):
    """Operations that an exact kernel must not hold."""
    found = {x for x in operations(ptx) if re.search(FORBIDDEN, x)}
    return found | {x for x in operations(ptx) if re.match(FLOATING, x) and ".rn." not in x}


def vectors(ptx, way):
    """How many 16-byte loads ("ld") or stores ("st") of global memory there are."""
    wide = {"v4": 4, "v2": 8}  # 16 bytes are four of 4 or two of 8
    found = re.findall(rf"{way}\.global\.(v[24])\.[a-z](\d+)", ptx)
    assert all(int(bits) == 8 * wide[count] for count, bits in found)
    return len(found)


def check(p, arch):
    ptx, cubin = compiled(p.source, arch)
    assert not wrong(ptx)
    assert cubin.startswith(b"\x7fELF")
    loads = p.element.loads
    each = {way: sum(SIZE[loads[k]] * p.vector // 16 for k in arrays)
            for way, arrays in (("ld", p.reads), ("st", p.writes))}  # fmt: skip
    for way, count in each.items():
        # in the two kernels, step and replay; a compiler may make two loops of one
        assert vectors(ptx, way) in (2 * count, 4 * count)


CASES = [(rule, form) for rule in RULES for form in FORMATS]


@pytest.mark.parametrize(("rule", "form"), CASES)
def test_every_kernel(rule, form):
    # one architecture for each, all three among those of a rule
    check(printed(rule, form), ARCHITECTURES[CASES.index((rule, form)) % 3])


@pytest.mark.parametrize("arch", ARCHITECTURES)
@pytest.mark.parametrize("form", ["float32", "float64", "bfloat16, master"])
def test_every_architecture(form, arch):
    check(printed("adamw", form), arch)


def test_the_check_sees_what_it_forbids():
    text = printed("adamw", "float32").source
    fused, _ = compiled(text, "sm_90", ("--std=c++17",))
    assert any("fma" in x for x in wrong(fused))
    flushed, _ = compiled(text, "sm_90", (*OPTIONS, "--ftz=true"))
    assert any(".ftz" in x for x in wrong(flushed))
    loose, _ = compiled(text, "sm_90", (*OPTIONS, "--prec-div=false", "--prec-sqrt=false"))
    assert any(re.search(r"\.approx|\.full", x) for x in wrong(loose))


def test_narrow_vectors_are_another_kernel():
    ptx, _ = compiled(printed("adamw", "float32", vector=4).source, "sm_90")
    assert vectors(ptx, "ld") == vectors(ptx, "st") == 0


@pytest.mark.parametrize("form", FORMATS)
def test_the_scalar_path_reads_and_writes_each_array_once(form):
    p = printed("adamw", form)
    ptx, _ = compiled(p.source, "sm_90")
    (step,) = re.findall(r"\.entry step\b(.*?)(?=\.entry|\Z)", ptx, re.S)
    scalar = {way: len(re.findall(rf"{way}\.global\.[a-uw-z]\d+", step)) for way in ("ld", "st")}
    assert scalar == {"ld": len(p.reads), "st": len(p.writes)}


# -- the backend where there is no device --------------------------------------------------------


def test_the_backend_compiles_without_a_device():
    assert backend.compiled(printed("sgdw", "float32").source, "sm_90").startswith(b"\x7fELF")


def test_a_text_that_does_not_compile_says_why():
    with pytest.raises(RuntimeError, match=r"(?s)did not compile for sm_90.*nonsense"):
        backend.compiled("nonsense", "sm_90")


def test_architectures():
    # its own, or the last one of its generation that NVRTC knows
    assert [backend._architecture(x) for x in (80, 90, 89)] == [80, 90, 89]
    newest = max(nvrtc.getSupportedArchs())
    assert backend._architecture(newest + 1) == newest
    assert backend._architecture(999) == 999


def test_no_device_is_one_clear_error():
    try:
        devices = cupy.cuda.runtime.getDeviceCount()
    except cupy.cuda.runtime.CUDARuntimeError:
        devices = 0
    if devices:
        pytest.skip("this machine has a CUDA device")
    x = cuda_checks.leaf("adamw", "float32", 3)
    for call in (backend.backend.step, backend.backend.update):
        with pytest.raises(RuntimeError, match="backend 'cupy' found no CUDA device"):
            call([x])
