"""CIFAR-10 from the files that its authors publish, for those who have them.

Binary version (https://www.cs.toronto.edu/~kriz/cifar.html): a record is a byte of label, 0 to 9,
and 3,072 bytes of pixels, 1,024 red, green and blue each, row by row.
"""

from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from wdref.common.checks import check_count, check_number

from ..networks.networks import perceptron
from .data import Data, one_hot

CLASSES, PIXELS = 10, 3072
RECORD = 1 + PIXELS

Bytes = np.ndarray[Any, np.dtype[np.uint8]]


class Cifar10:
    """A perceptron on CIFAR-10's images; `analysis.problems.Problem`."""

    def __init__(
        self,
        *,
        data: str = "",
        samples: int = 5000,
        tests: int = 2000,
        label_noise: float = 0.0,
        width: int = 128,
        hidden: int = 2,
        normalised: float = 1.0,
    ) -> None:
        """Read the files in the folder `data`; each seed trains and tests on some of the images."""
        if not data:
            raise ValueError("cifar10 needs data, the folder with data_batch_*.bin")
        self.train, self.test = read(str(data))
        for name, wanted, there in (("samples", samples, self.train), ("tests", tests, self.test)):
            if check_count(name, wanted) > len(there[0]):
                raise ValueError(f"{name}={wanted}: there are {len(there[0])} images in {data}")
        self.samples, self.tests = int(samples), int(tests)
        self.label_noise = check_number("label_noise", label_noise, low=0.0, below=1.0)
        self.network = perceptron(PIXELS, width, hidden, CLASSES, normalised)

    def data(self, seed: int) -> Data:
        """Draw images of `seed`, pixels from -1 to 1."""
        rng = np.random.default_rng([seed, 0])
        labels, images = _some(rng, self.train, self.samples)
        redrawn = rng.random(self.samples) < self.label_noise
        labels = np.where(redrawn, rng.integers(0, CLASSES, self.samples), labels)
        test_labels, test_images = _some(rng, self.test, self.tests)
        return Data(images, one_hot(labels, CLASSES), test_images, one_hot(test_labels, CLASSES))


def _some(rng: np.random.Generator, images: tuple[Bytes, Bytes], count: int) -> tuple[Any, Any]:
    labels, pixels = images
    chosen = rng.permutation(len(labels))[:count]
    return labels[chosen], pixels[chosen].astype(np.float32) / np.float32(127.5) - np.float32(1)


@lru_cache(maxsize=1)
def read(folder: str) -> tuple[tuple[Bytes, Bytes], tuple[Bytes, Bytes]]:
    """Labels (n,) and pixels (n, 3072) of the training files and of the test file in `folder`.

    Raises ValueError where a file is missing or is none of CIFAR-10's.
    """
    place = Path(folder)
    files = sorted(place.glob("data_batch_*.bin"))
    if not files:
        raise ValueError(f"{folder}: no data_batch_*.bin in it, the binary version of CIFAR-10")
    parts = [read_file(file) for file in files]
    labels, pixels = (np.concatenate(column) for column in zip(*parts, strict=True))
    return (labels, pixels), read_file(place / "test_batch.bin")


def read_file(path: Path) -> tuple[Bytes, Bytes]:
    """Labels (n,) and pixels (n, 3072) of one file; a ValueError says what is wrong with it."""
    try:
        content = np.fromfile(path, dtype=np.uint8)
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror or error}") from None
    if not content.size or content.size % RECORD:
        raise ValueError(
            f"{path}: {content.size} bytes are no whole number of CIFAR-10 records of {RECORD}"
        )
    records = content.reshape(-1, RECORD)
    if (records[:, 0] >= CLASSES).any():
        row = int(np.argmax(records[:, 0] >= CLASSES))
        raise ValueError(f"{path}: record {row} has label {records[row, 0]}: expected 0 to 9")
    return records[:, 0], records[:, 1:]
