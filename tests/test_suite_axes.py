"""The suite's other axes: memory, half precision, views, primitives, undecided values."""

from dataclasses import replace

import numpy as np
import pytest

from wdref.conventions import dialect
from wdref.engine.arithmetic import Arithmetic, Primitives
from wdref.oracle.bugs.gallery import gallery
from wdref.oracle.cases.case import noise, rounded
from wdref.oracle.cases.shapes import PERIOD, SIZES, shapes, views
from wdref.oracle.cases.suite import brief, cases, regimes
from wdref.oracle.judge.enclosure import enclose
from wdref.oracle.judge.verdict import judge
from wdref.oracle.proof.detection import plainly, simulated
from wdref.oracle.targets import measure
from wdref.oracle.targets.targets import Result, parse, start

pytest.importorskip("flint", reason="needs wdref[oracle]")

CLAIM = dialect("adamw", "pytorch")
BY_NAME = {
    dtype: {case.id.split("/")[0]: case for case in regimes("adamw", CLAIM, dtype)}
    for dtype in ("float64", "float32", "float16", "bfloat16")
}


# -- a target's memory --------------------------------------------------------------------------


def test_a_target_that_takes_too_much_memory_costs_its_own_case_only(tmp_path):
    file = tmp_path / "greedy.py"
    file.write_text(
        "import numpy as np\n"
        "def run(case):\n"
        "    if case.id == 'wide/float64':\n"
        "        np.ones(2**28)\n"  # 2 GiB
        "    return np.zeros(case.grads.shape)\n"
    )
    chosen = [BY_NAME["float64"][name] for name in ("first", "wide", "sparse")]
    results = start(parse(f"{file}:run"), chosen, memory=1.0).results()
    assert [r.status for r in results] == ["ok", "error", "ok"]
    assert "MemoryError" in results[1].message


# -- sizes and several tensors ------------------------------------------------------------------


def test_sizes_are_those_on_which_loops_break():
    assert {0, 1, *range(2, 71), 128, 1024, 65_536} <= set(SIZES)
    assert PERIOD not in (1, 2, 4, 8, 16, 32, 64)  # no vector width hides a displaced element


@pytest.mark.parametrize("n", [0, 1, 60, 61, 62, 1025])
def test_what_is_certified_once_holds_for_every_size(n):
    case = next(c for c in shapes("adamw", CLAIM, "float32") if c.id == f"size-{n}/float32")
    whole = enclose(CLAIM, case)
    alone = enclose(CLAIM, replace(case, template=None))
    assert whole.high.shape == (3, n)
    np.testing.assert_array_equal(whole.high, alone.high)
    np.testing.assert_array_equal(whole.radius, alone.radius)


@pytest.mark.parametrize("n", [63, 64, 65, 129, 65_537])
def test_one_element_that_is_skipped_is_seen(n):
    case = next(c for c in shapes("adamw", CLAIM, "float32") if c.id == f"size-{n}/float32")
    values = plainly(CLAIM, case)
    values[:, n - 1] = case.theta0[n - 1]  # a tail that a vectorised loop forgets
    verdict = judge(CLAIM, case, Result("ok", values))
    assert (verdict.verdict, verdict.coordinate) == ("deviates", n - 1)


def test_the_last_tensor_counts():
    case = next(c for c in cases("adamw", CLAIM, "float32") if c.id == "tensors-many/float32")
    result = simulated(CLAIM, case)
    assert judge(CLAIM, case, result).verdict == "conforms"
    result.values[-1][2:] = result.values[-1][1]  # stands still from the third step on
    verdict = judge(CLAIM, case, result)
    assert (verdict.verdict, verdict.tensor) == ("deviates", 39)
    assert verdict.step >= 3


def test_a_late_tensor_must_not_move_early():
    case = next(c for c in cases("adamw", CLAIM, "float64") if c.id == "late/float64")
    result = simulated(CLAIM, case)
    result.values[1][0] *= 0.9
    verdict = judge(CLAIM, case, result)
    assert (verdict.verdict, verdict.message) == ("deviates", "moved before its first gradient")


@pytest.mark.parametrize("claim", ["sgd", "adamw"])
def test_rows_that_share_have_all_together(claim):
    rule = dialect(claim, "pytorch")

    def asked(*part):
        return {case.id for case in brief(claim, rule, "float32", part)}

    parts = [asked(row, 4) for row in range(4)]
    assert set().union(*parts) == asked(0, 1)
    assert max(map(len, parts)) < len(asked(0, 1)) - 5


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_a_name_is_one_case(dtype):
    """Verdicts, vectors and BRIEF find cases by their names."""
    for claim in ("sgd", "adamw"):
        names = [case.id for case in cases(claim, dialect(claim), dtype, with_views=True)]
        assert len(set(names)) == len(names)


def test_views_are_asked_for():
    usual = [case.layout for case in cases("adamw", CLAIM, "float32")]
    assert set(usual) == {"contiguous"}
    asked = [case.layout for case in cases("adamw", CLAIM, "float32", with_views=True)]
    assert {"strided", "offset"} <= set(asked)


def test_torch_s_fused_step_on_a_strided_view():
    """Not right in 2.13.0: it walks memory as if the parameter were contiguous."""
    torch = pytest.importorskip("torch", reason="needs wdref[frameworks]")
    from wdref.frameworks.torch import load

    for options in ({"foreach": False}, {"fused": True}):
        run = load("AdamW", **options)
        for case in views("adamw", CLAIM, "float32"):
            verdict = judge(CLAIM, case, Result("ok", run(case)))
            if not (options.get("fused") and case.layout == "strided"):
                assert verdict.verdict == "conforms"
            elif torch.__version__.startswith("2.13."):
                assert verdict.verdict == "deviates"


