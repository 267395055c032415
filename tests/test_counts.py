"""Counts: a rule divides a sum by how many terms it had, whatever holds them.

The rule takes its mean from a gradient of whole numbers, so that every count is told by bits.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pytest

from wdref.backend import PLAIN, Leaf, load
from wdref.backends.tracing import phases, trace
from wdref.engine.half_precision import Kernel
from wdref.oracle.cases import together as ranking
from wdref.rules.choice import quotient
from wdref.sums import Count, Sum, alone, answered, exchanged, together


class Scalars(NamedTuple):
    """The scalars of the rule."""

    step: float = 1.0


@dataclass(frozen=True)
class Centred:
    """θ - α (g - mean g), with the mean over `over`, counted twice; `alone`, beside no sum."""

    over: str = "tensor"
    alone: bool = False
    scope: str = "tree"
    slots: tuple[str, ...] = ()
    shapes: tuple[str, ...] = ()

    def rounds(self, theta, g, slots, s, /):
        n, total = yield Count(g, self.over), Sum(g, self.over)
        if self.alone:
            (again,) = yield (Count(theta, self.over),)
        else:
            zero, again = yield Sum(theta, self.over), Count(theta, self.over)
            total = total + zero
        return theta - s.step * (g - quotient(total, 0.5 * (n + again))), ()


SHAPES = [(3, 4), (5,), (), (1, 1), (2, 3, 4)]


def leaves(over, shapes=SHAPES, dtype="float64", asarray=np.asarray, alone=False):
    kernel = Kernel(Centred(over, alone))
    grads = [np.arange(np.prod(shape, dtype=int)).reshape(shape).astype(dtype) for shape in shapes]
    return [Leaf(kernel, asarray(0 * g), asarray(g), (), Scalars()) for g in grads]


def means(over, tree):
    grads = [np.asarray(leaf.g, float) for leaf in tree]
    if over == "tree":
        whole = np.concatenate([g.reshape(-1) for g in grads])
        return [whole.sum() / whole.size] * len(grads)
    axis = {"tensor": None, "rows": -1, "columns": -2}[over]
    return [np.sum(g, axis=axis, keepdims=True) / (g.size if axis is None else g.shape[axis])
            for g in grads]  # fmt: skip


def check(over, tree, results):
    for leaf, (theta, _), mean in zip(tree, results, means(over, tree), strict=True):
        want = -(np.asarray(leaf.g) - np.asarray(mean).astype(np.asarray(leaf.g).dtype))
        np.testing.assert_array_equal(np.asarray(theta), want.reshape(np.asarray(leaf.g).shape))


@pytest.mark.parametrize("name", ["plain", "numpy", "numba"])
@pytest.mark.parametrize("over", ["tensor", "tree"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_backends_count(name, over, dtype):
    backend = PLAIN if name == "plain" else load(name)
    for alone_ in (False, True):
        tree = leaves(over, dtype=dtype, alone=alone_)
        check(over, tree, backend.update(tree))


def test_a_program_counts_where_something_is_summed():
    phases.phases(Kernel(Centred()), ("float64",) * 2, Scalars, (True,))
    with pytest.raises(trace.TraceError, match="a round that only counts: count where something"):
        phases.phases(Kernel(Centred(alone=True)), ("float64",) * 2, Scalars, (True,))


@pytest.mark.parametrize("over", ["rows", "columns"])
def test_along_an_axis(over):
    tree = leaves(over, [(3, 4), (2, 3, 5)])
    check(over, tree, PLAIN.update(tree))


@pytest.mark.parametrize("library", ["array_api_strict", "torch", "jax.numpy", "dask.array"])
def test_arrays_of_any_library_count(library):
    xp = pytest.importorskip(library, reason="the extra `dev` installs it")
    tree = leaves("tree", dtype="float32", asarray=xp.asarray)
    check("tree", tree, PLAIN.update(tree))


def test_tracers_count():
    jax = pytest.importorskip("jax", reason="the extra `dev` installs it")
    (tree,) = leaves("tensor", [(3, 4)], "float32", jax.numpy.asarray)
    compiled = jax.jit(lambda theta, g: alone(Centred().rounds, theta, g, (), Scalars()))
    check("tensor", [tree], [compiled(tree.theta, tree.g)])


def test_shards_count_the_whole():
    """Three shards, one of them with another tensor's part empty: each has the whole's mean."""
    whole = leaves("tree", [(12,), (5,)])
    cuts = [[slice(0, 5), slice(5, 8), slice(8, 12)], [slice(0, 0), slice(0, 3), slice(3, 5)]]
    shards = [[leaf._replace(theta=leaf.theta[own[k]], g=leaf.g[own[k]])
               for leaf, own in zip(whole, cuts, strict=True)] for k in range(3)]  # fmt: skip
    # what a shard hands over here does not depend on the answers
    rounds = list(zip(*map(given, shards), strict=True))
    for shard in shards:
        calls = iter(rounds)
        results = PLAIN.update(shard, sums=exchanged(lambda _, r=calls: next(r)))
        for leaf, (theta, _) in zip(shard, results, strict=True):
            np.testing.assert_array_equal(theta, -(leaf.g - means("tree", whole)[0]))


def given(shard):
    """What a shard hands over, round by round."""
    found: list = []

    def exchange(own):
        found.append(own)
        return [own]

    PLAIN.update(shard, sums=exchanged(exchange))
    return found


def test_balls_count_what_they_stand_for():
    pytest.importorskip("flint", reason="the extra `exact` installs it")
    from wdref.backends.exact.balls import Balls
    from wdref.backends.exact.rounding import Context

    context = Context(counts=(3, 5))
    g = Balls([2.0, 10.0], context)
    (theta, _) = together(
        [Centred().rounds(Balls([0.0, 0.0], context), g, (), Scalars())], answered
    )[0]
    assert [float(x) for x in theta] == [5.0, -3.0]  # the mean is 56/8


def test_many_tensors_of_one_shape_are_counted_one_by_one():
    g = np.arange(24.0).reshape(2, 3, 4)
    (found,) = ranking.in_rounds([Centred().rounds(0 * g, g, (), Scalars())], ranking._summed)
    np.testing.assert_array_equal(found[0], g.mean(axis=(1, 2), keepdims=True) - g)
