"""RMSprop by hand, in 50 digits: Hinton's slide 29, Graves (2013), eqs. 38-41, and the programs.

A coordinate at a time, in mpmath; nothing of wdref's rule is used. `by_hand` branches on the
answers of a dialect, each of which is a line of a program:

- Graves: n = ℵn + (1-ℵ)ε², g = ℵg + (1-ℵ)ε, Δ = ℶΔ - ℷε/√(n - g² + ℸ), w = w + Δ;
- torch/optim/rmsprop.py, _single_tensor_rmsprop: ``avg = square_avg.addcmul(grad_avg, grad_avg,
  value=-1).sqrt_()``, ``avg.add_(eps)``, ``buf.mul_(momentum).addcdiv_(grad, avg)``,
  ``param.add_(buf, alpha=-lr)``;
- keras/src/optimizers/rmsprop.py: ``sqrt(velocity - square(average_grad) + epsilon)``, and of
  base_optimizer.py ``variable - variable * wd * lr`` before the step;
- optax/_src/transform.py, scale_by_stddev: ``bias_correction(mu, decay, count_inc)`` and of nu,
  ``rsqrt(n - abs_sq(m) + eps)``, and after the learning rate ``trace(decay=momentum, nesterov)``;
- tensorflow/python/training/rmsprop.py: ``ones_initializer`` of the slot "rms".
"""

from mpmath import mp, mpf, sqrt

from .decays import decayed

mp.dps = 50


def by_hand(dialect, case):
    """Return θ_1 … θ_T as lists of numbers in 50 digits."""
    columns = [_coordinate(dialect, case, i) for i in range(case.theta0.size)]
    return [list(row) for row in zip(*columns, strict=True)]


def _coordinate(d, case, i):
    h = {name: mpf(x) for name, x in case.hyper.items()}
    alpha, lam, rho = h["learning_rate"], h["weight_decay"], h["rho"]
    n = {"zero": mpf(0), "one": mpf(1), "value": h.get("initial")}[d.start]
    theta, mean, delta, path, last = mpf(float(case.theta0[i])), mpf(0), mpf(0), [], None
    for t, (eta, row) in enumerate(zip(case.eta, case.grads, strict=True), start=1):
        eta, g = mpf(float(eta)), mpf(float(row[i]))
        read = last if d.schedule == "late" and last is not None else eta
        if d.form == "l2":
            g += lam * theta
        if d.form == "scaled_l2":
            g += lam / alpha * _under(d, n, mean, rho, t - 1, h["eps"]) * theta
        n, mean = rho * n + (1 - rho) * g * g, rho * mean + (1 - rho) * g
        u = g / _under(d, n, mean, rho, t, h["eps"])
        inside, outside = (read * alpha, 1) if d.lr == "inside" else (1, read * alpha)
        mu = h["momentum"] if d.buffer else mpf(0)
        delta = mu * delta - inside * u
        step = outside * (mu * delta - inside * u if d.nesterov else delta)
        theta = decayed(d, theta, -step, alpha, lam, read)
        path.append(theta)
        last = eta
    return path


def _under(d, n, mean, rho, t, eps):
    bias = 1 - rho**t if d.bias == "corrected" and t > 0 else mpf(1)
    variance = n / bias - ((mean / bias) ** 2 if d.centered else 0)
    variance = max(variance, mpf(0))  # below 0 by the fiftieth digit alone
    return sqrt(variance + eps) if d.eps == "inside" else sqrt(variance) + eps
