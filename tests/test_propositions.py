"""The propositions: what is certified contains the truth, and a wrong sign in a rule is noticed."""

import ast
import importlib
import inspect
import json
import math
import sys
import textwrap
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("flint", reason="the propositions need python-flint")
from click.testing import CliRunner

import wdref.dialects
from wdref.analysis.propositions import propositions as P
from wdref.analysis.propositions.command import propositions as command
from wdref.analysis.propositions.runs import TINY, exact, farthest, meet, run
from wdref.analysis.propositions.setting import COORDINATES, STEPS, load, setting
from wdref.conventions import dialect
from wdref.rules.adam import adam
from wdref.rules.sgd import sgd

IDS = ["P1", "P1-restarts", "P1-fixed", "P1-momentum", "P2-fixed", "P2-identity", "P2-adam-first",
       "P2-adam", "P2-limit", "P3", "P3-erratum"]  # fmt: skip
BITS = 320


def failing(found):
    return [finding.id for finding in found if not finding.holds]


def gradients(T=6, n=3, seed=0):
    return np.random.default_rng(seed).uniform(-1, 1, (T, n))


# -- the findings --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def found():
    return P.all_findings()


def test_all_hold(found):
    assert [finding.id for finding in found] == IDS
    assert failing(found) == []


def test_bounds_mean_something(found):
    for finding in found:
        assert math.isfinite(finding.bound)
        assert finding.bound > 0
        if finding.relation == "<=":
            assert finding.bound < TINY
        else:
            assert finding.bound > 0.01


def test_trajectories_are_long_and_wide():
    s = setting()
    assert len(s.grads) == STEPS >= 50
    assert len(s.theta0) == COORDINATES >= 4
    assert len(set(s.eta)) > 10, "a schedule"


@pytest.mark.parametrize("scale", [1e-300, 1e-30, 1e-3, 1e30, 1e300])
def test_gradients_of_any_size(scale):
    assert failing(P.all_findings(scale * gradients())) == []


def test_parameters_of_very_different_size():
    assert failing(P.all_findings(gradients(), np.array([1e-200, 1.0, 1e200]))) == []


@pytest.mark.parametrize("eps", [1e-8, 0.2])
@pytest.mark.parametrize(("alpha", "lam"), [(1e-3, 1e-5), (0.3, 0.4), (0.5, 3.0)])
def test_other_hyperparameters(alpha, lam, eps):
    found = P.all_findings(gradients(), learning_rate=alpha, weight_decay=lam, eps=eps)
    assert failing(found) == []


# -- the other answer: what is false of a setting is not claimed -----------------------------------


def test_without_momentum_nothing_fails():
    assert failing(P.all_findings(gradients(), momentum=0.0)) == ["P1-momentum"]


def test_with_learning_rate_one_the_erratum_is_none():
    assert failing(P.all_findings(gradients(), learning_rate=1.0)) == ["P3-erratum"]


def test_a_preconditioner_kI_contradicts_nothing():
    s = replace(setting(gradients()), scale=(2.0, 2.0, 2.0))
    assert not P.preconditioned(s).holds


def test_adam_with_equal_coordinates_contradicts_nothing():
    g = np.repeat(gradients(n=1, seed=3), 3, axis=1)
    g[0] = -0.5  # else the first step has no λ' at all
    assert failing(P.all_findings(g)) == ["P2-adam-first", "P2-adam"]


def test_an_empty_set_proves_it_too():
    first = P.adam_first(setting(np.abs(gradients()), np.ones(3)))
    assert first.holds
    assert first.detail["empty_sets"] == 3
    assert first.bound is None


def test_the_fixed_preconditioner_has_the_closed_form():
    s = setting(gradients())
    found = P.preconditioned(s).detail
    for scale, row in zip(found["s"], found["lambda_prime"], strict=True):
        (only,) = row["solutions"]
        truth = s.hyper["weight_decay"] * scale / s.hyper["learning_rate"]
        assert only["lower"] <= truth * (1 + 1e-15)
        assert only["upper"] >= truth * (1 - 1e-15)
        assert only["upper"] - only["lower"] < 1e-15


