"""Modules that the documentation once named are still there under these names."""

from importlib import import_module

import pytest

FORMER = {
    "wdref.analysis.custom": "wdref.analysis.landscape.custom",
    "wdref.analysis.jobs": "wdref.analysis.sweep.jobs",
    "wdref.analysis.ridge": "wdref.analysis.landscape.ridge",
    "wdref.analysis.storage": "wdref.analysis.sweep.storage",
    "wdref.backends.cupy": "wdref.backends.cuda.cupy",
    "wdref.backends.printing": "wdref.backends.printers.printing",
    "wdref.oracle.enclosure": "wdref.oracle.judge.enclosure",
}


@pytest.mark.parametrize("name", FORMER)
def test_a_former_name_is_the_module(name):
    for module in ("xarray", "joblib", "flint", "scipy"):
        pytest.importorskip(module, reason="needs wdref[oracle,analysis]")
    assert import_module(name) is import_module(FORMER[name])


def test_documented_packages_have_what_the_modules_had():
    for module in ("xarray", "scipy"):
        pytest.importorskip(module, reason="needs wdref[analysis]")
    from wdref.analysis.landscape import jobs, landscape, method
    from wdref.analysis.problems import problem
    from wdref.analysis.sweep import Job
    from wdref.oracle.cases import regimes

    assert all(map(callable, (jobs, landscape, method, problem, Job, regimes)))
