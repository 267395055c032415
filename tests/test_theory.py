"""The theory's checks: all hold, each control fails, and a wrong rule is noticed."""

import json
import math
import re
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("scipy", reason="the extra `analysis` installs it")
pytest.importorskip("ml_dtypes", reason="the extra `analysis` installs it")
pytest.importorskip("rich", reason="the extra `analysis` installs it")
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from test_propositions import SIGNS, module_of, with_wrong_sign

from wdref.analysis.theory import command as theory_command
from wdref.analysis.theory import walk as theory_walk
from wdref.analysis.theory.check import Check, interval, slope
from wdref.analysis.theory.show import table
from wdref.analysis.theory.theory import GROUPS, IDS, checks, chosen
from wdref.analysis.theory.timescale import budgets, constant_timescale, timescale
from wdref.analysis.theory.variants import ABLATION, CAUTIOUS
from wdref.analysis.theory.walk import Walk
from wdref.conventions import dialect
from wdref.dialects import AdamDialect
from wdref.oracle.bugs.mutants import Twisted
from wdref.oracle.bugs.twists import l2_in_step_only

QUICK = ("2", "5", "6", "8-bfloat16-half", "8-bfloat16-above", "8-bfloat16-double", "9")
WITHOUT_CONTROL = {"3-adamw-norm", "3-adamw-angle", "3-l2-norm", "3-l2-angle", "3-sgd0-norm",
                   "3-sgd0-angle", "3-sgd0.9-norm", "3-sgd0.9-angle", "8-bfloat16-double",
                   "8-float16-double"}  # fmt: skip


def failing(only=QUICK):
    with np.errstate(all="ignore"):  # a wrong rule may diverge
        return [check.id for check in checks(only) if not check.holds]


# -- the checks ------------------------------------------------------------------------------------


def test_all_hold():
    found = list(checks())  # once: it is most of this file's time
    assert tuple(check.id for check in found) == IDS
    assert [check.id for check in found if not check.holds] == []
    assert {check.id for check in found if check.control is None} == WITHOUT_CONTROL
    for check in found:
        controls_fail_by_far(check)
        assert check.reason
        assert any(word in check.source for word in ("arXiv", "Algorithm 2", "IEEE 754"))


def controls_fail_by_far(check):
    """Tolerances are small beside what they judge."""
    if check.control is None:
        assert check.tolerance <= 0.05 * abs(check.predicted), check.id
    else:
        assert math.isfinite(check.control.measured), check.id
        assert check.control.fails, check.id
        assert check.tolerance < 0.15 * abs(check.control.measured - check.predicted), check.id


# -- wrong rules -----------------------------------------------------------------------------------


def test_the_right_rules_pass_the_quick_checks():
    assert failing() == []


@pytest.mark.parametrize(("rule", "text"), SIGNS, ids=[f"{r.__name__}: {t}" for r, t in SIGNS])
def test_a_wrong_sign_is_noticed(monkeypatch, rule, text):
    monkeypatch.setattr(module_of(rule), rule.__name__, with_wrong_sign(rule, text))
    # the sign of Adam + L2 is seen where that is what is predicted, not the control
    assert failing() or failing(["1-ridge"])


def test_decay_in_the_moments_is_noticed(monkeypatch):
    def coupled(claim, *convention, **answers):
        right = {"adamw": "adam", "sgdw": "sgd"}
        answers.pop("form", None), answers.pop("order", None)
        return dialect(right.get(claim, claim), *convention, **answers)

    monkeypatch.setattr(theory_walk, "dialect", coupled)
    broken = failing()
    assert {"2-scale", "2-proximal", "5-average", "5-tau", "6-prop1", "9-mean"} <= set(broken)


def test_l2_outside_the_moments_is_noticed(monkeypatch):
    def decoupled(claim, *convention, **answers):
        if claim in ("adam", "sgd"):
            return dialect(claim + "w", *convention, form="lr")
        return dialect(claim, *convention, **answers)

    monkeypatch.setattr(theory_walk, "dialect", decoupled)
    broken = failing()
    assert {"2-scale", "2-proximal", "5-average", "5-tau"} <= set(broken), "the controls pass"


