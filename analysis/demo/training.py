"""A small training task: scikit-learn's digits, few and with wrong labels, so that decay matters.

The network has one hidden layer of ReLUs and softmax cross-entropy; gradients are written by hand
in NumPy, updates are wdref's.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

import wdref

Array = np.ndarray[Any, Any]
Params = dict[str, Array]

METHODS = ("Adam + L2", "AdamW")
IMAGES, WRONG, HIDDEN, BATCH = 500, 0.3, 128, 64
LEARNING_RATE, BETA2, EPS = 3e-3, 0.999, 1e-8


@dataclass(frozen=True)
class Plan:
    """One training run; `weight_decay` is λ' of L2, or λ/α of the decay, PyTorch's meaning."""

    method: str
    weight_decay: float
    seed: int
    steps: int


@dataclass(frozen=True)
class Outcome:
    """What came of it: loss on the training labels, error on clean test images in per cent.

    ``decay`` holds the quartiles over the weights of the rate at which the L2 term, or the decay,
    pulls each towards 0, in units of η_t α, at the last step.
    """

    plan: Plan
    train_loss: float
    test_error: float
    decay: tuple[float, float, float]


@dataclass(frozen=True, eq=False)
class Task:
    """Images (n, 64) in [0, 1] and their labels, to train with and to test on."""

    images: Array
    labels: Array
    test_images: Array
    test_labels: Array


@lru_cache(maxsize=8)
def task(seed: int) -> Task:
    """Draw 500 digits to train with, 30 % of them labelled at random; the other 1297 test."""
    from sklearn.datasets import load_digits

    rng = np.random.default_rng(seed)
    images, labels = load_digits(return_X_y=True)
    order = rng.permutation(len(labels))
    images, labels = (images[order] / 16).astype(np.float32), labels[order]
    given = labels[:IMAGES].copy()
    redrawn = rng.random(IMAGES) < WRONG
    given[redrawn] = rng.integers(0, 10, redrawn.sum())
    return Task(images[:IMAGES], given, images[IMAGES:], labels[IMAGES:])


def train(plan: Plan) -> Outcome:
    """Train on minibatches under a cosine schedule and measure."""
    from threadpoolctl import threadpool_limits

    # BLAS threads cost more than they gain on arrays so small; on busy cores a factor of 20
    with threadpool_limits(1):
        return _trained(plan)


def _trained(plan: Plan) -> Outcome:
    data, rng = task(plan.seed), np.random.default_rng([plan.seed, 1])
    optimizer, params = _optimizer(plan), _start(rng)
    state = optimizer.init(params)
    order = np.empty(0, dtype=int)
    for _ in range(plan.steps):
        if len(order) < BATCH:
            order = rng.permutation(IMAGES)
        batch, order = order[:BATCH], order[BATCH:]
        _, grads = loss_and_gradient(params, data.images[batch], data.labels[batch])
        state = optimizer.step(params, grads, state)
    loss, _ = loss_and_gradient(params, data.images, data.labels)
    wrong = np.argmax(_logits(params, data.test_images)[1], axis=1) != data.test_labels
    return Outcome(plan, float(loss), 100 * float(wrong.mean()), _decay(plan, state))


def loss_and_gradient(params: Params, x: Array, y: Array) -> tuple[float, Params]:
    """Return the mean cross-entropy and its gradient.

    h = max(0, x W1 + b1),  z = h W2 + b2,  f = mean(log Σ_k e^{z_k} - z_y)
    ∂f/∂z = (softmax(z) - onehot(y)) / n,  ∂f/∂h = ∂f/∂z W2ᵀ where h > 0
    """
    rows = np.arange(len(y))
    h, z = _logits(params, x)
    z = z - z.max(axis=1, keepdims=True)
    log_p = z - np.log(np.exp(z).sum(axis=1, keepdims=True))
    dz = np.exp(log_p)
    dz[rows, y] -= 1
    dz /= len(y)
    dh = (dz @ params["W2"].T) * (h > 0)
    grads = {"W1": x.T @ dh, "W2": h.T @ dz, "b1": dh.sum(axis=0), "b2": dz.sum(axis=0)}
    return -float(log_p[rows, y].mean()), grads


def _logits(params: Params, x: Array) -> tuple[Array, Array]:
    h = np.maximum(x @ params["W1"] + params["b1"], 0)
    return h, h @ params["W2"] + params["b2"]


def _start(rng: np.random.Generator) -> Params:
    def normal(rows: int, columns: int) -> Array:
        draws: Array = rng.standard_normal((rows, columns)) * (2 / rows) ** 0.5
        return draws.astype(np.float32)

    zeros = {"b1": np.zeros(HIDDEN, np.float32), "b2": np.zeros(10, np.float32)}
    return {"W1": normal(64, HIDDEN), "W2": normal(HIDDEN, 10), **zeros}


def _optimizer(plan: Plan) -> wdref.Optimizer:
    """Weights decay, biases do not."""
    options: dict[str, Any] = {
        "learning_rate": LEARNING_RATE,
        "betas": (0.9, BETA2),
        "eps": EPS,
        "weight_decay": plan.weight_decay,
        "schedule": wdref.schedules.cosine(plan.steps),
        "decay_mask": lambda path, leaf: leaf.ndim > 1,
    }
    if plan.method == "AdamW":
        return wdref.AdamW(form="lr", **options)
    return wdref.Adam(**options)


def _decay(plan: Plan, state: wdref.State) -> tuple[float, float, float]:
    """AdamW pulls every weight alike, by λ. Adam divides the L2 term too: by about λ'/(√v̂ + ε)."""
    if plan.method == "AdamW":
        return (plan.weight_decay,) * 3
    v = np.concatenate([state.slots["v"][name].ravel() for name in ("W1", "W2")])
    v_hat = v.astype(np.float64) / (1 - BETA2**plan.steps)
    low, mid, high = np.percentile(plan.weight_decay / (np.sqrt(v_hat) + EPS), [25, 50, 75])
    return float(low), float(mid), float(high)
