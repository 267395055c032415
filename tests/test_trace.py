"""The tracer records what it can hold and refuses the rest, and its printing changes no bit.

The property: random straight-line rules, of every operation that a program may hold, give the same
bits through the blocked backend, for new arrays and in place, as evaluated plain.
"""

import importlib
import operator
from typing import Any, NamedTuple

import numpy as np
import pytest
from array_api_compat import array_namespace
from hypothesis import given, settings
from hypothesis import strategies as st

import wdref
from wdref.backend import PLAIN, Leaf, load
from wdref.backends.tracing.trace import Namespace, TraceError, trace

blocked = importlib.import_module("wdref.backends.numpy")
NUMPY = load("numpy")


class Scalars(NamedTuple):
    """Names that a careless printing would confuse with its own."""

    t0: Any = None
    out0: Any = None
    x1: Any = None
    add: Any = None


class Rule:
    """A kernel made of `compute(xp, theta, g, slots, s)`; it returns theta and the new slots."""

    def __init__(self, compute, slots=("m",)):
        self.compute, self.slots = compute, slots

    def __call__(self, theta, g, slots, s):
        return self.compute(array_namespace(theta, g), theta, g, slots, s)


def traced(compute, dtype="float32"):
    present = (True, False, True, True)  # out0 is absent
    return trace(Rule(compute), (dtype,) * 3, Scalars, present)


# -- what is refused ----------------------------------------------------------------------------

