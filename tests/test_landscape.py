"""What is run for a landscape, what is chosen on it, and the decoupling table's predictions."""

import math

import numpy as np
import pytest

pytest.importorskip("xarray", reason="landscapes need the extra `analysis`")
import xarray

from wdref.analysis.landscape.decoupling import (
    KINDS,
    PREDICTED,
    SETTINGS,
    Cell,
    cells,
    document,
    jobs_of,
)
from wdref.analysis.landscape.landscape import (
    NORMALISED,
    PLAIN,
    Method,
    best,
    difference,
    gathered,
    grid,
    inside,
    jobs,
    landscape,
    mean_interval,
    method,
)
from wdref.analysis.landscape.show import at_the_end, place
from wdref.analysis.problems.problems import problem
from wdref.analysis.sweep.sweep import FORMS, Job, run

RATES, DECAYS = grid(-3, 0), grid(-5, 2)


def dataset(errors, losses=None, seeds=None):
    dims = ("seed", "learning_rate", "weight_decay")
    errors = np.asarray(errors, dtype=float)
    coords = {"seed": list(seeds or range(len(errors))), "learning_rate": list(RATES),
              "weight_decay": list(DECAYS)}  # fmt: skip
    values = {"test_error": errors, "test_loss": errors if losses is None else losses,
              "diverged": np.isnan(errors)}  # fmt: skip
    return xarray.Dataset({name: (dims, value) for name, value in values.items()}, coords)


def valley(seeds, slope, noise=0.0, rng=None):
    rng = rng or np.random.default_rng(0)
    u, v = np.log(RATES)[:, None], np.log(DECAYS)[None]
    d = v - slope * (u - np.log(RATES).mean()) - np.log(DECAYS).mean()
    f = 0.1 * np.exp(0.05 * d * d + 0.01 * (u - np.log(RATES).mean()) ** 2)
    return np.array([f * np.exp(noise * rng.standard_normal(f.shape)) for _ in range(seeds)])


# -- what is run -----------------------------------------------------------------------------------


def test_a_job_a_seed_so_that_more_seeds_keep_the_others():
    (few,) = jobs("digits", [method("adamw")], seeds=2, steps=5).values()
    (more,) = jobs("digits", [method("adamw")], seeds=3, steps=5).values()
    assert [job.seeds for job in more] == [(0,), (1,), (2,)]
    assert more[:2] == few


def test_a_seed_alone_has_the_bits_of_many():
    many = Job("digits", (("width", 8),), learning_rates=(0.01, 0.1), weight_decays=(0.1, 1.0),
               seeds=(0, 1), steps=4)  # fmt: skip
    (parts,) = jobs("digits", [method("adamw")], seeds=2, steps=4, options={"width": 8},
                    learning_rates=(0.1, 0.01), weight_decays=(1.0, 0.1)).values()  # fmt: skip
    xarray.testing.assert_equal(gathered([run(job) for job in reversed(parts)]), run(many))


@pytest.mark.parametrize("key", list(PLAIN))
def test_default_grids_grow_and_have_half_decades(key):
    for ends in (*PLAIN[key], *NORMALISED[key]):
        steps = np.diff(np.log10(grid(*ends)))
        np.testing.assert_allclose(steps, 0.5, atol=0.01)


def test_normalised_problems_have_grids_of_their_own():
    for name, grids in (("teacher", PLAIN), ("digits-mixed", PLAIN), ("teacher-bn", NORMALISED)):
        (own,) = jobs(name, [method("adamw")], seeds=1, steps=5).values()
        assert own[0].learning_rates == grid(*grids["adamw", "paper"][0])


def test_every_optimizer_and_form_has_a_grid_and_a_prediction():
    every = {(name, form) for name, forms in FORMS.items() for form in forms}
    assert set(PLAIN) == set(NORMALISED) == set(PREDICTED) == every


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("adagrad", "'adagrad': expected one of sgd, sgdw, adam, adamw"),
        ("adam:paper", "adam has the form l2; decoupled it is called adamw"),
        ("adamw:l2", "adamw has the form paper or lr"),
    ],
)
def test_methods_that_are_none(text, error):
    with pytest.raises(ValueError, match=error):
        method(text)


def test_a_name_says_the_form_that_is_not_the_optimizer_s_own():
    names = [Method(o, f).name for o, forms in FORMS.items() for f in forms]
    assert names == ["sgd", "sgdw", "sgdw:lr", "adam", "adamw", "adamw:lr"]
    assert [method(name).name for name in names] == names


