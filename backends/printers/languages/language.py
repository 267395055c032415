"""What a language has to say, so that a step can be put together in it."""

from collections.abc import Sequence
from typing import ClassVar

from ..expression import Tree
from ..parts import Line, Listing

Text = list[str]
COUNT = {"k": "batch", "y": "rows", "x": "columns"}
PLACE = "(k * rows + y) * columns + x"


def placed(listing: Listing, key: str, /) -> str:
    """Write the element of an array that a loop is at; what is no array is a name."""
    if key in listing.arrays:
        return f"{key}[i]"
    if listing.matrices is not None and key in listing.matrices.rows:
        return f"{key}[k * rows + y]"
    if listing.matrices is not None and key in listing.matrices.columns:
        return f"{key}[k * columns + x]"
    return key


class Language:
    """How a language writes what a step is made of."""

    indent: ClassVar[str] = "    "
    once: str  # the comment above the host's scalars

    def __init__(self, listing: Listing) -> None:
        self.listing = listing

    def sums(self, own: Sequence[str]) -> Text:
        """Declare exact sums of nothing yet."""
        raise NotImplementedError

    def add(self, own: str, tree: Tree) -> str:
        """Add a term of one element."""
        raise NotImplementedError

    def total(self, own: str, zero: str = "") -> str:
        """Declare a sum, rounded; `zero` is added where all its terms may be -0."""
        raise NotImplementedError

    def along(self, own: str, zero: str = "") -> str:
        """Declare a sum along rows or columns, rounded to the arrays' dtype as well."""
        raise NotImplementedError

    def count(self, own: str) -> str:
        """Declare the number of a tensor's elements."""
        raise NotImplementedError

    def counting(self, own: str) -> tuple[str, str]:
        """Declare a count of nothing yet, and add a tensor's elements to it."""
        raise NotImplementedError

    def scalar(self, own: str, tree: Tree) -> str:
        """Declare what the host computes, rounded once."""
        raise NotImplementedError

    def line(self, line: Line) -> str:
        """Declare a name, or write an element of an array."""
        raise NotImplementedError

    def elements(self) -> str:
        """Begin the loop over a tensor's elements."""
        raise NotImplementedError

    def loop(self, i: str, count: str) -> str:
        """Begin a loop over matrices, rows or columns."""
        raise NotImplementedError

    def place(self) -> str:
        """Declare the place `i` of the element in row y and column x of the matrix k."""
        raise NotImplementedError

    def tensors(self, read: Sequence[str], *, step: bool) -> Text:
        """Begin the loop over a tree's tensors, with those of their arrays that are read."""
        raise NotImplementedError

    def elements_of_all(self) -> Text:
        """Declare how many elements all matrices have, where an array does not know it."""
        return []

    def fresh(self, own: str) -> str:
        """Name of the new value of a slot of one number."""
        return f"{own}_new"

    def kept(self, own: str) -> str:
        """Write the new value of a slot of one number."""
        raise NotImplementedError
