"""Subnormal numbers are zeros in a training, in its thread, and nowhere else."""

import platform
import threading

import numpy as np
import pytest

from wdref.analysis.networks import subnormals
from wdref.analysis.networks.subnormals import flushed

SMALL = {"float32": 1e-30, "float64": 1e-300}


def products(dtype):
    """Results below the range of normal numbers: of a ufunc, of operands there, of BLAS."""
    small = np.full((10, 10), SMALL[dtype], dtype=dtype)
    below = np.full((10, 10), np.finfo(dtype).smallest_subnormal, dtype=dtype)
    factor = np.full((10, 10), 1e-12, dtype=dtype)
    return [small * factor, below + below, small @ factor]


@pytest.mark.parametrize("dtype", SMALL)
def test_results_and_operands_are_flushed(dtype):
    before = products(dtype)
    assert all((x > 0).all() for x in before)
    with flushed() as possible:
        inside = products(dtype)
    assert possible == (subnormals._register() is not None)
    if possible:
        assert all((x == 0).all() for x in inside)
    for x, want in zip(products(dtype), before, strict=True):
        np.testing.assert_array_equal(x, want)


def test_it_can_be_done_where_it_is_promised():
    pytest.importorskip("numba", reason="needs numba, of the extra `fast`")
    if platform.machine().lower() not in ("x86_64", "amd64"):
        pytest.skip("the register is that of x86")
    with flushed() as possible:
        assert possible


def test_an_error_restores_it():
    with pytest.raises(KeyError), flushed():
        raise KeyError
    assert (products("float32")[1] > 0).all()


def test_a_thread_of_before_is_left_alone():
    found, inside = [], threading.Event()
    other = threading.Thread(target=lambda: (inside.wait(), found.extend(products("float32"))))
    other.start()
    with flushed():
        inside.set()
        other.join()
    assert all((x > 0).all() for x in found)


@pytest.mark.parametrize("name", ["arm64", "riscv64"])
def test_elsewhere_nothing_happens(monkeypatch, name):
    monkeypatch.setattr(platform, "machine", lambda: name)
    with flushed() as possible:
        assert not possible
        assert (products("float32")[1] > 0).all()
