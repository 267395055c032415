"""What is usually a mistake in an optimizer's decay. Each may be meant, and is said to be."""

from collections.abc import Callable, Iterator, Sequence

from .record import Finding, Row

SMALL = ("norm", "bias", "vector")
SPREAD = 1e-3  # of an L2 term that moments divide: shares that differ by more than rounding


def findings(rows: Sequence[Row]) -> list[Finding]:
    """Return what the rows show, the gravest first."""
    found = [finding for look in LOOKS for finding in look(rows)]
    return [finding for finding in found if finding.parameters]


def _of(name: str, text: str, rows: Sequence[Row], test: Callable[[Row], bool]) -> Finding:
    return Finding(name, text, tuple(row.name for row in rows if test(row)))


def _groups(rows: Sequence[Row]) -> Iterator[Finding]:
    yield _of(
        "no-group",
        "in no group of the optimizer, which never updates it",
        rows,
        lambda row: row.trains and not row.groups,
    )
    yield _of("two-groups", "in two groups, each of which steps it", rows,
              lambda row: len(row.groups) > 1)  # fmt: skip
    yield _of("frozen", "in a group, and requires no gradient: no step reaches it", rows,
              lambda row: bool(row.groups) and not row.trains)  # fmt: skip


def _split(rows: Sequence[Row]) -> Iterator[Finding]:
    """Small parameters that decay, beside others that do not, or beside none."""
    small = [row for row in rows if row.kind in SMALL and _stepped(row)]
    split = any(not row.decays for row in small)
    if split:
        yield _of("split", "1-dimensional and decays, while others of that kind do not: the split "
                  "by name may not know it", small, lambda row: row.decays)  # fmt: skip
    elif any(row.kind == "weight" for row in rows):
        yield _of("no-split", "norms and biases decay like the weights: most trainings leave them "
                  "out", small, lambda row: row.decays)  # fmt: skip
    large = [row for row in rows if row.kind == "weight" and _stepped(row)]
    if any(row.decays for row in large):
        yield _of("weight-left-out", "does not decay, while other weights do", large,
                  lambda row: not row.decays)  # fmt: skip


def _stepped(row: Row) -> bool:
    """Whether a step was measured that may have decayed it."""
    return row.trains and row.form != "unknown" and row.decay is not None


def _size(rows: Sequence[Row]) -> Iterator[Finding]:
    yield _of("lost", "its dtype loses the decay, in part or whole: less than half a unit in the "
              "last place", rows, lambda row: row.lost > 0)  # fmt: skip
    yield _of("grows", "its decay has the wrong sign: it grows", rows,
              lambda row: row.decays and (row.decay or 0.0) < 0)  # fmt: skip
    yield _of("whole", "a step takes half of it or more", rows,
              lambda row: row.form != "l2" and (row.decay or 0.0) >= 0.5)  # fmt: skip


def _form(rows: Sequence[Row]) -> Iterator[Finding]:
    yield _of("l2", "decays through the gradient, where its moments divide it: parameters with "
              "large gradients decay less", rows, _divided)  # fmt: skip
    yield _of("said-not-done", "its group says a weight decay, and it does not decay", rows,
              lambda row: row.form == "none" and row.decay is not None and row.trains
              and bool(row.coefficient))  # fmt: skip
    yield _of("done-not-said", "decays, though its group says a weight decay of 0", rows,
              lambda row: row.decays and row.coefficient == 0)  # fmt: skip


def _divided(row: Row) -> bool:
    if row.form != "l2" or not row.decay or row.low is None or row.high is None:
        return False
    return row.high - row.low > SPREAD * abs(row.decay)


LOOKS = (_groups, _split, _size, _form)
