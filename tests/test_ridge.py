"""The slope of a ridge and its interval, on simulated landscapes whose slope is known."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("scipy", reason="landscapes need the extra `analysis`")
from wdref.analysis.landscape.ridge import SCALE, resamples, ridge

HALF = math.log(10) / 2
X, Y = HALF * np.arange(-3.5, 4), HALF * np.arange(-9.0, 10)
RATES, DECAYS = np.exp(X), np.exp(Y)


def landscape(seeds, slope, *, rng=None, noise=0.0, wall=0.0, across=0.02, along=0.01, shift=0.0):
    """ln(loss): a valley along ln λ = slope · ln α + shift, which each seed moves and turns."""
    rng = rng or np.random.default_rng(0)
    u, v = X[:, None], Y[None]
    drawn = []
    for _ in range(seeds):
        turn, move = (0.1, 0.3) * rng.standard_normal(2) * (noise > 0)
        d = v - (slope + turn) * u - shift - move
        f = across * d * d + along * u * u + wall * np.exp(np.minimum(2 * (u - X[-3]), 50))
        drawn.append(0.3 * np.exp(f + noise * rng.standard_normal(f.shape)))
    return np.array(drawn)


@pytest.mark.parametrize("slope", [-2.0, -1.0, 0.0, 1.0])
def test_a_known_slope_is_found(slope):
    found = ridge(landscape(2, slope), RATES, DECAYS)
    assert found.slope == pytest.approx(slope, abs=0.02)
    assert found.edges == ()
    assert np.sign(round(found.angle)) == np.sign(slope)


def test_the_angle_is_that_of_a_long_valley():
    for slope in (-2.0, -1.0, 0.0, 1.0):
        found = ridge(landscape(2, slope, along=1e-4, across=0.1), RATES, DECAYS)
        assert found.angle == pytest.approx(math.degrees(math.atan(slope)), abs=2)


def covered(seeds, interval_of, trials=200):
    """How often the interval contains the slope -1 from which the landscapes were drawn."""
    hits = 0
    for trial in range(trials):
        losses = landscape(seeds, -1.0, rng=np.random.default_rng([seeds, trial]), noise=0.02)
        low, high = interval_of(losses)
        hits += low <= -1 <= high
    return hits / trials


def percentiles(losses):
    """The interval that `ridge` does not use: its bootstrap's own 2.5 and 97.5 per cent."""
    shares, odds = resamples(len(losses))
    counts = np.rint(shares * len(losses)).astype(int)
    repeated = (losses.repeat(n, axis=0) for n in counts)
    slopes = np.array([ridge(again, RATES, DECAYS).slope for again in repeated])
    order = np.argsort(slopes)
    up_to = np.cumsum(odds[order])
    return slopes[order][np.searchsorted(up_to, [0.025, 0.975 - 1e-12])]


@pytest.mark.parametrize("seeds", [2, 3, 5, 8])
def test_the_interval_covers_as_often_as_it_says(seeds):
    # 200 trials of 95 %: below 91.5 % or above 99.5 % in one case of about 100
    assert 0.915 <= covered(seeds, lambda f: ridge(f, RATES, DECAYS).interval) <= 0.995


def test_percentiles_would_cover_half_as_often_with_two_seeds():
    assert covered(2, percentiles) < 0.7


def test_a_level_is_kept_too():
    at = covered(5, lambda f: ridge(f, RATES, DECAYS, level=0.5).interval)
    assert 0.4 < at < 0.6


def naive_slope(losses, kept):
    """A quadratic through every point within `kept` of the best: -H_αλ / H_λλ."""
    f = np.log(losses.mean(axis=0))
    u, v = (g.ravel() for g in np.meshgrid(X, Y, indexing="ij"))
    near = (f - f.min()).ravel() < kept
    columns = [np.ones_like(u), u, v, u * u, u * v, v * v]
    c = np.linalg.lstsq(np.stack(columns, 1)[near], f.ravel()[near], rcond=None)[0]
    return -c[4] / (2 * c[5])


def bent():
    """A valley of slope -1 whose upper bank is steep and whose loss saturates far away."""
    u, v = X[:, None], Y[None]
    d = v + u
    f = 1.5 * np.tanh(0.02 * d * d * np.where(d > 0, 4, 1)) + 0.01 * u * u * (1 + (u > 0) * d**2)
    return 0.3 * np.exp(np.stack([f, f]))