# -- the best of a grid ----------------------------------------------------------------------------


def test_who_chooses_does_not_judge():
    errors = np.full((4, len(RATES), len(DECAYS)), 0.5)
    errors[:2, 2, 3] = 0.0  # luck of those who choose
    errors[2:, 1, 1] = 0.0  # luck of those who judge
    found = best(dataset(errors))
    assert (found.learning_rate, found.weight_decay) == (RATES[2], DECAYS[3])
    assert found.errors == (0.5, 0.5)


def test_the_best_of_noise_is_not_better_than_the_rest():
    rng = np.random.default_rng(0)
    shape = (5, len(RATES), len(DECAYS))
    drawn = [best(dataset(0.5 + 0.1 * rng.standard_normal(shape))) for _ in range(200)]
    means = [one.error for one in drawn]
    assert np.mean(means) == pytest.approx(0.5, abs=4 * 0.1 / math.sqrt(3 * 200))
    inside = np.mean([one.interval[0] <= 0.5 <= one.interval[1] for one in drawn])
    assert 0.91 < inside < 0.99


def test_one_judge_knows_no_interval():
    assert best(dataset(valley(2, 0.0))).interval == (-math.inf, math.inf)


def test_what_diverged_in_any_seed_is_not_the_best():
    errors = valley(3, 0.0)
    errors[1, 3, 7] = np.nan
    errors[0, 3, 7] = errors[2, 3, 7] = 0.0
    found = best(dataset(errors))
    assert (found.learning_rate, found.weight_decay) != (RATES[3], DECAYS[7])
    assert best(dataset(np.full_like(errors, np.nan))) is None


def test_differences_are_taken_seed_by_seed():
    level = np.array([0.0, 0.3, 0.0, 0.3, 0.6])[:, None, None]  # some seeds' data are harder
    rng = np.random.default_rng(0)
    one, other = (best(dataset(level + shift + valley(5, 0.0, 0.001, rng))) for shift in (0, 0.05))
    found = difference(other, one)
    assert found["difference"] == pytest.approx(0.05, abs=0.002)
    assert found["interval"][0] > 0.04
    low, high = one.interval
    assert high - low > 1  # alone, neither is known that well


def test_student_s_interval_covers():
    rng = np.random.default_rng(0)
    draws = [mean_interval(rng.standard_normal(4).tolist(), 0.95)[1] for _ in range(1000)]
    assert np.mean([low <= 0 <= high for low, high in draws]) == pytest.approx(0.95, abs=0.025)


def test_a_landscape_is_measured_from_its_seeds():
    losses = valley(3, -1.0, 0.01)
    parts = [dataset(losses[k : k + 1], seeds=[k]) for k in range(3)]
    found = landscape(method("sgd"), parts)
    assert found.ridge.slope == pytest.approx(-1, abs=0.1)
    assert found.result.sizes["seed"] == 3


# -- the table -------------------------------------------------------------------------------------


def test_the_table_has_twelve_cells_on_two_problems_each():
    assert len(cells()) == 24
    for kind in KINDS:
        problems = {cell.setting.problem for cell in cells() if cell.setting.kind == kind}
        assert len(problems) == 2


def predicted_from_the_formulas(optimizer, form, normalised):
    """What is left the same where α is multiplied by ten, solved for λ.

    Angle turned per step (the theory of items 1 and 3 of docs/decoupling.md):
    SGD 2 α λ, Adam 2 α λ, Adam + L2 (2 α² λ)^(1/3); the paper's form has α λ for λ there.
    Stationary point of plain weights: the ratio of the decay's strength to the gradient's step.
    """

    def invariant(alpha, lam):
        if form == "paper":
            lam = lam / alpha
        if not normalised:
            return lam
        return alpha**2 * lam if (optimizer, form) == ("adam", "l2") else alpha * lam

    before = invariant(1.0, 1.0)
    exponents = np.linspace(-3, 3, 13)
    same = [abs(math.log(invariant(10.0, 10.0**k) / before)) < 1e-9 for k in exponents]
    return exponents[same.index(True)]


@pytest.mark.parametrize("key", list(PREDICTED))
def test_predictions_are_those_of_the_formulas(key):
    for k, normalised in enumerate((True, False)):
        assert PREDICTED[key][k] == predicted_from_the_formulas(*key, normalised)


def test_every_cell_s_jobs_can_be_run():
    for cell in cells():
        for job in jobs_of(cell, 2):
            network = problem(job.problem, **dict(job.options)).network
            every = all(network.is_normalised(layer) for layer in range(network.depth))
            none = not any(network.is_normalised(layer) for layer in range(network.depth))
            assert every if cell.setting.kind == KINDS[0] else none


