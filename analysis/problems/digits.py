"""Scikit-learn's digits, few and with wrong labels, so that decay matters."""

from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np

from wdref.common.checks import check_count, check_number

from ..networks.networks import Network, perceptron
from .data import Data, one_hot

CLASSES, FEATURES, IMAGES = 10, 64, 1797


def digits(
    *,
    label_noise: float = 0.1,
    samples: int = 500,
    width: int = 32,
    hidden: int = 2,
    normalised: float = 0.0,
) -> "Digits":
    """Return the problem of a perceptron on digits.

    Of the 1,797 images `samples` train, of which a share of `label_noise` is labelled at random;
    the others test, with their own labels. There are `hidden` layers of `width` units and the
    logits; the first `normalised` share of them all has batch normalisation, so that with 1 every
    weight that decays is scale-invariant. Raises ValueError for what cannot be.
    """
    return Digits(perceptron(FEATURES, width, hidden, CLASSES, normalised), label_noise, samples)


def logistic(*, label_noise: float = 0.1, samples: int = 500) -> "Digits":
    """Return multinomial logistic regression on digits, drawn as `digits` draws them."""
    return Digits(Network((FEATURES, CLASSES)), label_noise, samples)


def linear_net(
    *, label_noise: float = 0.1, samples: int = 500, width: int = 32, hidden: int = 2
) -> "Digits":
    """Return a deep linear network on digits: `digits` without the ReLUs."""
    network = perceptron(FEATURES, width, hidden, CLASSES, 0.0)
    return Digits(replace(network, linear=True), label_noise, samples)


class Digits:
    """A network and the digits it is trained on; `analysis.problems.Problem`."""

    def __init__(self, network: Network, label_noise: float, samples: int) -> None:
        self.network = network
        self.label_noise = check_number("label_noise", label_noise, low=0.0, below=1.0)
        self.samples = check_count("samples", samples)
        if self.samples >= IMAGES:
            raise ValueError(f"samples={samples}: expected fewer than the {IMAGES} there are")

    def data(self, seed: int) -> Data:
        """Draw the training images of `seed`, and the wrong labels."""
        return _drawn(seed, self.label_noise, self.samples)


@lru_cache(maxsize=8)
def _drawn(seed: int, label_noise: float, samples: int) -> Data:
    images, labels = _images()
    rng = np.random.default_rng([seed, 0])
    order = rng.permutation(len(labels))
    x, y = images[order], labels[order]
    given = y[:samples].copy()
    redrawn = rng.random(samples) < label_noise
    given[redrawn] = rng.integers(0, CLASSES, redrawn.sum())
    return Data(x[:samples], one_hot(given, CLASSES), x[samples:], one_hot(y[samples:], CLASSES))


@lru_cache(maxsize=1)
def _images() -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    return images / 16, labels
