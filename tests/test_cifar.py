"""CIFAR-10's binary format, on files made in it."""

import numpy as np
import pytest

from wdref.analysis.problems.cifar import read_file
from wdref.analysis.problems.problems import problem


def write(path, labels, seed=0):
    """Records as published: a byte of label, then 1,024 bytes each of red, green and blue."""
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, 256, (len(labels), 3072), dtype=np.uint8)
    path.write_bytes(
        b"".join(bytes([k]) + row.tobytes() for k, row in zip(labels, pixels, strict=True))
    )
    return pixels


@pytest.fixture
def folder(tmp_path):
    for i in (1, 2):
        write(tmp_path / f"data_batch_{i}.bin", [0, 3, 9, 5], seed=i)
    write(tmp_path / "test_batch.bin", [7, 1, 2], seed=9)
    return tmp_path


def test_a_file_is_read(tmp_path):
    pixels = write(tmp_path / "x.bin", [4, 0])
    labels, found = read_file(tmp_path / "x.bin")
    assert labels.tolist() == [4, 0]
    np.testing.assert_array_equal(found, pixels)


def test_a_problem_is_made_of_the_folder(folder):
    found = problem("cifar10", data=str(folder), samples=8, tests=3, width=4)
    data = found.data(0)
    assert (data.x.shape, data.test_x.shape) == ((8, 3072), (3, 3072))
    assert sorted(data.y.argmax(1).tolist()) == sorted([0, 3, 9, 5] * 2)
    assert sorted(data.test_y.argmax(1).tolist()) == [1, 2, 7]
    labels, pixels = read_file(folder / "test_batch.bin")
    for row, label in zip(data.test_x, data.test_y.argmax(1), strict=True):
        want = pixels[labels == label][0] / 127.5 - 1.0
        np.testing.assert_allclose(row, want, atol=1e-6)
    assert found.network.sizes == (3072, 4, 4, 10)


def test_fewer_images_and_wrong_labels(folder):
    found = problem("cifar10", data=str(folder), samples=5, tests=2, label_noise=0.9)
    assert len(found.data(1).x) == 5
    with pytest.raises(ValueError, match="samples=9: there are 8 images in "):
        problem("cifar10", data=str(folder), samples=9, tests=1)
    with pytest.raises(ValueError, match="tests=4: there are 3 images in "):
        problem("cifar10", data=str(folder), samples=1, tests=4)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "0 bytes are no whole number of CIFAR-10 records of 3073"),
        (bytes(3072), "3072 bytes are no whole number"),
        (bytes(3073) + bytes([10]) + bytes(3072), "record 1 has label 10: expected 0 to 9"),
    ],
)
def test_a_bad_file_is_named(folder, content, message):
    (folder / "data_batch_2.bin").write_bytes(content)
    with pytest.raises(ValueError, match=rf"data_batch_2\.bin: .*{message}"):
        problem("cifar10", data=str(folder))


def test_what_is_missing_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"no data_batch_\*\.bin in it, the binary version"):
        problem("cifar10", data=str(tmp_path))
    write(tmp_path / "data_batch_1.bin", [0])
    with pytest.raises(ValueError, match=r"test_batch\.bin: No such file"):
        problem("cifar10", data=str(tmp_path))
