"""A teacher and its students: inputs and labels drawn anew, so that the truth is known."""

from functools import lru_cache

import numpy as np

from wdref.common.checks import check_count, check_number

from ..networks.networks import Network, perceptron
from .data import Data, one_hot

TESTED = 2000


def teacher(
    *,
    label_noise: float = 0.2,
    samples: int = 500,
    features: int = 20,
    classes: int = 4,
    width: int = 32,
    hidden: int = 2,
    normalised: float = 0.0,
) -> "Teacher":
    """Return the problem of students that learn a random network's classes from noisy labels.

    The teacher has one hidden layer of `width` // 4 units; each seed draws one, `samples` normal
    inputs of unit variance to train with and 2,000 to test on. A share of `label_noise` is labelled
    at random in training. Students have `hidden` layers of `width` units; the first `normalised`
    share of their layers, logits included, has batch normalisation. Raises ValueError for what
    cannot be.
    """
    network = perceptron(
        check_count("features", features),
        width,
        hidden,
        check_count("classes", classes),
        normalised,
    )
    return Teacher(network, label_noise, samples)


class Teacher:
    """Students and what they are taught; `analysis.problems.Problem`."""

    def __init__(self, network: Network, label_noise: float, samples: int) -> None:
        self.network = network
        self.label_noise = check_number("label_noise", label_noise, low=0.0, below=1.0)
        self.samples = check_count("samples", samples)

    def data(self, seed: int) -> Data:
        """Draw the teacher of `seed`, the inputs, and the wrong labels."""
        sizes = self.network.sizes
        return _drawn(seed, self.label_noise, self.samples, sizes[0], sizes[1] // 4, sizes[-1])


@lru_cache(maxsize=8)
def _drawn(seed: int, noise: float, samples: int, features: int, units: int, classes: int) -> Data:
    rng = np.random.default_rng([seed, 3])
    hidden = Network((features, max(1, units), classes)).start(rng)
    x = rng.standard_normal((samples + TESTED, features))
    scores = np.maximum(x @ hidden["W1"], 0) @ hidden["W2"]
    # centred, so that no class is empty
    labels = np.argmax((scores - scores.mean(axis=0)) / scores.std(axis=0), axis=1)
    given = labels[:samples].copy()
    redrawn = rng.random(samples) < noise
    given[redrawn] = rng.integers(0, classes, redrawn.sum())
    known = one_hot(labels[samples:], classes)
    return Data(x[:samples], one_hot(given, classes), x[samples:], known)
