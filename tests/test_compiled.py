"""Compiled functions of the analyses: kept where there is a place, right where there is none."""

import pytest

pytest.importorskip("numba", reason="needs numba, of the extra `fast`")

from numba.core import caching

from wdref.analysis.networks.compiled import compiled


def double(x):
    return 2 * x


@pytest.mark.parametrize("signature", [(), ("float64(float64)",)], ids=["late", "at once"])
def test_without_a_place_to_keep_it(monkeypatch, signature):
    monkeypatch.setattr(caching.CacheImpl, "_locator_classes", [])
    assert compiled(*signature)(double)(1.5) == 3.0


def test_it_is_kept(monkeypatch, tmp_path):
    monkeypatch.setattr("numba.core.config.CACHE_DIR", str(tmp_path))
    assert compiled()(double)(1.5) == 3.0
    assert list(tmp_path.rglob("*.nbi"))
