"""Adagrad by hand, in 50 digits: Duchi, Hazan & Singer (2011), Figure 1, and each program's source.

A coordinate at a time, in mpmath; nothing of wdref's rule is used. `by_hand` branches on the
answers of a dialect, each of which is a line of a program:

- torch/optim/adagrad.py, _single_tensor_adagrad: ``grad.add(param, alpha=weight_decay)``,
  ``clr = lr / (1 + (step - 1) * lr_decay)``, ``state_sum.sqrt().add_(eps)``;
- keras/src/optimizers/adagrad.py: ``sqrt(accumulator + epsilon)``, and of base_optimizer.py
  ``variable - variable * wd * lr`` before the step;
- optax/_src/transform.py, scale_by_rss: ``where(t > 0, rsqrt(t + eps), 0)``;
- tensorflow/core/kernels/training_ops.cc, ApplyAdagrad: ``grad * lr * accum.rsqrt()``;
- onnx/reference/ops/aionnx_preview_training/op_adagrad.py: ``r / (1 + t * decay_factor)``.
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
    alpha, lam, eps = h["learning_rate"], h["weight_decay"], h.get("eps")
    theta, total = mpf(float(case.theta0[i])), h["initial"] if d.start == "value" else mpf(0)
    path, last = [], None
    for t, (eta, row) in enumerate(zip(case.eta, case.grads, strict=True)):  # t from 0
        eta, g = mpf(float(eta)), mpf(float(row[i]))
        read = last if d.schedule == "late" and last is not None else eta
        if d.form == "l2":
            g += lam * theta
        if d.form == "scaled_l2":
            g += lam / alpha * _under(d, total, eps) * theta
        total += g * g
        rate = read * alpha / (1 + t * h["annealing"]) if d.rate == "annealed" else read * alpha
        absent = d.eps == "guarded" and total == 0
        step = mpf(0) if absent else rate * g / _under(d, total, eps)
        theta = decayed(d, theta, step, alpha, lam, read)
        path.append(theta)
        last = eta
    return path


def _under(d, total, eps):
    if d.eps == "none":
        return sqrt(total)
    return sqrt(total) + eps if d.eps == "outside" else sqrt(total + eps)
