"""Muon's decay is L2 in the gradient: it is orthogonalised with it."""

FRAMEWORK = "mlx"
OPTIMIZER = "Muon with weight_decay (0.01 by default)"
KIND = "wrong step"
FORMULA = "θ_t = θ_{t-1} - η λ θ_{t-1} - η NS(m_t); MLX: g ← g + λ θ, then m and NS of that"
EXPECTED = (
    "Every entry shrinks by η λ where the gradient is 0 (the original program, which the "
    "docstring says is followed, multiplies by 1 - η λ)."
)
WHY = (
    "NS normalises, so that λ's size is lost: without a gradient the step is about η in every "
    "direction whatever λ, with one it is drowned."
)
ISSUE = "none found; added in https://github.com/ml-explore/mlx/pull/1914"
SEEN = "0.32.4"


def reproduce() -> tuple[dict[str, object], bool]:
    import mlx.core as mx
    import mlx.optimizers as optim

    theta = mx.array([[1.0, 0.0], [0.0, 0.5]])
    opt = optim.Muon(learning_rate=0.1, weight_decay=0.5)
    new = opt.apply_gradients({"w": mx.zeros((2, 2))}, {"w": theta})["w"]
    ratios = [float(new[i, i] / theta[i, i]) for i in range(2)]
    return {"theta_ratios": ratios, "decoupled": [0.95, 0.95]}, abs(ratios[0] - ratios[1]) > 0.01
