"""Adam(differentiable=True) corrects the bias in float32, of float64 parameters too."""

FRAMEWORK = "torch"
OPTIMIZER = "Adam, AdamW with differentiable=True"
KIND = "precision"
FORMULA = "t = 1, ε = 0: θ ← θ - α g/|g| = -1, since the two corrections cancel 1-β1 and 1-β2"
EXPECTED = "-1 to some 1e-16, as without differentiable."
WHY = (
    "The step counter is a float32 tensor, and 1-β2^t is computed from it in float32: a relative "
    "error of 7e-6 in the first step, where float64 was asked for."
)
ISSUE = "none found"
SEEN = "2.13.0"


def reproduce() -> tuple[dict[str, object], bool]:
    import torch

    theta = torch.zeros(1, dtype=torch.float64)
    theta.grad = torch.full_like(theta, 1e-8)
    torch.optim.Adam([theta], lr=1.0, eps=0.0, differentiable=True).step()
    error = abs(float(theta) + 1.0)
    return {"first_step": float(theta), "error": error}, error > 1e-9