# -- the record ------------------------------------------------------------------------------------


@given(st.floats(-1e3, 1e3), st.floats(0, 1e3), st.floats(-1e3, 1e3))
def test_a_check_holds_within_its_tolerance(predicted, tolerance, measured):
    def made(relation):
        return Check("0", "", predicted, measured, tolerance, "", "", relation)

    assert made("=").holds == (made("<=").holds and made(">=").holds)
    assert made("<=").holds == (measured - predicted <= tolerance)
    assert made("=").holds or not made("=").against("", predicted).holds


def test_nan_is_never_within_tolerance():
    nan = float("nan")
    for relation in ("=", "<=", ">="):
        assert not Check("0", "", 0.0, nan, 1e9, "", "", relation).holds


@given(st.floats(-5, 5), st.floats(-5, 5))
def test_slope_of_a_line(a, b):
    x = np.array([0.0, 1.0, 4.0, 5.0])
    assert slope(x, (a * x + b)[:, None])[0] == pytest.approx(a, abs=1e-12)


def test_the_interval_covers_as_often_as_it_says():
    rng = np.random.default_rng(0)
    draws = rng.standard_normal((4000, 5))
    covered = sum(abs(mean) <= half for mean, half in map(interval, draws))
    # 0.999 of 4000 with 4 standard deviations of the count
    assert abs(covered - 3996) <= 8


# -- the rules of the timescale --------------------------------------------------------------------

SIZES = st.integers(1, 10_000)


@given(st.floats(1e-3, 1e3), st.floats(1e-5, 1.0), SIZES, SIZES)
def test_the_constant_timescale_is_kept(tau, alpha, b, N):
    options = {"learning_rate": alpha, "batch_size": b, "dataset_size": N}
    lam = constant_timescale(tau, **options)
    assert timescale(lam, **options) == pytest.approx(tau, rel=1e-14)


@given(st.floats(1e-4, 1.0), SIZES, SIZES)
def test_the_rules_coincide_where_the_budget_is_in_proportion(lam, b, times):
    # T ~ B/b: the number of steps in an epoch, so that bT/B stays
    rows = budgets(lam, dataset_size=20_000, epochs=(20_000 / b,), batch_sizes=(b,))
    more = budgets(lam, dataset_size=20_000, epochs=(20_000 / times,), batch_sizes=(times,))
    assert rows[0].tau_normalised == pytest.approx(more[0].tau_normalised, rel=1e-12)
    assert rows[0].tau_normalised == pytest.approx(1 / lam, rel=1e-12)


@pytest.mark.parametrize("bad", [0.0, -1.0, float("nan")])
def test_a_decay_without_a_timescale_is_refused(bad):
    with pytest.raises(ValueError, match="weight_decay"):
        timescale(bad, batch_size=1, dataset_size=1)


# -- the variants ----------------------------------------------------------------------------------


def walked(rule, steps=20, claim="adam", lam=0.3):
    rng = np.random.default_rng(1)
    walk = Walk(claim, rng.standard_normal(6), rule=rule, learning_rate=0.05, weight_decay=lam)
    for _ in range(steps):
        walk.step(rng.standard_normal(6))
    return walk.theta


def test_l2_in_both_buffers_is_adam(same_bits):
    same_bits(walked(ABLATION["both"]), walked(AdamDialect(form="l2")))


def test_l2_in_neither_is_the_known_bug():
    twisted = Twisted(AdamDialect(form="l2"), "", step=l2_in_step_only)
    np.testing.assert_allclose(walked(ABLATION["neither"]), walked(twisted), rtol=1e-13)


def test_the_four_are_four():
    ends = [walked(variant) for variant in ABLATION.values()]
    for i, a in enumerate(ends):
        assert all(np.abs(a - b).max() > 1e-4 for b in ends[:i])