ONE_ANSWER = "is no elementwise operation with one right answer: not traced"
REFUSED = [
    (lambda xp, x, g, m, s: x**2, rf"\*\* \(write g \* g\) {ONE_ANSWER}"),
    (lambda xp, x, g, m, s: 2**x, rf"\*\* \(write g \* g\) {ONE_ANSWER}"),
    (lambda xp, x, g, m, s: x if x > 0 else g, f"a branch on data {ONE_ANSWER}"),
    (lambda xp, x, g, m, s: x if x == g else g, f"a branch on data {ONE_ANSWER}"),
    (lambda xp, x, g, m, s: float(x), f"a branch on data {ONE_ANSWER}"),
    (lambda xp, x, g, m, s: x @ g, f"@ {ONE_ANSWER}"),
    (lambda xp, x, g, m, s: x[0], f"indexing {ONE_ANSWER}"),
    (lambda xp, x, g, m, s: sum(x), f"indexing {ONE_ANSWER}"),
    (lambda xp, x, g, m, s: len(x), f"indexing {ONE_ANSWER}"),
    (lambda xp, x, g, m, s: operator.iadd(x, g), "writing in place"),
    (lambda xp, x, g, m, s: operator.setitem(x, 0, 1.0), "writing in place"),
    (lambda xp, x, g, m, s: x // 2, f"integer division {ONE_ANSWER}"),
    (lambda xp, x, g, m, s: 1 % x, f"integer division {ONE_ANSWER}"),
    (lambda xp, x, g, m, s: (x > 0) & (g > 0), "logic .nest two where."),
    (lambda xp, x, g, m, s: ~(x > 0), "logic .nest two where."),
    (lambda xp, x, g, m, s: +x, rf"unary \+ {ONE_ANSWER}"),
    (lambda xp, x, g, m, s: xp.exp(x), f"exp {ONE_ANSWER}"),
    (lambda xp, x, g, m, s: xp.sum(x), f"sum {ONE_ANSWER}"),
    (lambda xp, x, g, m, s: x / x.size, "an array's size is no part of an elementwise rule"),
    (lambda xp, x, g, m, s: x.T, "an array's T is no part of an elementwise rule"),
    (lambda xp, x, g, m, s: x + np.float64(1), "add of a float64: a rule may use arrays and"),
    (lambda xp, x, g, m, s: x * True, "multiply of a bool: a rule may use arrays"),
    (lambda xp, x, g, m, s: x + s.out0, "add of a NoneType: a rule may use arrays"),
    (lambda xp, x, g, m, s: x + np.ones(3), "add of a ndarray: a rule may use arrays and Python"),
    (lambda xp, x, g, m, s: x + xp.astype(g, xp.float64),
     "add of mixed dtypes float32, float64: cast first"),
    (lambda xp, x, g, m, s: x + (g > 0), "add of a comparison: choose with where instead"),
    (lambda xp, x, g, m, s: xp.where(x, x, g),
     "where needs a comparison as its condition, not float32"),
    (lambda xp, x, g, m, s: xp.sqrt(s.t0), "sqrt of scalars alone: compute it on the host"),
    (lambda xp, x, g, m, s: xp.where(x > 0, s.t0, 1.0), "where of scalars alone"),
    (lambda xp, x, g, m, s: xp.astype(x, "int32"), "cast of float32 to int32: not traced"),
    (lambda xp, x, g, m, s: xp.astype(s.t0, xp.float32), "cast of weak to float32: not traced"),
    (lambda xp, x, g, m, s: xp.full_like(x > 0, 1.0), "full_like of bool with weak: not traced"),
    (lambda xp, x, g, m, s: xp.full_like(x, g), "full_like of float32 with float32: not traced"),
]  # fmt: skip


@pytest.mark.parametrize(("expression", "text"), REFUSED)
def test_refusals(expression, text):
    with pytest.raises(TraceError, match=text):
        traced(lambda xp, x, g, slots, s: (expression(xp, x, g, slots[0], s), (g,)))


@pytest.mark.parametrize("op", ["add", "multiply", "sqrt", "maximum", "less"])
def test_bfloat16_is_not_computed_with(op):
    def compute(xp, x, g, slots, s):
        return getattr(xp, op)(*(x, g)[: 1 if op == "sqrt" else 2]), slots

    with pytest.raises(TraceError, match=f"{op} on bfloat16: NumPy widens it, so cast to float32"):
        traced(compute, "bfloat16")


def test_what_is_refused_is_evaluated_plain(same_bits):
    leaf = a_leaf(Rule(lambda xp, x, g, slots, s: (x**2 + xp.exp(g), (xp.sum(g) + x,))), "float32")
    assert blocked._compiled(leaf) is None
    with np.errstate(all="ignore"):
        ((theta, slots),) = PLAIN.update([leaf])
    ((got, got_slots),) = NUMPY.update([leaf])
    same_bits(got, theta)
    same_bits(got_slots[0], slots[0])


def test_a_symbol_is_an_array_to_array_api_compat():
    seen = []
    traced(lambda xp, x, g, slots, s: (seen.append(xp) or x, slots))
    assert isinstance(seen[0], Namespace)


# -- scalars are inputs -------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["numpy", "numba"])
def test_nothing_is_traced_again_when_scalars_change(name, monkeypatch):
    if name == "numba":
        pytest.importorskip("numba", reason="the extra `fast` installs it")
    opt, theta = wdref.AdamW(weight_decay=0.0, schedule=lambda t: 1 / t, backend=name), np.ones(4)
    state = opt.step(theta, theta.copy(), opt.init(theta))
    module = {"numba": "numba.backend"}.get(name, name)
    monkeypatch.setattr(f"wdref.backends.{module}.trace", None)  # a call would fail
    for rate in (0.1, 0.2):
        options = {"learning_rate": rate, "weight_decay": rate, "betas": (rate, rate)}
        other = wdref.AdamW(**options, backend=name)
        state = other.step(theta, theta.copy(), state)
    assert state.step == 3


def test_arithmetic_of_scalars_is_python_s(same_bits):
    # as in the plain rule: rounded to float32 only where it meets an array
    def compute(xp, x, g, slots, s):
        return x * ((s.t0 - 1e-9) / (3.0 * s.x1)), (x + -s.add,)

    leaf = a_leaf(Rule(compute), "float32", Scalars(0.1, None, 0.7, 1e-3))
    check(leaf, same_bits)
    assert "(s_t0 - (1e-09)) / ((3.0) * s_x1)" in blocked._compiled(leaf).source


# -- printing -----------------------------------------------------------------------------------


SOME = Scalars(2.0, None, 3.0, -0.5)


def a_leaf(kernel, dtype, scalars=SOME, size=70, seed=0):
    rng = np.random.default_rng(seed)
    integers = f"u{np.dtype(dtype).itemsize}"
    limit = np.iinfo(integers).max

    def array():
        bits = rng.integers(0, limit, size, integers, endpoint=True).view(dtype)
        return np.where(rng.random(size) < 0.5, bits, rng.normal(size=size).astype(dtype))

    return Leaf(kernel, array(), array(), tuple(array() for _ in kernel.slots), scalars)


def check(leaf, same_bits, backend=NUMPY):
    assert backend is not NUMPY or blocked._compiled(leaf) is not None
    with np.errstate(all="ignore"):
        theta, slots = leaf.kernel(leaf.theta, leaf.g, leaf.slots, leaf.scalars)
    want = [np.copy(x) for x in (theta, *slots)]
    given = [np.copy(x) for x in (leaf.theta, leaf.g, *leaf.slots)]
    ((theta, slots),) = backend.update([leaf])
    for got, expected in zip((theta, *slots), want, strict=True):
        same_bits(got, expected)
    for got, expected in zip((leaf.theta, leaf.g, *leaf.slots), given, strict=True):
        same_bits(got, expected)
    backend.step([leaf])
    for got, expected in zip((leaf.theta, *leaf.slots), want, strict=True):
        same_bits(got, expected)
    same_bits(leaf.g, given[1])


UNARY = ("sqrt", "abs", "sign", "negative", "-x", "abs(x)")
BINARY = ("+", "-", "*", "/", "maximum", "minimum", "add", "divide")
COMPARISONS = ("<", "<=", ">", ">=", "==", "!=", "less", "not_equal")
OPERATORS = {"+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv,
             "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
             "==": operator.eq, "!=": operator.ne, "-x": operator.neg, "abs(x)": abs}  # fmt: skip
CONSTANTS = (0.0, -0.0, 1.5, -2, 1e-40, 1e300, float("inf"), float("nan"))


def function(xp, op):
    return OPERATORS[op] if op in OPERATORS else getattr(xp, op)


class Straight(Rule):
    """A straight line of `lines`, each of an operation and of places among the values before it."""

    def __init__(self, lines, outputs):
        super().__init__(self.compute, slots=("m", "v"))
        self.lines, self.outputs = lines, outputs

    def __repr__(self):
        return f"Straight({self.lines}, {self.outputs})"

    def compute(self, xp, theta, g, slots, s):
        values = [theta, g, *slots]
        for op, *places in self.lines:
            values.append(self.line(xp, s, values, op, places))
        theta, *slots = (values[place % len(values)] for place in self.outputs)
        return theta, tuple(slots)

    def line(self, xp, s, values, op, places):
        a, b, c = (values[place % len(values)] for place in places[:3])
        number = (s.t0, s.x1, s.add, *CONSTANTS)[places[3] % (3 + len(CONSTANTS))]
        second = number if places[4] else b
        if op in UNARY:
            return function(xp, op)(a)
        if op == "reversed":
            return number - a if places[4] else number / a
        if op == "full_like":
            return xp.full_like(a, number) * 3.0 + b
        if op == "narrow":
            return xp.astype(xp.astype(a, xp.float16), a.dtype) - b
        if op == "where":
            return xp.where(OPERATORS[COMPARISONS[places[3] % 6]](a, second), b, c)
        if op in COMPARISONS:
            return xp.where(function(xp, op)(a, b), xp.astype(a > b, a.dtype), c)
        return function(xp, op)(a, b if op in ("maximum", "minimum") else second)


OPERATIONS = (*UNARY, *BINARY, *COMPARISONS, "where", "where", "reversed", "full_like", "narrow")
places = st.integers(0, 40)
lines = st.tuples(st.sampled_from(OPERATIONS), places, places, places, places, st.booleans())
straight = st.builds(
    Straight, st.lists(lines, max_size=25), st.tuples(*[st.integers(0, 10**6)] * 3)
)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@settings(max_examples=150)
@given(kernel=straight, seed=st.integers(0, 2**32))
def test_random_rules(dtype, kernel, seed, same_bits):
    check(a_leaf(kernel, dtype, seed=seed), same_bits)


@pytest.fixture(scope="module")
def numba():
    """The backend, leaving nothing of these rules on disk."""
    found = pytest.importorskip(
        "wdref.backends.numba.backend", reason="the extra `fast` installs numba"
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("wdref.backends.numba.cache._written", nowhere)
        yield found


def nowhere(text):
    raise OSError


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@settings(max_examples=12)
@given(kernel=straight, seed=st.integers(0, 2**32))
def test_random_rules_in_numba(dtype, kernel, seed, same_bits, numba):
    leaf = a_leaf(kernel, dtype, seed=seed)
    halves = dtype == "float64" and any(op == "narrow" for op, *_ in kernel.lines)
    assert bool(numba._gather([leaf], None)[1]) == halves, "evaluated plain without need, or not"
    check(leaf, same_bits, numba.backend)


def test_every_operation_in_numba(same_bits, numba):
    operations = [(op, 3 * k, 5 * k, 7 * k, k, k % 2) for k, op in enumerate(OPERATIONS)]
    check(a_leaf(Straight(operations, (-1, -2, -3)), "float32"), same_bits, numba.backend)


def test_numba_contracts_nothing(numba):
    kernel = Straight([("*", 0, 1, 2, 3, False), ("+", 4, 2, 0, 0, False)] * 3, (-1, -2, -3))
    leaf = a_leaf(kernel, "float32")
    numba.backend.step([leaf])
    _, compiled = numba._Table(leaf, False).program
    text = "".join(compiled.inspect_asm().values())
    assert "mul" in text
    assert "fmadd" not in text


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_numba_refuses_arithmetic_on_half_precision(dtype, numba):
    ml_dtypes = pytest.importorskip("ml_dtypes", reason="the extra `dev` installs it")
    x = np.ones(3, getattr(ml_dtypes, dtype, dtype))
    kernel = Rule(lambda xp, x, g, slots, s: (x - g, slots))
    leaf = Leaf(kernel, x, x.copy(), (x.copy(),), SOME)
    assert numba._gather([leaf], None)[1] == [0]


def test_scratch_is_used_again():
    # a long chain needs two registers, however long
    def compute(xp, x, g, slots, s):
        y = x
        for _ in range(50):
            y = (y + g) * (y - g)
        return y, slots

    compiled = blocked._compiled(a_leaf(Rule(compute), "float32"))
    assert compiled.scratch == ["float32", "float32"]


def test_adamw_needs_two_registers():
    opt, theta = wdref.AdamW(weight_decay=0.1), np.ones(3, np.float32)
    slots = tuple(np.zeros((2, 3), np.float32))
    leaf = Leaf(wdref.optimizer.Kernel(opt.dialect), theta, theta, slots, opt.scalars(1)[0])
    assert blocked._compiled(leaf).scratch == ["float32", "float32"]


def test_a_result_may_be_given_twice(same_bits):
    check(a_leaf(Rule(lambda xp, x, g, slots, s: (x - g,) * 1 + ((x - g,),)), "float32"), same_bits)
    check(a_leaf(Rule(lambda xp, x, g, slots, s: ((y := x - g), (y,))), "float32"), same_bits)


def test_a_result_is_rounded_to_its_own_dtype(same_bits, numba):
    # written straight to the slot of float32 it would not be rounded to float16
    def compute(xp, x, g, slots, s):
        narrow = xp.astype(x, xp.float16)
        return xp.astype(narrow, xp.float32) + g, (narrow,)

    for backend in (NUMPY, numba.backend):
        leaf = a_leaf(Rule(compute), "float32")
        with np.errstate(all="ignore"):
            theta, slots = leaf.kernel(leaf.theta, leaf.g, leaf.slots, leaf.scalars)
        backend.step([leaf])
        same_bits(leaf.theta, theta)
        same_bits(leaf.slots[0], slots[0].astype(np.float32))


def test_a_repeated_scalar_is_rounded_first(same_bits, numba):
    # 0.1f · 3f · 7f is another number than 0.1 · 3 · 7 rounded
    def compute(xp, x, g, slots, s):
        return xp.full_like(x, 0.1) * 3.0 * 7.0, (xp.full_like(g, s.t0) / s.x1,)

    for backend in (NUMPY, numba.backend):
        leaf = a_leaf(Rule(compute), "float32", Scalars(0.7, None, 0.3, None))
        check(leaf, same_bits, backend)


def test_a_choice_of_the_old_value_in_place(same_bits):
    # `where` writes twice: over its own operand it would lose it
    for compute in (
        lambda xp, x, g, slots, s: (xp.where(g > 0, x, g), slots),
        lambda xp, x, g, slots, s: (xp.where(x > 0, g, x), (xp.where(g > 0, slots[0], g),)),
    ):
        check(a_leaf(Rule(compute), "float32"), same_bits)
