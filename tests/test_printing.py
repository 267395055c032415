"""Rules printed in other languages are compiled, run, and give NumPy's bits."""

import math

import numpy as np
import printed_runs
import pytest
from command_runs import one_line, target, wdref  # noqa: F401  # fixtures
from hypothesis import given
from hypothesis import strategies as st
from printed_runs import HYPER
from programs import needed

from wdref.backend import PLAIN, Leaf
from wdref.backends.printers import host
from wdref.backends.printers.expression import ops
from wdref.backends.printers.printing import PRINTERS, print_rule
from wdref.engine.half_precision import Kernel

PROGRAMS = printed_runs.Program.all()


def job(program, seed, t):
    """Any bits in every array: all exponents, subnormals, infinities, NaNs; hyperparameters too."""
    rng = np.random.default_rng([seed, t])
    dtype = program.listing.dtype
    size = int(rng.integers(0, 70))
    sizes = [size] * len(program.listing.arrays) + [1] * len(program.numbers)
    bits = [rng.bytes(n * np.dtype(dtype).itemsize) for n in sizes]
    arrays = [np.frombuffer(x, dtype) for x in bits]
    hyper = {key: float(value * rng.uniform(0.5, 1.01)) for key, value in HYPER.items()}
    times = {"t": t, "eta": rng.uniform(), "eta_before": rng.uniform()}
    products = {r.name: rng.uniform() for r in program.listing.running}
    times, hyper = {**times, **products}, {**hyper, **products}
    return program, arrays, hyper, times


def expected(program, arrays, hyper, times):
    d = program.listing.dialect
    before = times["eta_before"] if times["t"] > 1 else None
    scalars = d.scalars(hyper, times["t"], times["eta"], before=before)
    theta, g, *slots = arrays
    names = [*program.listing.arrays[2:], *program.numbers]
    given, kernel = dict(zip(names, slots, strict=True)), Kernel(d)
    slots = tuple(given[x].reshape(()) if x in program.numbers else given[x] for x in kernel.slots)
    with np.errstate(all="ignore"):
        ((new, after),) = PLAIN.update([Leaf(kernel, theta, g, slots, scalars)])
    after = dict(zip(kernel.slots, after, strict=True))
    return [new, g, *(after[x].reshape(-1) for x in names)]


def check(found, want, same_bits):
    for x, y in zip(found, want, strict=True):
        same_bits(x, y)


@pytest.fixture(scope="module")
def in_c(tmp_path_factory):
    return printed_runs.compile_c(PROGRAMS, tmp_path_factory.mktemp("c"), needed("cc"))


@pytest.fixture(scope="module")
def in_rust(tmp_path_factory):
    needed("rustc")
    return printed_runs.compile_rust(PROGRAMS, tmp_path_factory.mktemp("rust"))


@given(st.sampled_from(PROGRAMS), st.integers(0, 2**32), st.sampled_from([1, 2, 3, 1000, 10**6]))
def test_c(in_c, same_bits, program, seed, t):
    own = job(program, seed, t)
    check(printed_runs.call(in_c, *own), expected(*own), same_bits)


@given(st.sampled_from(PROGRAMS), st.integers(0, 2**32), st.sampled_from([1, 2, 3, 1000, 10**6]))
def test_rust(in_rust, same_bits, program, seed, t):
    own = job(program, seed, t)
    check(printed_runs.call(in_rust, *own), expected(*own), same_bits)


def test_every_program_in_c(in_c, same_bits):
    for i, program in enumerate(PROGRAMS):
        for t in (1, 2, 57):
            own = job(program, i, t)
            check(printed_runs.call(in_c, *own), expected(*own), same_bits)


def test_javascript(tmp_path, same_bits):
    needed("node")
    # of a power that is no whole number a browser's last bit is its own
    whole = [p for p in PROGRAMS if not any("real_power" in ops(x) for _, x in p.listing.scalars)]
    jobs = [job(program, i, t) for i, program in enumerate(whole) for t in (1, 2, 57, 10**4)]
    for own, found in zip(jobs, printed_runs.run_node(jobs, tmp_path), strict=True):
        if any("real_power" in ops(tree) for _, tree in own[0].listing.scalars):
            continue  # Math.pow is each engine's own: docs/print.md withdraws the bits
        check(found, expected(*own), same_bits)


def test_the_host_s_formulas_are_the_dialect_s():
    """Evaluated again by an interpreter of its own, at the first step and later."""
    for program in PROGRAMS:
        d = program.listing.dialect
        for t in (1, 2, 9):
            own = {**HYPER, **{r.name: 0.25 for r in program.listing.running}}
            want = d.scalars(own, t, 0.5, before=0.75 if t > 1 else None)._asdict()
            names = {**own, "t": t, "eta": 0.5, "eta_before": 0.75}
            found = {key: evaluate(tree, names) for key, tree in host.scalars(d).items()}
            assert found == {key: value for key, value in want.items() if value is not None}


def evaluate(tree, names):
    if tree.op in ("name", "number"):
        return names[tree.leaf] if tree.op == "name" else tree.leaf
    if tree.op == "first":
        return evaluate(tree.args[names["t"] > 1], names)
    if tree.op == "select":  # what is not chosen may be no number
        yes, *either = tree.args
        return evaluate(either[not evaluate(yes, names)], names)
    a, *b = (evaluate(x, names) for x in tree.args)
    return {"negative": lambda: -a,
            "add": lambda: a + b[0], "subtract": lambda: a - b[0], "multiply": lambda: a * b[0],
            "divide": lambda: a / b[0], "power": lambda: a ** b[0],
            "real_power": lambda: a ** b[0], "remainder": lambda: a % b[0],
            "sqrt": lambda: math.sqrt(a), "less": lambda: a < b[0],
            "less_equal": lambda: a <= b[0], "greater": lambda: a > b[0],
            "greater_equal": lambda: a >= b[0]}[tree.op]()  # fmt: skip


@pytest.mark.parametrize("language", sorted(PRINTERS))
def test_every_convention_is_printed(language):
    for program in PROGRAMS:
        assert "theta" in {line.target for line in program.listing.lines if line.array}
        assert program.text(PRINTERS[language])


def test_above_the_code_stand_formula_source_and_command():
    text = print_rule("adamw", "c", convention="keras", dtype="float64")
    assert "θ ← θ - η α m̂/(√v̂ + ε/√(1-β2^t)) - η α λ θ" in text
    assert "Algorithm 2, as keras computes" in text.replace("\n * ", " ")
    assert "wdref print adamw --as c --convention keras --dtype float64" in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("adamm", "convention 'paper' has no 'adamm': it has sgd, sgdw, adam, adamw"),
        ("adam[amsgrad=hatt]", "amsgrad='hatt': expected one of 'none', 'raw', 'hat'"),
        ("adam[", "'adam[': expected name or name[option=value,…]"),
        ("adamw --convention x", "no convention 'x': wdref knows authors_code"),
    ],
)
def test_bad_input(wdref, arguments, message):  # noqa: F811  # a fixture
    status, out, err = wdref("print", "--as", "c", *arguments.split())
    assert status == 2
    assert one_line(err)
    assert message in err
    assert out == ""
