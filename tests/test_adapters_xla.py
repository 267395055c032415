"""Adapters of optax, Keras and TensorFlow: what each row computes, its defaults and its options.

Each row runs on a few short cases. In float64 every right formula conforms and every other is far
away; what is imprecise there holds named scalars in float32. Keras has one backend in a process, so
that its rows run in processes of their own.
"""

import ast
import importlib
import inspect
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import wdref.frameworks
from wdref.conventions import dialect
from wdref.oracle import Unsupported
from wdref.oracle.cases.shapes import tensors
from wdref.oracle.cases.suite import regimes
from wdref.oracle.judge.verdict import judge, judge_all, overall, worst_ratio
from wdref.oracle.targets.targets import Result, TargetError, parse, parse_options, start

SHORT = ("exaggerated", "sparse", "bursts")
SEVERAL = ("groups", "groups-own", "tensors-empty-last")
FOLDER = Path(wdref.frameworks.__file__).parent


def constants(framework):
    """The adapter's literal constants, read without importing its framework."""
    tree = ast.parse((FOLDER / f"{framework}.py").read_text())
    found = {}
    for node in tree.body:
        name = getattr(node.targets[0], "id", "") if isinstance(node, ast.Assign) else ""
        if name in ("INSTALL", "CONVENTION", "OPTIMIZERS"):
            found[name] = ast.literal_eval(node.value)
    return found


def adapter(framework):
    pytest.importorskip(framework, reason="the extra `frameworks` installs it")
    return importlib.import_module(f"wdref.frameworks.{framework}")


def rows(framework):
    return list(constants(framework)["OPTIMIZERS"].items())


def few(claim, found, dtype, names=SHORT):
    every = [*regimes(claim, found, dtype), *tensors(claim, found, dtype)]
    return [case for case in every if case.id.partition("/")[0] in names]


def rule_of(framework, claim):
    name, answers = parse_options(claim)
    return dialect(name, constants(framework)["CONVENTION"], **answers)


def result_of(run, case):
    given = SimpleNamespace(**{**vars(case), "hyper": dict(case.hyper)})
    try:
        return Result("ok", run(given))
    except Unsupported as reason:
        return Result("unsupported", message=str(reason))


def verdicts(framework, target, claim, dtype="float64", names=SHORT):
    name, options = parse_options(target)
    run, found = adapter(framework).load(name, **options), rule_of(framework, claim)
    return [judge(found, c, result_of(run, c)) for c in few(claim, found, dtype, names)]


# -- what each row computes ------------------------------------------------------------------


@pytest.mark.parametrize("framework", ["optax", "keras", "tensorflow"])
def test_every_row_names_a_rule(framework):
    assert constants(framework)["INSTALL"].startswith("pip install ")
    for target, claim in rows(framework):
        assert rule_of(framework, claim)
        assert parse(f"{framework}:{target}").spec["kind"] == "adapter"


# numbers in float32; NaN where the schedule begins at 0 or no gradient was seen: docs/findings.md
OTHERWISE = {"madgrad": {"imprecise"}, "adafactor": {"imprecise"},
             **{key: {"conforms", "deviates"} for key in ("prodigy", "dadapt_adamw")}}  # fmt: skip


# devices have a process of their own: tests/test_sharded.py
@pytest.mark.parametrize(
    ("target", "claim"), [row for row in rows("optax") if "sharded" not in row[0]]
)
def test_optax_conforms_in_float64(target, claim):
    found = verdicts("optax", target, claim)
    expected = next((x for name, x in OTHERWISE.items() if target.startswith(name)), None)
    assert {v.verdict for v in found} == (expected or {"conforms"})
    assert expected or worst_ratio(found) <= 1


FAR = [("adam", "adam"), ("adam[decay=before]", "adamw"), ("adamw", "adam"),
       ("adamw", "adamw[form=paper]"), ("sgd[decay=after]", "sgd"),
       ("sgd[decay=last]", "sgdw"), ("amsgrad[decay=before]", "adam[amsgrad=raw]"),
       ("nadamw", "adamw"), ("adam[nesterov=True]", "adam[form=none]")]  # fmt: skip


@pytest.mark.parametrize(("target", "claim"), FAR)
def test_optax_under_another_claim_deviates(target, claim):
    found = verdicts("optax", target, claim, names=("exaggerated",))
    assert overall(found) == "deviates"
    assert worst_ratio(found) > 1e9