def test_momentum_zero_is_no_buffer():
    """The findings run Algorithm 1 with β1 = 0; plain SGD without a buffer is the same."""
    s = setting(gradients())
    with exact.precision(BITS):
        for claim in ("sgd", "sgdw"):
            with_buffer = run(s, dialect(claim), momentum=0.0)
            without = run(s, dialect(claim, buffer=False), momentum=0.0)
            assert meet(with_buffer, without)
            assert farthest(with_buffer, without) < TINY


# -- one wrong sign --------------------------------------------------------------------------------


def signs(function):
    """Where the arithmetic of `function` has a + or a -, as (line, column) of the operation."""
    tree = ast.parse(inspect.getsource(function))
    return sorted(
        (node.lineno, node.col_offset, ast.unparse(node))
        for node in ast.walk(tree)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub)
    )


def module_of(rule):
    """The module of the dialects that take a paper's function for theirs."""
    return importlib.import_module(f"wdref.rules.{rule.__name__}.dialect")


def with_wrong_sign(function, place):
    tree = ast.parse(inspect.getsource(function))
    return compiled(tree, place, sys.modules[function.__module__], function.__name__)


def compiled(tree, place, module, name):
    for node in ast.walk(tree):
        if isinstance(node, ast.BinOp) and ast.unparse(node) == place:
            node.op = ast.Sub() if isinstance(node.op, ast.Add) else ast.Add()
    namespace = dict(vars(module))
    exec(compile(ast.fix_missing_locations(tree), "<mutant>", "exec"), namespace)
    return namespace[name]


SIGNS = [(rule, text) for rule in (sgd, adam) for *_, text in signs(rule)]


def test_every_line_with_a_sign_is_tried():
    assert [text for _, text in SIGNS] == [
        "g + s.l2 * theta",
        "s.beta1 * m + s.step * g",
        "theta - m",
        "new - s.decay * theta",
        "g + s.l2 * theta",
        "s.beta1 * m + s.one_minus_beta1 * g",
        "s.beta2 * v + s.one_minus_beta2 * (g * g)",
        "xp.sqrt(v_hat) + s.eps",
        "step + s.decay * theta",
        "theta - step",
    ]


@pytest.mark.parametrize(("rule", "text"), SIGNS, ids=[f"{r.__name__}: {t}" for r, t in SIGNS])
def test_a_wrong_sign_is_noticed(monkeypatch, rule, text):
    mutant = with_wrong_sign(rule, text)
    monkeypatch.setattr(module_of(rule), rule.__name__, mutant)
    assert failing(P.all_findings(gradients())) != []


@pytest.mark.parametrize(
    "text",
    ["1 - h['beta1']", "1 - h['beta2']"],
)
def test_a_wrong_sign_in_the_scalars_is_noticed(monkeypatch, text):
    source = textwrap.dedent(inspect.getsource(wdref.dialects.AdamDialect.scalars))
    mutant = compiled(ast.parse(source), text, module_of(adam), "scalars")
    monkeypatch.setattr(wdref.dialects.AdamDialect, "scalars", mutant)
    assert failing(P.all_findings(gradients())) != []


def test_a_wrong_sign_in_the_bias_correction_is_noticed(monkeypatch):
    module = module_of(adam)
    source = inspect.getsource(module.correction)
    mutant = compiled(ast.parse(source), "1 - beta ** count", module, "correction")
    monkeypatch.setattr(module, "correction", mutant)
    assert failing(P.all_findings(gradients())) != []


# -- the caller's gradients ------------------------------------------------------------------------


def test_long_and_wide_gradients_are_thinned():
    g = gradients(200, 50) * np.geomspace(1e-3, 1e3, 50)
    s = setting(g.astype(np.float32))
    assert len(s.grads) == STEPS
    assert s.coordinates == (0, 7, 14, 21, 28, 35, 42, 49), "evenly spaced ranks of their size"
    assert s.grads[0][0] == float(np.float32(g[0, 0]))


def test_columns_on_which_no_decay_acts_are_left_out():
    assert setting(gradients(3, 4), np.array([0.0, 1.0, 0.0, 2.0])).coordinates == (1, 3)


