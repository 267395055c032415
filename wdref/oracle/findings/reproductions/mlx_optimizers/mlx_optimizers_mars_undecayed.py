"""MARS decays matrices of fewer than 10,000 rows alone, whatever weight_decay says."""

FRAMEWORK = "mlx_optimizers"
OPTIMIZER = "MARS (optimize_1d=True, and embeddings)"
KIND = "wrong step"
FORMULA = "θ ← θ - α (m̂/(√v̂ + ε) + λ θ), with λ = 0 where θ has one axis or 10,000 rows"
EXPECTED = (
    "0.9 of each at weight_decay=1, learning_rate=0.1 and no gradient: Algorithm 2 of Yuan et al. "
    "(2024) decays all of x, as the authors' program does, and the docstring names no exception."
)
WHY = "An embedding or an output layer of 10,000 tokens and more is trained without its decay."
ISSUE = "none found"
SEEN = "0.4.1"


def reproduce() -> tuple[dict[str, object], bool]:
    import mlx.core as mx
    from mlx_optimizers import MARS

    left = {}
    for shape in ((2, 3), (9_999, 1), (10_000, 1), (3,)):
        optimizer = MARS(learning_rate=0.1, weight_decay=1.0, optimize_1d=True)
        params = {"w": mx.ones(shape)}
        optimizer.init(params)
        params = optimizer.apply_gradients({"w": mx.zeros(shape)}, params)
        left[str(shape)] = params["w"].reshape(-1)[0].item()
    return left, any(x == 1.0 for x in left.values())
