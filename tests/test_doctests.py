"""Every doctest of every module, by its installed name.

`pytest --doctest-modules` would import backends/ and analysis/ a second time, under the names
of their folders and with a second copy of each class.
"""

import doctest
import importlib
import pkgutil

import pytest

TREES = ("wdref", "wdref.analysis", "wdref.backends")
OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
EXTRA = {  # import name: the extra that brings it
    "click": "oracle",
    "cupy": "cupy",
    "flint": "oracle",
    "jax": "frameworks",
    "joblib": "analysis",
    "matplotlib": "analysis",
    "numba": "fast",
    "optax": "frameworks",
    "psutil": "bench",
    "rich": "oracle",
    "scipy": "analysis",
    "sklearn": "analysis",
    "torch": "frameworks",
    "xarray": "analysis",
}


def module_names() -> list[str]:
    names = set(TREES)
    for tree in TREES:
        package = importlib.import_module(tree)
        names |= {found.name for found in pkgutil.walk_packages(package.__path__, f"{tree}.")}
    return sorted(name for name in names if not name.endswith(".__main__"))


def import_or_skip(name: str):
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        extra = EXTRA.get((error.name or "").partition(".")[0])
        if extra is None:
            raise
        pytest.skip(f"{name} imports {error.name}, which the extra `{extra}` installs")


@pytest.mark.parametrize("name", module_names())
def test_doctests(name):
    results = doctest.testmod(import_or_skip(name), optionflags=OPTIONS)
    assert results.failed == 0


@pytest.mark.parametrize("name", ["wdref.rules.adam.rule", "wdref.rules.sgd.rule"])
def test_the_rules_of_the_paper_show_themselves(name):
    assert doctest.testmod(importlib.import_module(name), optionflags=OPTIONS).attempted > 0