def test_optax_trees_and_masks():
    """A tensor's own rate and decay, by optax.partition; no decay, by a mask or a 0."""
    for target in ("adamw", "adamw[mask=True]", "sgd[decay=before]"):
        claim = constants("optax")["OPTIMIZERS"][target]
        found = verdicts("optax", target, claim, names=SEVERAL)
        assert {v.verdict for v in found} == {"conforms"}


def test_optax_in_float32_with_x64_and_without():
    """Without x64 the bias corrections are computed in float32; only a large rate shows it."""
    pytest.importorskip("optax", reason="the extra `frameworks` installs it")
    target, names = "adam[decay=before", ("wide", "eps-rules")
    off = verdicts("optax", f"{target}]", "adam", "float32", names)
    on = verdicts("optax", f"{target},x64=True]", "adam", "float32", names)
    assert overall(on) == "conforms"
    assert worst_ratio(on) <= 2 < worst_ratio(off)
    told = [v.message.split(", or ") for v in off if v.verdict != "conforms"]
    assert all("bias corrections computed in float32" in words for words in told)


TENSORFLOW = {
    "MomentumOptimizer[decay=l2]": "momentum in float32",
    "MomentumOptimizer[decay=l2,use_nesterov=True]": "momentum in float32",
    "MomentumOptimizer": "momentum in float32",
    "AdadeltaOptimizer": "rho, eps in float32",
    "AdadeltaOptimizer[decay=l2]": "rho, eps in float32",
    "RMSPropOptimizer": "rho, momentum, eps in float32",
    "RMSPropOptimizer[decay=l2]": "rho, momentum, eps in float32",
    "RMSPropOptimizer[decay=l2,centered=True]": "rho, momentum, eps in float32",
    "AdamOptimizer": "float32",
    "AdamOptimizer[decay=l2]": "float32",
}


@pytest.mark.parametrize(
    ("target", "claim"), [row for row in rows("tensorflow") if "jit_compile" not in row[0]]
)
def test_tensorflow_in_float64(target, claim):
    """The operators conform; the classes hold their Python numbers in float32."""
    found = verdicts("tensorflow", target, claim, names=("exaggerated",))
    scalars = TENSORFLOW.get(target)
    assert overall(found) == ("imprecise" if scalars else "conforms")
    if scalars:
        assert all(scalars in v.message for v in found)
    else:
        assert worst_ratio(found) <= 1


def test_tensorflow_powers_kept_as_products():
    found = dialect("adam", "tensorflow")
    run = adapter("tensorflow").load("ApplyAdam", powers="products")
    for dtype, most in (("float64", 1), ("float32", 4)):
        cases = few("adam", found, dtype)
        assert worst_ratio([judge(found, c, result_of(run, c)) for c in cases]) <= most


def test_tensorflow_late_gradients_and_groups():
    """An operator's caller counts t for each variable; AdamOptimizer one t for all."""
    names = (*SEVERAL, "late", "gaps")
    for row, claim in (("ApplyAdam[decay=l2]", "adam[form=l2]"),
                       ("GradientDescentOptimizer", "sgd[buffer=False]")):  # fmt: skip
        found = verdicts("tensorflow", row, claim, names=names)
        assert {v.verdict for v in found} == {"conforms"}
        assert len(found) == len(names)
    found = verdicts("tensorflow", "AdamOptimizer", "adam", names=("late", "gaps"))
    assert [(v.verdict, "one t" in v.message) for v in found] == 2 * [("unsupported", True)]


# Keras' cast of a Python number is a float32 tensor on tensorflow, whatever floatx is
KERAS = [
    ("AdamW[backend=jax]", "conforms", "unsupported", ""),
    ("SGD[backend=torch]", "conforms", "conforms", ""),
    ("SGD[backend=tensorflow]", "imprecise", "imprecise", "momentum"),
]


@pytest.mark.parametrize(("target", "verdict", "late", "scalar"), KERAS)
def test_keras_in_float64(target, verdict, late, scalar):
    """In a process of its own: exclusion and late gradients beside one plain case."""
    backend = parse_options(target)[1]["backend"]
    for package in ("keras", backend):
        pytest.importorskip(package, reason="the extra `frameworks` installs it")
    claim = constants("keras")["OPTIMIZERS"][target]
    found = rule_of("keras", claim)
    cases = few(claim, found, "float64", ("exaggerated", "groups", "groups-own", "late", "gaps"))
    with start(parse(f"keras:{target}"), cases, timeout=300) as running:
        judged = judge_all(found, cases, *running.answers())
    grades = {v.id.partition("/")[0]: v.verdict for v in judged}
    assert grades == {"exaggerated": verdict, "groups": verdict, "groups-own": verdict,
                      "late": late, "gaps": late}  # fmt: skip
    assert all(scalar in v.message for v in judged if v.verdict == "imprecise")


