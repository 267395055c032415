"""The timescale of AdamW, and two rules that keep something of it across budgets.

Wang & Aitchison (2024), arXiv 2405.13698: θ is an exponential moving average of -u/λ with a
timescale of 1/(αλ) steps (form ``lr``), 1/λ in the paper's form. Their rule keeps it constant in
epochs. Loshchilov & Hutter's normalised decay (2019, Appendix B.1), λ = λ_norm √(b/(BT)), does not:
there it grows as √T.
"""

from typing import Any, NamedTuple

from wdref.common.checks import check_count, check_number
from wdref.decay import normalised


def timescale(
    weight_decay: float,
    *,
    batch_size: int,
    dataset_size: int,
    learning_rate: float | None = None,
) -> float:
    """Return the timescale in epochs of a decay: τ = b/(N αλ), or b/(N λ) in the paper's form.

    Give `learning_rate` where the decay is multiplied by it (form ``lr``, most frameworks).
    Raises ValueError for what is not above 0.

    >>> timescale(0.1, learning_rate=1e-3, batch_size=100, dataset_size=50_000)
    20.0
    """
    lam = check_number("weight_decay", weight_decay, above=0.0)
    b, N = check_count("batch_size", batch_size), check_count("dataset_size", dataset_size)
    alpha = 1.0
    if learning_rate is not None:
        alpha = check_number("learning_rate", learning_rate, above=0.0)
    return b / (N * alpha * lam)


def constant_timescale(
    epochs: float, *, batch_size: int, dataset_size: int, learning_rate: float | None = None
) -> float:
    """Return the decay whose timescale is `epochs`, whatever the budget: λ = b/(N α τ).

    Without `learning_rate` the decay is in the paper's form.

    >>> constant_timescale(20.0, learning_rate=1e-3, batch_size=100, dataset_size=50_000)
    0.1
    """
    tau = check_number("epochs", epochs, above=0.0)
    one = timescale(1.0, learning_rate=learning_rate, batch_size=batch_size,
                    dataset_size=dataset_size)  # fmt: skip
    return one / tau


class Budget(NamedTuple):
    """One budget under both rules: decay (the paper's form) and timescale in epochs."""

    epochs: float
    batch_size: int
    lambda_normalised: float
    tau_normalised: float
    lambda_constant: float
    tau_constant: float


def budgets(
    lambda_norm: float = 0.025,
    *,
    dataset_size: int = 50_000,
    epochs: tuple[float, ...] = (25, 100, 400, 1600),
    batch_sizes: tuple[int, ...] = (128, 512),
) -> list[Budget]:
    """Return both rules over budgets, made equal at the first: the paper's CIFAR-10 by default.

    >>> first, second, *_ = budgets()
    >>> round(second.tau_normalised / first.tau_normalised, 12)  # T times 4: √4
    2.0
    >>> second.tau_constant == first.tau_constant
    True
    """
    rows: list[Budget] = []
    for b in batch_sizes:
        for T in epochs:
            sizes: dict[str, Any] = {"batch_size": b, "dataset_size": dataset_size}
            lam = normalised(lambda_norm, **sizes, epochs=T)(1)
            tau = timescale(lam, **sizes)
            kept = rows[0].tau_constant if rows else tau
            rows.append(Budget(T, b, lam, tau, constant_timescale(kept, **sizes), kept))
    return rows
