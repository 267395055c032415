"""The arguments of the kernels: tables of tensors and the scalars of their groups."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .kernel import GROUPS, Printed

Array = Any


@dataclass
class Batch:
    """The tensors that one kernel updates: sizes, groups and addresses, a row of them a tensor."""

    printed: Printed
    addresses: list[int] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    groups: list[int] = field(default_factory=list)
    scalars: list[Any] = field(default_factory=list)  # of each group
    _numbers: dict[int, int] = field(default_factory=dict)

    def add(self, addresses: Sequence[int], size: int, scalars: Any) -> None:
        """Append a tensor. Groups are told apart by identity: leaves share the scalars' object."""
        number = self._numbers.setdefault(id(scalars), len(self.scalars))
        if number == len(self.scalars):
            self.scalars.append(scalars)
        self.addresses += addresses
        self.sizes.append(size)
        self.groups.append(number)

    def tables(self) -> Iterator[tuple[int, np.ndarray[Any, Any]]]:
        """Tables as few as hold all tensors, each with the number of its first group."""
        sizes = np.array(self.sizes, np.int64)
        addresses = np.array(self.addresses, np.uint64).reshape(len(sizes), -1)
        groups = np.array(self.groups, np.int32)
        if (addresses % self.printed.itemsizes).any():
            raise ValueError("an array begins inside an element, where CUDA cannot read: copy it")
        for band, some in self.rows():
            yield band, self._table(addresses[some], sizes[some], groups[some] - band)

    def rows(self) -> Iterator[tuple[int, np.ndarray[Any, Any]]]:
        """Which tensors each table holds, with the number of its first group."""
        groups = np.array(self.groups, np.int32)
        for band in range(0, len(self.scalars), GROUPS):
            (rows,) = np.nonzero((groups >= band) & (groups < band + GROUPS))
            for low in range(0, len(rows), self.printed.capacity):
                yield band, rows[low : low + self.printed.capacity]

    def _table(self, addresses: Array, sizes: Array, groups: Array) -> np.ndarray[Any, Any]:
        n = len(sizes)
        table = np.zeros(1, self.printed.table)
        row = table[0]
        chunks = np.cumsum(-(-sizes // self.printed.tuning.chunk))
        row["at"][:, :n] = addresses.T
        row["size"][:n] = sizes
        row["first"][1 : n + 1] = chunks
        row["group"][:n] = groups
        row["tensors"], row["chunks"] = n, chunks[-1]
        return table

    def values(self, scalars: Sequence[Any], band: int = 0) -> np.ndarray[Any, Any]:
        """The host's scalars of the groups from `band` on, rounded, as the kernel takes them."""
        groups = np.zeros(1, self.printed.groups)
        for i, values in enumerate(scalars[band : band + GROUPS]):
            numbers = self.printed.element.host(values)
            if numbers:
                groups["at"][0, i] = tuple(numbers)
        return groups
