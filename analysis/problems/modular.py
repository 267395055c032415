"""Modular addition: a + b mod p from a share of all pairs, where decay decides when it generalises.

Power et al. (2022), "Grokking: Generalization Beyond Overfitting on Small Algorithmic Datasets"
(arXiv 2201.02177): long after the training pairs are known, the others are learned at once.
"""

import numpy as np

from wdref.common.checks import check_count, check_number

from ..networks.networks import perceptron
from .data import Data, one_hot


class ModularAddition:
    """A perceptron on a pair of one-hot numbers; `analysis.problems.Problem`."""

    def __init__(
        self,
        *,
        modulus: int = 19,
        share: float = 0.7,
        width: int = 96,
        hidden: int = 1,
        normalised: float = 0.0,
    ) -> None:
        """Set up the problem: of the `modulus`² pairs a `share` trains, the others test."""
        self.modulus = check_count("modulus", modulus)
        self.share = check_number("share", share, above=0.0, below=1.0)
        if not 0 < self.samples < self.modulus**2:
            raise ValueError(
                f"share={share} of {modulus**2} pairs: expected some to train and some to test with"
            )
        self.network = perceptron(2 * self.modulus, width, hidden, self.modulus, normalised)

    @property
    def samples(self) -> int:
        """Number of pairs that train."""
        return round(self.share * self.modulus**2)

    def data(self, seed: int) -> Data:
        """Divide the pairs."""
        p = self.modulus
        pairs = np.random.default_rng([seed, 0]).permutation(p * p)
        a, b = pairs // p, pairs % p
        x = np.concatenate([one_hot(a, p), one_hot(b, p)], axis=1)
        y, n = one_hot((a + b) % p, p), self.samples
        return Data(x[:n], y[:n], x[n:], y[n:])