# -- half precision -----------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_a_decay_that_vanishes_is_a_finding_and_no_deviation(dtype):
    case = BY_NAME[dtype]["vanishing"]
    still = np.broadcast_to(case.theta0.astype(float), case.grads.shape)
    verdict = judge(CLAIM, case, Result("ok", still))
    assert verdict.verdict == "conforms"
    assert (
        verdict.finding
        == f"vanishing decay: 2^-12 of a parameter a step moves no {dtype} parameter"
    )
    master = enclose(CLAIM, case).high  # as a float32 copy would give, rounded
    kept = judge(CLAIM, case, Result("ok", rounded(master, dtype).astype(float)))
    assert (kept.verdict, kept.finding) == ("conforms", "")


def test_zero_over_zero_in_float16():
    case = BY_NAME["float16"]["underflow"]
    verdict = judge(CLAIM, case, Result("ok", np.full(case.grads.shape, np.nan)))
    assert verdict.finding == "0/0: eps=1e-08 is 0 in float16"
    assert verdict.verdict == "undecided"


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_float32_state_stays_inside_half_arithmetic(dtype):
    case = BY_NAME[dtype]["exaggerated"]
    wide = enclose(CLAIM, case, arithmetic=Arithmetic.wide(dtype))
    pure = enclose(CLAIM, case)
    assert np.all(wide.radius < pure.radius)


def test_bfloat16_rounds_to_nearest_even():
    ml_dtypes = pytest.importorskip("ml_dtypes", reason="needs ml_dtypes")
    x = np.concatenate([noise(20, 50, 3).ravel() * 2.0**k for k in (-130, -20, 0, 90)])
    expected = x.astype(np.float32).astype(ml_dtypes.bfloat16).astype(np.float32)
    np.testing.assert_array_equal(rounded(x, "bfloat16"), expected)


# -- primitives and undecided values ------------------------------------------------------------


def test_the_probe_measures_what_is_there():
    def sloppy(x):
        return np.nextafter(np.sqrt(x), np.inf, dtype=x.dtype)

    f = {"sqrt": sloppy, "divide": np.divide, "fused": lambda x, y, z: x * y + z}
    flushing = {**f, "multiply": lambda x, y: np.where(abs(x * y) < 2.0**-126, 0, x * y)}
    found = measure.probe(flushing, "float32")
    assert 2.0 < found["sqrt"] <= 3.0
    assert found["sqrt_not_nearest"] == 1.0
    assert (found["divide"], found["divide_not_nearest"]) == (1.0, 0.0)
    assert (found["flush"], found["contracts"]) == (True, False)


def test_a_backend_s_own_root_widens_the_envelope():
    case = BY_NAME["float32"]["exaggerated"]
    loose = replace(Arithmetic.of("float32"), primitives=Primitives(sqrt=3.0))
    ratio = enclose(CLAIM, case, arithmetic=loose).radius / enclose(CLAIM, case).radius
    assert np.all(ratio > 1)
    assert np.all(ratio < 2)


def test_the_host_s_power_widens_the_envelope():
    case = BY_NAME["float64"]["exaggerated"]
    loose = replace(Arithmetic.of("float64"), primitives=Primitives(power=200.0))
    ratio = enclose(CLAIM, case, arithmetic=loose).radius / enclose(CLAIM, case).radius
    np.testing.assert_allclose(ratio[0], 1, rtol=1e-12)  # β^1 is β, whatever pow does
    assert np.all(ratio[1:] > 1)
    assert 1.0 <= measure.host_power() <= 2.0


def test_what_hangs_on_a_sign_is_undecided():
    signed = next(bug.rule for bug in gallery() if bug.id == "M38")
    case = BY_NAME["float32"]["exaggerated"]
    around_zero = replace(case, theta0=0 * case.theta0, grads=0 * case.grads)
    nothing = enclose(signed, around_zero)
    assert not nothing.doubt.any()  # the sign of an exact 0 is known
    crossing = replace(case, theta0=case.theta0 * np.float32(0.3))
    found = enclose(signed, crossing)
    for column in np.flatnonzero(found.doubt.any(axis=0)):
        first = int(np.argmax(found.doubt[:, column]))
        assert found.doubt[first:, column].all()  # undecided from there on
        assert np.isnan(found.ratio(found.high)[first:, column]).all()


def test_an_undecided_value_counts_and_is_not_judged():
    signed = next(bug.rule for bug in gallery() if bug.id == "M38")
    case = BY_NAME["float32"]["exaggerated"]
    tiny = replace(case, theta0=np.full_like(case.theta0, 2.0**-149), grads=0 * case.grads)
    verdict = judge(signed, tiny, Result("ok", plainly(signed, tiny)))
    assert verdict.verdict in ("conforms", "undecided")
    assert verdict.undecided > 0


# -- what a claim asks ----------------------------------------------------------------------------


@pytest.mark.parametrize("convention", ["paper", "pytorch", "mlx", "keras"])
def test_a_claim_without_momentum_is_asked_without_momentum(convention):
    """A program that reads momentum conforms to SGD without it: the cases say 0."""
    claim, reads = dialect("sgd", convention, buffer=False), dialect("sgd", convention)
    for case in regimes("sgd", claim, "float64"):
        assert case.hyper["momentum"] == 0.0
        hyper = {"dampening": 0.0, **case.hyper}
        verdict = judge(claim, case, simulated(reads, replace(case, hyper=hyper)))
        assert verdict.verdict == "conforms", case.id
