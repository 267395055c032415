"""The decay of an MLP in an epoch grows with the square of the number of batches."""

FRAMEWORK = "sklearn"
OPTIMIZER = "MLPClassifier, MLPRegressor with solver 'sgd' or 'adam'"
KIND = "wrong step"
FORMULA = "loss = 1/n Σ ℓ_i + α/(2n) |W|² with n the size of the batch, n/b times an epoch"
EXPECTED = (
    "The same n, 100, in both (docstring: the L2 term is divided by 'the sample size'); then ten "
    "batches decay 10 times as much as one, not 95 times."
)
WHY = (
    "An alpha tuned at one batch size is another regularisation at the next, and a last, smaller "
    "batch decays most."
)
ISSUE = (
    "https://github.com/scikit-learn/scikit-learn/issues/6780 (closed by documenting 'the sample "
    "size')"
)
SEEN = "1.9.1"


def reproduce() -> tuple[dict[str, object], bool]:
    import warnings

    import numpy as np
    from sklearn.neural_network import MLPRegressor

    plain = {"solver": "sgd", "momentum": 0.0, "learning_rate_init": 0.1, "max_iter": 1,
             "hidden_layer_sizes": (1,)}  # fmt: skip

    def weight(alpha: float, batch: int) -> float:
        mlp = MLPRegressor(**plain, alpha=alpha, batch_size=batch, random_state=0)
        return float(mlp.fit(np.zeros((100, 1)), np.zeros(100)).coefs_[0].item())

    with warnings.catch_warnings(action="ignore"):
        lost = {batch: 1 - weight(1.0, batch) / weight(0.0, batch) for batch in (100, 10)}
    return {"decay_in_an_epoch_by_batch_size": lost}, lost[10] > 50 * lost[100]
