"""What an optimizer looks at, by what changes nothing: tensors cut, joined, in another order.

With the same gradients a rule of elements does not see which tensor they are in; one of the tree
sees all of them, in any order; one of a tensor sees where it ends, and no order in it. All in bits:
sums are rounded once, whatever is added first.
"""

import inspect

import numpy as np
import pytest

from wdref.conventions import dialect
from wdref.methods import methods
from wdref.rules.shapes import scope_of
from wdref.sums import total

SIZES = (5, 300, 33_000)  # the last beyond a block of terms
STEPS = 4


def cut(tensors):
    """Every tensor in two, at no half."""
    return [part for x in tensors for part in (x[: len(x) // 3], x[len(x) // 3 :])]


def joined(tensors):
    """The first two in one."""
    return [np.concatenate(tensors[:2]), *tensors[2:]]


def reordered(tensors):
    """The last tensor first."""
    return [tensors[-1], *tensors[:-1]]


def in_order(tensors):
    """What `reordered` did, undone."""
    return [*tensors[1:], tensors[0]]


def shuffled(tensors):
    """The elements of each tensor in another order."""
    return [x[np.random.default_rng(len(x)).permutation(len(x))] for x in tensors]


def unshuffled(tensors):
    """What `shuffled` did, undone."""
    orders = [np.random.default_rng(len(x)).permutation(len(x)) for x in tensors]
    return [x[np.argsort(order)] for x, order in zip(tensors, orders, strict=True)]


PARTED = {"cut": (cut, list), "joined": (joined, list)}
ORDERED = {"tensors": (reordered, in_order), "elements": (shuffled, unshuffled)}


def trained(opt, change, back):
    """Return all parameters after some steps on tensors that were changed, in the old order."""
    rng = np.random.default_rng(0)
    whole = [[rng.normal(size=n).astype("float32") for n in SIZES] for _ in range(1 + STEPS)]
    params, *grads = [[x.copy() for x in change(tensors)] for tensors in whole]
    state = opt.init(params)
    for g in grads:
        given = {name: [x * x for x in g] for name in opt.dialect.inputs}
        state = opt.step(params, g, state, **given)
    return np.concatenate(back(params))


def unchanged(tensors):
    """Return the tensors as they are."""
    return list(tensors)


def check(opt, changes, *, same=True):
    """Compare the bits with those of the tensors as they are."""
    want = trained(opt, unchanged, list)
    assert np.isfinite(want).all()
    for name, (change, back) in changes.items():
        got = trained(opt, change, back)
        assert (got.tobytes() == want.tobytes()) == same, name


def made(name, backend, **options):
    """Return a method by name, with a decay where it has one."""
    method = methods()[name]
    taken = inspect.signature(method).parameters
    given = {"learning_rate": 0.01, "weight_decay": 0.1, **options, "backend": backend}
    if dialect(method.claim).form == "none":
        del given["weight_decay"]
    return method(**{k: v for k, v in given.items() if k in taken})


CLIPPED = ("AdamW", "SGD", "Adam")
NARROW = ("LAMB", "LARS", "NovoGrad")  # a number for each tensor
NUMBA = ("SGD", "AdamW", "Prodigy", *NARROW)  # the others have no kernels that these have not


@pytest.fixture(params=["plain", "numpy", "numba"])
def backend(request):
    """A backend that there is here."""
    if request.param == "numba":
        pytest.importorskip("numba", reason="the extra `fast` installs it")
    return request.param


@pytest.mark.parametrize("name", methods())
def test_no_rule_sees_an_order(name, backend):
    if backend != "numba" or name in NUMBA:
        check(made(name, backend), ORDERED)


@pytest.mark.parametrize("name", methods())
def test_rules_of_elements_and_of_the_tree_see_no_tensors(name, backend):
    opt = made(name, backend)
    if scope_of(opt.dialect) != "tensor" and (backend != "numba" or name in NUMBA):
        check(opt, PARTED)


def test_what_each_looks_at():
    scopes = {name: scope_of(made(name, "plain").dialect) for name in methods()}
    assert {scopes[name] for name in NARROW} == {"tensor"}
    assert {scopes[name] for name in ("SGD", "SGDW", "Adam", "AdamW", "Lion")} == {"element"}
    assert scopes["Prodigy"] == "tree"


@pytest.mark.parametrize("name", NARROW)
def test_rules_of_a_tensor_see_where_it_ends(name, backend):
    check(made(name, backend), PARTED, same=False)


@pytest.mark.parametrize("name", CLIPPED)
@pytest.mark.parametrize("by", ["tree", "tree_sum"])
def test_a_norm_of_the_tree_sees_no_tensors(name, by, backend):
    check(made(name, backend, clip=3.0, clip_by=by), {**PARTED, **ORDERED})


@pytest.mark.parametrize("name", CLIPPED)
@pytest.mark.parametrize("by", ["tensor", "tensor_sum"])
def test_a_norm_of_a_tensor_sees_where_it_ends(name, by, backend):
    opt = made(name, backend, clip=3.0, clip_by=by)
    check(opt, PARTED, same=False)
    check(opt, ORDERED)


@pytest.mark.parametrize("by", ["sum", "gradient"])
def test_a_clip_by_value_sees_elements_alone(by, backend):
    check(made("SGD", backend, clip=0.5, clip_by=by), {**PARTED, **ORDERED})


def test_another_order_of_sums_would_show():
    """Terms added one by one depend on their order: what is compared could differ."""
    x = np.random.default_rng(0).normal(size=SIZES[-1]).astype("float32")
    one, other = (float(np.cumsum(terms * terms)[-1]) for terms in (x, *shuffled([x])))
    assert one != other
    assert total(x * x) == total(shuffled([x * x])[0])