def test_it_moves_less_with_the_rows_kept_than_a_plain_quadratic():
    losses = bent()
    own = [ridge(losses, RATES, DECAYS, scale=s).slope for s in (SCALE / 2, SCALE, 2 * SCALE)]
    naive = [naive_slope(losses, kept) for kept in (0.2, 0.6, 1.2)]
    assert max(own) - min(own) < 0.15
    assert max(naive) - min(naive) > 2 * (max(own) - min(own))
    assert all(abs(s + 1) < 0.15 for s in own)


def test_the_slope_with_fewer_and_more_rows_is_told():
    found = ridge(bent(), RATES, DECAYS)
    fewer, more = (ridge(bent(), RATES, DECAYS, scale=s).slope for s in (SCALE / 2, 2 * SCALE))
    assert found.scales == (fewer, more)


@given(factor=st.floats(0.01, 100), rate=st.floats(0.01, 100), decay=st.floats(0.01, 100))
def test_units_do_not_matter(factor, rate, decay):
    losses = landscape(3, -1.0, noise=0.02)
    plain = ridge(losses, RATES, DECAYS)
    other = ridge(factor * losses, rate * RATES, decay * DECAYS)
    assert other.slope == pytest.approx(plain.slope, abs=1e-6)
    assert other.interval == pytest.approx(plain.interval, abs=1e-6)
    assert other.angle_interval == pytest.approx(plain.angle_interval, abs=1e-4)


def test_the_order_of_the_seeds_does_not_matter():
    losses = landscape(4, -1.0, noise=0.02)
    assert ridge(losses[::-1], RATES, DECAYS).interval == pytest.approx(
        ridge(losses, RATES, DECAYS).interval, rel=1e-9
    )


def test_diverged_runs_are_no_part_of_the_ridge():
    losses = landscape(3, -1.0, noise=0.02)
    losses[0, -1], losses[:, :, -1] = np.nan, np.nan
    found = ridge(losses, RATES, DECAYS)
    assert found.slope == pytest.approx(-1, abs=0.2)
    assert found.rows[-1].weight_decay is None
    assert found.rows[-1].weight == 0


@pytest.mark.parametrize(("shift", "edge"), [(-60, "lowest"), (60, "highest")])
def test_an_optimum_at_the_edge_is_named_and_has_no_slope(shift, edge):
    found = ridge(landscape(2, 0.0, shift=shift), RATES, DECAYS)
    assert found.slope is None
    assert found.interval is None
    assert found.edges == (f"{edge} weight_decay",)
    assert "0 learning rates near the best" in found.note


def test_rows_at_the_edge_are_left_out_and_the_others_kept():
    found = ridge(landscape(2, -2.0, shift=6.0), RATES, DECAYS)
    assert found.rows[0].weight_decay is None
    assert found.slope == pytest.approx(-2, abs=0.05)


def test_everything_diverged():
    found = ridge(np.full((2, 8, 19), np.nan), RATES, DECAYS)
    assert found.slope is None
    assert "every run diverged" in found.note


def test_refusals():
    losses = landscape(2, 0.0)
    with pytest.raises(ValueError, match="one seed: an interval needs at least two"):
        ridge(losses[:1], RATES, DECAYS)
    with pytest.raises(ValueError, match=r"learning_rates=\[0.0.*positive, growing"):
        ridge(losses, np.linspace(0, 1, 8), DECAYS)
    with pytest.raises(ValueError, match=r"losses \(2, 8, 19\): expected \(seeds, 8, 4\)"):
        ridge(losses, RATES, DECAYS[:4])


@pytest.mark.parametrize("seeds", [2, 3, 5, 7, 9])
def test_resamples_have_the_moments_of_drawing_with_replacement(seeds):
    shares, odds = resamples(seeds)
    assert odds.sum() == pytest.approx(1)
    np.testing.assert_allclose(shares.sum(axis=1), 1)
    mean, variance = odds @ shares, odds @ (shares - 1 / seeds) ** 2
    drawn = 0.0 if seeds <= 7 else 5 / math.sqrt(len(odds))  # five standard errors
    deviation = math.sqrt((seeds - 1) / seeds**3)
    np.testing.assert_allclose(mean, 1 / seeds, atol=1e-12 + drawn * deviation)
    np.testing.assert_allclose(variance, deviation**2, rtol=1e-12 + 2 * drawn)