@pytest.mark.parametrize(("slope", "holds"), [(-1.0, True), (1.0, False)])
def test_a_cell_holds_where_its_interval_has_the_prediction(slope, holds):
    found = landscape(method("sgd"), [dataset(valley(3, slope, 0.01))])
    told = document(Cell(SETTINGS[0], Method("sgd", "l2", "fixed")), found)
    assert told["predicted"] == -1
    assert told["holds"] is holds


def test_a_cell_without_a_slope_neither_holds_nor_fails():
    losses = valley(2, 0.0)
    losses = np.sort(losses, axis=2)  # the best at the lowest decay
    told = document(
        Cell(SETTINGS[0], Method("sgd", "l2")), landscape(method("sgd"), [dataset(losses)])
    )
    assert told["holds"] is None
    assert told["edges"] == ["lowest weight_decay"]


@pytest.mark.parametrize(("ahead", "as_good"), [(1.0, False), (0.001, True)])
def test_an_end_is_compared_with_the_inside(ahead, as_good):
    losses = 2.0 + 0.1 * np.random.default_rng(0).standard_normal((5, 4, 6))
    losses[:, 1, 2] = 1.0 + np.array([0.0, 0.01, 0.02, 0.01, 0.0])
    losses[:, 3, 2] = losses[:, 1, 2] - ahead + np.array([0.01, -0.01, 0.0, -0.01, 0.01])
    found = inside(losses)
    assert found.difference == pytest.approx(ahead)
    assert found.as_good is as_good
    assert found.interval[0] < ahead < found.interval[1]


def test_inside_there_is_nothing_to_compare():
    losses = np.full((2, 3, 3), 2.0)
    losses[:, 1, 1] = 1.0
    assert inside(losses) is None
    losses[0, 1, 1] = np.nan  # the only point inside
    assert inside(losses) is None


def test_an_end_is_said_in_words():
    one = {"edges": ["lowest learning_rate"], "inside": None}
    assert at_the_end(one) == "the best lies at the lowest learning_rate of the grid"
    compared = {"difference": 0.5, "interval": (0.25, 0.75), "as_good": False}
    assert at_the_end({**one, "inside": compared}) == (
        "the best lies at the lowest learning_rate of the grid; "
        "inside it is worse by 0.500 [0.250, 0.750]: widen the grid"
    )
    assert place({**one, "inside": compared}) == "lowest learning rate"
    chance = {**compared, "interval": (-0.1, 0.75), "as_good": True}
    assert at_the_end({**one, "inside": chance}).endswith("which may be chance")
    assert place({**one, "inside": chance}) == "lowest learning rate, or inside"


def test_the_teacher_draws_what_it_says():
    drawn = problem("teacher", label_noise=0.0, samples=300, classes=3).data(1)
    assert drawn.x.shape == (300, 20)
    assert drawn.test_y.shape == (2000, 3)
    assert drawn.y.mean(axis=0).min() > 0.1  # no class is empty
    noisy = problem("teacher", label_noise=0.3, samples=300, classes=3).data(1)
    changed = (noisy.y != drawn.y).any(axis=1).mean()
    assert changed == pytest.approx(0.3 * 2 / 3, abs=0.08)
    np.testing.assert_array_equal(noisy.x, drawn.x)
    np.testing.assert_array_equal(noisy.test_y, drawn.test_y)
    assert not np.array_equal(drawn.x, problem("teacher", samples=300, classes=3).data(2).x)


@pytest.mark.parametrize("name", ["digits-bn", "teacher-bn"])
def test_every_decaying_weight_is_scale_invariant(name):
    one = problem(name, width=8)
    data, network = one.data(0), one.network
    params = {k: p[None] for k, p in network.start(np.random.default_rng(0)).items()}
    assert all(network.decays(k) for k in params)
    measured = [
        np.array(network.measures(scaled, (data.x, data.y), (data.test_x, data.test_y)))
        for scaled in (params, {k: (2.0 + i) * p for i, (k, p) in enumerate(params.items())})
    ]
    np.testing.assert_allclose(measured[1], measured[0], rtol=1e-9)
    slopes = network.gradients(params, data.x[:64], data.y[:64])
    for k, g in slopes.items():  # so the gradient is orthogonal to each weight matrix' columns
        along = (g * params[k]).sum(axis=1)
        assert np.abs(along).max() < 1e-9 * np.abs(g).max()
