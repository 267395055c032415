"""NaN, infinity, overflow and underflow are no errors: they propagate by IEEE 754, as told here.

Each case is one coordinate's story; its neighbours never notice. Plain and blocked NumPy agree.
"""

import math

import numpy as np
import pytest

import wdref

NAN, INF = math.nan, math.inf
SGDW = dict(learning_rate=0.5, momentum=0.5)
ADAMW = dict(learning_rate=0.5, betas=(0.5, 0.75), eps=0.25)


def run(opt, grads, theta=1.0, dtype=np.float64):
    """θ of one coordinate after each step; the coordinate beside it has ordinary gradients."""
    params, state = np.array([theta, 1.0], dtype), opt.init(np.array([theta, 1.0], dtype))
    alone, alone_state = np.array([1.0], dtype), opt.init(np.array([1.0], dtype))
    path = []
    for g in grads:
        with np.errstate(all="ignore"):  # plain NumPy warns
            params, state = opt.update(params, np.array([g, 0.5], dtype), state)
            alone, alone_state = opt.update(alone, np.array([0.5], dtype), alone_state)
        assert params[1] == alone[0]
        path.append(params[0].item())
    return path


both_backends = pytest.mark.parametrize("backend", ["numpy", "plain"])


@both_backends
@pytest.mark.parametrize("method", [wdref.SGD, wdref.SGDW, wdref.Adam, wdref.AdamW])
def test_a_nan_stays(method, backend):
    assert np.isnan(
        run(method(learning_rate=0.5, weight_decay=0.1, backend=backend), [NAN, 0.0, 1.0])
    ).all()


@both_backends
@pytest.mark.parametrize(
    ("opt", "grads", "want"),
    [
        # θ - ∞, and then the buffer is ∞ for ever
        (
            lambda b: wdref.SGDW(weight_decay=0.0, **SGDW, form="none", backend=b),
            [INF, 0.0, 0.0],
            [-INF, -INF, -INF],
        ),
        # ... until the opposite infinity: ∞ - ∞
        (
            lambda b: wdref.SGDW(weight_decay=0.0, **SGDW, form="none", backend=b),
            [INF, -INF, 0.0],
            [-INF, NAN, NAN],
        ),
        # the decay pulls an infinite θ back by ∞: (-∞) - ∞ + ∞
        (lambda b: wdref.SGDW(**SGDW, weight_decay=0.1, backend=b), [INF, 0.0], [-INF, NAN]),
        # a decay of 0 is a term all the same, 0 · ∞; form="none" has no such term
        (lambda b: wdref.SGDW(**SGDW, weight_decay=0.0, backend=b), [INF, 0.0], [-INF, NAN]),
        # m = ∞ and v = ∞: ∞/∞
        (lambda b: wdref.AdamW(weight_decay=0.0, **ADAMW, backend=b), [INF, 0.0], [NAN, NAN]),
    ],
)
def test_an_infinite_gradient(opt, grads, want, backend):
    np.testing.assert_array_equal(run(opt(backend), grads), want)


@both_backends
def test_a_gradient_whose_square_overflows_stops_adam(backend):
    # v = ∞ for ever: m̂/∞ = 0, so that the coordinate only decays
    opt = wdref.AdamW(**ADAMW, weight_decay=0.25, backend=backend)
    assert run(opt, [1e30, 1.0, 1.0], dtype=np.float32) == [0.75, 0.75**2, 0.75**3]


@both_backends
def test_a_gradient_whose_square_underflows_leaves_eps_alone(backend):
    # g² rounds to 0, g does not: the step is η α m̂ / ε
    opt = wdref.AdamW(
        weight_decay=0.0, learning_rate=1.0, betas=(0.0, 0.0), eps=2.0**-100, backend=backend
    )
    assert run(opt, [2.0**-101], theta=0.0, dtype=np.float32) == [-0.5]


@both_backends
def test_zero_gradients_need_eps(backend):
    assert run(wdref.AdamW(weight_decay=0.0, **ADAMW, backend=backend), [0.0, 0.0]) == [1.0, 1.0]
    without = wdref.AdamW(weight_decay=0.0, learning_rate=0.5, eps=0.0, backend=backend)
    np.testing.assert_array_equal(run(without, [0.0, 1.0]), [NAN, NAN])  # 0/0


@both_backends
def test_amsgrad_keeps_a_nan(backend):
    # the maximum of NaN and a number is NaN, in either place
    opt = wdref.AdamW(weight_decay=0.0, **ADAMW, amsgrad="raw", backend=backend)
    assert np.isnan(run(opt, [1.0, NAN, 1.0])[1:]).all()


@both_backends
def test_subnormals_are_not_flushed(backend):
    opt = wdref.SGD(learning_rate=0.5, momentum=0.0, backend=backend)
    assert run(opt, [2.0**-148], theta=0.0, dtype=np.float32) == [-(2.0**-149)]


@both_backends
def test_zero_keeps_its_sign(backend):
    opt = wdref.SGD(learning_rate=1.0, momentum=0.0, form="none", backend=backend)
    (path,) = run(opt, [0.0], theta=-0.0)
    assert math.copysign(1, path) == -1


def test_blocked_numpy_does_not_warn():
    # warnings are errors in these tests; a thread's warning would reach nobody
    opt = wdref.AdamW(weight_decay=0.0, backend="numpy")
    for shape in ((3,), ()):
        theta = np.full(shape, INF)
        opt.update(theta, theta, opt.init(theta))
    strided = np.full(6, INF)[::2]
    opt.update(strided, strided, opt.init(strided))