@given(st.floats(0.1, 2.0), st.sampled_from([-1.0, 1.0]), st.sampled_from([-1.0, 1.0]))
def test_cautious_decay_acts_where_the_step_agrees(size, side, sign):
    theta, g = np.array([side * size]), np.array([sign * 0.5])
    options = {"learning_rate": 0.01, "weight_decay": 0.3}
    ends = [Walk("adamw", theta, rule=rule, form="lr", **options).step(g)[0]
            for rule in (CAUTIOUS, None)]  # fmt: skip
    bare = Walk("adam", theta, learning_rate=0.01).step(g)[0]
    assert ends[0] == pytest.approx(ends[1] if side == sign else bare, rel=1e-14)


# -- the command -----------------------------------------------------------------------------------


def run(*args):
    return CliRunner().invoke(theory_command.theory, args, standalone_mode=False)


def test_json():
    result = run("--only", "2", "--json")
    document = json.loads(result.stdout)
    assert result.return_value == 0
    keys = {"id", "predicted", "measured", "tolerance", "holds", "source"}
    assert all(keys <= set(check) for check in document["checks"])
    assert [check["id"] for check in document["checks"]] == ["2-scale", "2-proximal"]
    assert document["made_by"]["command"] == "wdref theory --only 2"


def test_what_does_not_hold_is_told(monkeypatch):
    bad = Check("2-scale", "a [bold] claim", 0.0, 1.0, 0.5, "", "")
    monkeypatch.setitem(GROUPS, next(g for g in GROUPS if "2-scale" in GROUPS[g]), ("none",))
    monkeypatch.setattr("wdref.analysis.theory.theory.checks", lambda only: iter([bad]))
    result = run("--only", "2-proximal")
    assert result.return_value == 1
    assert "a [bold] claim" in result.stdout


def test_unknown_ids_are_refused(capsys):
    result = run("--only", "2-scales")
    assert result.exit_code == 2
    assert "no check '2-scales': items are 1, 2, 3" in result.stderr


def test_items_and_ids():
    assert chosen(["2"]) == ["2-scale", "2-proximal"]
    assert chosen(["12-decay", "9-mean"]) == ["9-mean", "12-decay"]
    assert "12-scale" not in chosen(["1"])


def test_markdown_has_the_table_of_the_two_rules():
    text = run("--only", "5", "--markdown").stdout
    assert text.count("| 1600 | 128 |") == 1
    assert "1.265e-04" in text, "Appendix B.1: λ_norm 0.025, b 128, B 50,000, T 100"


def test_bars_in_formulas_are_no_cells():
    lines = table(("λ|θ|", "b"), [("|x|", "1")])
    assert [len(re.split(r"(?<!\\)\|", line)) for line in lines] == [4, 4, 4]


def test_the_folder_holds_what_the_report_needs(tmp_path):
    storage = pytest.importorskip("wdref.analysis.sweep.storage")
    result = run("--only", "2", "--out", str(tmp_path / "new"))
    assert result.return_value == 0
    assert sorted(p.name for p in (tmp_path / "new").iterdir()) == [
        "theory.json", "theory.nc", "theory.svg"]  # fmt: skip
    data = storage.read(tmp_path / "new" / "theory.nc")
    assert [str(id) for id in data["check"].values] == ["2-scale", "2-proximal"]
    assert data["control"].values[1] == pytest.approx(1.0, abs=1e-3)


def test_a_folder_that_cannot_be_is_refused_before_the_work(tmp_path):
    (tmp_path / "file").touch()
    result = run("--out", str(tmp_path / "file"))
    assert result.exit_code == 2
    assert "--out" in result.stderr


# -- the page --------------------------------------------------------------------------------------


def test_the_page_has_every_check():
    page = Path(__file__).parents[1] / "docs" / "theory_table.md"
    rows = [line.split(" | ") for line in page.read_text("utf-8").splitlines() if " | " in line]
    holds = {row[0].strip("| "): row[-1].strip("| ") for row in rows if len(row) == 7}
    assert {id: holds.get(id) for id in IDS} == dict.fromkeys(IDS, "yes")