# -- defaults and errors ---------------------------------------------------------------------


def test_optax_defaults_are_its_own():
    optax = pytest.importorskip("optax", reason="the extra `frameworks` installs it")
    found = adapter("optax").defaults("adamw")
    parameters = inspect.signature(optax.adamw).parameters
    assert found["weight_decay"] == parameters["weight_decay"].default
    assert set(found) == {n for n, p in parameters.items() if p.default is not p.empty}
    assert "weight_decay" in adapter("optax").defaults("adam", decay="before")
    assert "weight_decay" not in adapter("optax").defaults("adam")
    assert adapter("optax").version() == optax.__version__


def test_tensorflow_defaults_are_its_own():
    tf = pytest.importorskip("tensorflow", reason="the extra `frameworks` installs it")
    found = adapter("tensorflow").defaults("AdamOptimizer")
    parameters = inspect.signature(tf.compat.v1.train.AdamOptimizer).parameters
    assert found["epsilon"] == parameters["epsilon"].default
    assert adapter("tensorflow").version() == tf.__version__


ERRORS = [
    ("optax", "Lion", {}, "no 'Lion'; it knows .*lion"),
    ("optax", "adamw", {"fuse": True}, "adamw has no option 'fuse'; it has b1, .*decay"),
    ("optax", "adam", {"decay": "inside"}, "decay='inside'; expected one of .*before"),
    ("optax", "adamw", {"decay": "before"}, "adamw has a decay of its own"),
    ("tensorflow", "Adam", {}, "no 'Adam'; it knows .*AdamOptimizer"),
    ("tensorflow", "ApplyAdam", {"fuse": 1}, "ApplyAdam has no option 'fuse'; it has use_"),
    ("tensorflow", "ApplyAdam", {"decay": "lr"}, "decay='lr'; expected none or l2"),
    ("tensorflow", "ApplyAdam", {"powers": "x"}, "powers='x'; expected float64 or products"),
]


@pytest.mark.parametrize(("framework", "name", "options", "words"), ERRORS)
def test_errors_name_the_culprit(framework, name, options, words):
    with pytest.raises(ValueError, match=f"{framework} adapter: {words}"):
        adapter(framework).load(name, **options)


def test_keras_errors_before_the_import():
    """Names and values that need no backend to be known as wrong."""
    load = importlib.import_module("wdref.frameworks.keras").load
    for name, options, words in (
        ("Ftrl", {}, "no 'Ftrl'; it knows SGD"),
        ("Adam", {"backend": "mxnet"}, "backend='mxnet'; it knows tensorflow, jax, torch"),
        ("Adam", {"backend": "torch", "jit_compile": True}, "jit_compile is tensorflow's"),
        ("Adam", {"floatx": "float16"}, "floatx='float16'; expected float32 or float64"),
    ):
        with pytest.raises(ValueError, match=f"keras adapter: {words}"):
            load(name, **options)


def test_an_option_that_keras_has_not_is_named():
    for package in ("keras", "torch"):
        pytest.importorskip(package, reason="the extra `frameworks` installs it")
    cases = few("adamw", rule_of("keras", "adamw"), "float64", ("first",))
    with (
        pytest.raises(TargetError, match=r"AdamW has no option 'fuse'; it has .*amsgrad"),
        start(parse("keras:AdamW[backend=torch,fuse=True]"), cases, timeout=300) as running,
    ):
        running.results()


def test_float64_without_x64_and_dampening_are_unsupported():
    found = verdicts("optax", "adamw[x64=False]", "adamw", names=("exaggerated",))
    assert [(v.verdict, v.message) for v in found] == [
        ("unsupported", "JAX has float64 with x64 on only")
    ]
    pytorch = dialect("sgd", "pytorch")
    case = next(regimes("sgd", pytorch, "float64"))
    assert result_of(adapter("optax").load("sgd"), case).message == "optax.sgd has no dampening"


def test_primitives_are_what_xla_does():
    """Without its fused product or flushed subnormals the envelope would accuse it."""
    offered = adapter("optax").primitives("float32")
    x = np.array([4.0, 9.0], dtype=np.float32)
    assert offered["sqrt"](x).tolist() == [2.0, 3.0]
    assert offered["fused"](x, x, x).tolist() == [20.0, 90.0]
    assert offered["divide"](x, x).dtype == np.float32