BAD = {
    "one step": ((gradients(1, 3),), "at least 2"),
    "one coordinate": ((gradients(5, 1),), "at least 2"),
    "a vector": ((gradients()[0],), r"expected \(T, n\)"),
    "integers": ((np.ones((3, 3), dtype=int),), "dtype int64"),
    "complex": ((np.ones((3, 3), dtype=complex),), "dtype complex128"),
    "nan": ((np.full((3, 3), np.nan),), "nan or infinity"),
    "infinity": ((np.full((3, 3), np.inf),), "nan or infinity"),
    "short theta0": ((gradients(), np.ones(2)), r"expected \(3,\)"),
    "theta0 of rank 2": ((gradients(), np.ones((3, 1))), r"expected \(n,\)"),
    "theta0 of zeros": ((gradients(), np.zeros(3)), "no decay acts on 0"),
    "theta0 alone": ((None, np.ones(3)), "without grads"),
}


@pytest.mark.parametrize("name", BAD)
def test_wrong_arrays(name):
    arguments, message = BAD[name]
    with pytest.raises(ValueError, match=message):
        P.all_findings(*arguments)


@pytest.mark.parametrize(
    ("hyper", "message"),
    [
        ({"lr": 1.0}, "no hyperparameter lr"),
        ({"learning_rate": 0.0}, "learning_rate=0.0"),
        ({"weight_decay": -1.0}, "weight_decay=-1.0"),
        ({"beta1": 1.0}, "beta1=1.0"),
        ({"eps": math.nan}, "eps=nan"),
    ],
)
def test_wrong_hyperparameters(hyper, message):
    with pytest.raises(ValueError, match=message):
        P.all_findings(gradients(), **hyper)


@pytest.fixture
def files(tmp_path):
    np.save(tmp_path / "good.npy", gradients())
    np.savez(tmp_path / "good.npz", grads=gradients(), theta0=np.array([1.0, -2.0, 3.0]))
    np.savez(tmp_path / "other.npz", theta0=np.ones(3))
    np.save(tmp_path / "objects.npy", np.array([{}], dtype=object), allow_pickle=True)
    np.save(tmp_path / "flat.npy", np.ones(3))
    (tmp_path / "text.npy").write_text("1 2 3")
    (tmp_path / "empty.npy").write_bytes(b"")
    (tmp_path / "cut.npz").write_bytes((tmp_path / "good.npz").read_bytes()[:200])
    return tmp_path


def test_files(files):
    grads, theta0 = load(files / "good.npy")
    assert theta0 is None
    grads_too, theta0 = load(files / "good.npz")
    assert np.array_equal(grads, grads_too)
    assert theta0.tolist() == [1.0, -2.0, 3.0]


# -- the command -----------------------------------------------------------------------------------


def call(*arguments):
    return CliRunner().invoke(command, [str(a) for a in arguments], standalone_mode=False)


def test_json():
    result = call("--json")
    assert result.return_value == 0
    found = json.loads(result.stdout)["propositions"]
    assert [finding["id"] for finding in found] == IDS
    assert all(finding["holds"] is True for finding in found)
    assert all({"statement", "bound", "relation", "measure", "detail"} <= set(f) for f in found)


def test_table(files, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    result = call("--grads", files / "good.npy")
    assert result.return_value == 0
    assert all(f"{name} " in result.stdout for name in IDS)
    assert max(map(len, result.stdout.splitlines())) <= 80


def test_no_is_status_1(files, monkeypatch):
    mutant = with_wrong_sign(sgd, "new - s.decay * theta")
    monkeypatch.setattr(module_of(sgd), "sgd", mutant)
    result = call("--grads", files / "good.npy", "--json")
    assert result.return_value == 1
    assert any(not finding["holds"] for finding in json.loads(result.stdout)["propositions"])


@pytest.mark.parametrize("name", ["good.npy", "good.npz"])
def test_own_gradients(files, name):
    result = call("--grads", files / name, "--json")
    assert result.return_value == 0
    detail = next(f for f in json.loads(result.stdout)["propositions"] if f["id"] == "P2-adam")
    assert len(detail["detail"]["lambda_prime"]) == 3


@pytest.mark.parametrize(
    "name",
    ["none.npy", "other.npz", "objects.npy", "flat.npy", "text.npy", "empty.npy", "cut.npz", ""],
)
def test_a_wrong_file_is_status_2(files, name):
    result = call("--grads", files / name, "--json")
    assert isinstance(result.exception, SystemExit)
    assert result.exception.code == 2
    assert len(result.stderr.splitlines()) == 1
    assert result.stderr.startswith("wdref: error: ")
    assert json.loads(result.stdout)["propositions"] == []


def test_no_name_is_no_file():
    assert call("--grads", "").exception.code == 2
