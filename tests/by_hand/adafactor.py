"""Adafactor by hand, in 50 digits: from the paper and from each program's source.

Shazeer & Stern (2018), Algorithms 4 to 6; torch/optim/_adafactor.py, optax/_src/factorized.py,
keras/src/optimizers/adafactor.py, mlx/optimizers/optimizers.py. V̂ is that of the paper's sums,
element by element, where the rule has means. It shares no line with the rule.
"""

from itertools import product

from mpmath import mp, mpf

from .decays import decayed


def by_hand(dialect, case):
    """Return the rows θ_1 … θ_T of a case of one tensor; asked for in 50 digits."""
    assert mp.dps >= 50
    (flat,) = case.parts()
    places = list(product(*map(range, flat.shape)))
    training = _Training(dialect, {k: mpf(x) for k, x in case.hyper.items()}, places, flat.shape)
    theta = dict(zip(places, map(mpf, flat.theta0.tolist()), strict=True))
    path, last = [], float(case.eta[0])
    for t, (row, eta) in enumerate(zip(flat.grads.tolist(), case.eta.tolist(), strict=True), 1):
        g = dict(zip(places, map(mpf, row), strict=True))
        theta = training.step(theta, g, t, mpf(last if dialect.schedule == "late" else eta))
        last = eta
        path.append([theta[p] for p in places])
    return path


class _Training:
    """Numbers by their places in the tensor."""

    def __init__(self, dialect, hyper, places, shape):
        self.d, self.h, self.places, self.shape = dialect, hyper, places, shape
        self.kept = {}  # sums of rows, sums of columns, elements: by what is summed
        self.m = dict.fromkeys(places, mpf(0))

    def rms(self, x):
        return mp.sqrt(mp.fsum(x[p] ** 2 for p in self.places) / len(self.places))

    def step(self, theta, g, t, eta):
        d, h = self.d, self.h
        rate, lam = h["learning_rate"], h["weight_decay"]
        shrunk = {"paper": eta * lam, "lr": eta * rate * lam, "fixed": lam,
                  "initial_lr": rate * lam}  # fmt: skip
        if d.order == "before":
            theta = {p: x - shrunk[d.form] * x for p, x in theta.items()}
        size = self.size(theta, t, eta)
        if d.form == "l2":
            g = {p: g[p] + lam * theta[p] for p in self.places}
        v = self.second(g, 1 - mpf(t) ** -h["power"])
        u = {p: g[p] / mp.sqrt(v[p]) for p in self.places}
        over = max(mpf(1), self.rms(u) / h["threshold"])
        step = self.averaged({p: x / over for p, x in u.items()}, size)
        return {p: self.moved(theta[p], step[p], size, eta) for p in self.places}

    def size(self, theta, t, eta):
        d = self.d
        bound = 1 / mp.sqrt(t)
        given = mpf(1) / 100 if d.rate == "constant" else eta * self.h["learning_rate"]
        rho = given if d.rate == "free" else min(given, bound)
        if d.scale == "none":
            return rho
        floor = mpf(1) / 1000 if d.scale == "thousandth" else self.h["eps2"]
        return rho * max(floor, self.rms(theta))

    def second(self, g, beta2):
        eps = self.h["eps"]
        added = eps if self.d.eps == "added" else mpf(0)
        squares = {p: g[p] ** 2 + added for p in self.places}
        if len(self.shape) < 2 or self.d.factored == "never":
            v = {p: self.average(("element", p), x, beta2) for p, x in squares.items()}
        else:
            v = self.factored(squares, beta2)
        low = eps**2 if self.d.eps == "bound" else mpf(0)
        return {p: max(low, x) for p, x in v.items()}

    def factored(self, squares, beta2):
        """The paper's: row sum times column sum over the sum of all, of each matrix alone."""
        *_, n, m = self.shape
        row, column = {}, {}
        for p, x in squares.items():
            row[p[:-1]] = row.get(p[:-1], 0) + x
            column[p[:-2] + p[-1:]] = column.get(p[:-2] + p[-1:], 0) + x
        row = {k: self.average(("row", k), x, beta2) for k, x in row.items()}
        column = {k: self.average(("column", k), x, beta2) for k, x in column.items()}
        whole = {}
        for k, x in row.items():
            whole[k[:-1]] = whole.get(k[:-1], 0) + x
        if self.d.eps == "bound":  # PyTorch's mean of the rows' means is at least ε1
            whole = {k: max(x, self.h["eps"] * n * m) for k, x in whole.items()}
        return {p: row[p[:-1]] * column[p[:-2] + p[-1:]] / whole[p[:-2]] for p in self.places}

    def average(self, key, x, beta2):
        self.kept[key] = beta2 * self.kept.get(key, mpf(0)) + (1 - beta2) * x
        return self.kept[key]

    def averaged(self, u, size):
        if self.d.momentum == "none":
            return {p: size * x for p, x in u.items()}
        beta1, inside = self.h["beta1"], size if self.d.momentum == "after" else mpf(1)
        self.m = {p: beta1 * self.m[p] + (1 - beta1) * inside * x for p, x in u.items()}
        outside = size if self.d.momentum == "before" else mpf(1)
        return {p: outside * x for p, x in self.m.items()}

    def moved(self, theta, step, size, eta):
        rate, lam = self.h["learning_rate"], self.h["weight_decay"]
        if self.d.form == "relative":
            return theta - step - size * lam * theta
        if self.d.order == "before":
            return theta - step
        return decayed(self.d, theta, step, rate, lam, eta)
