"""NAdam keeps the product of its μ_i in float32, also for float64 parameters."""

FRAMEWORK = "torch"
OPTIMIZER = "NAdam"
KIND = "precision"
FORMULA = "m̂_t = μ_{t+1} m_t / (1 - Π_{i≤t+1} μ_i) + (1 - μ_t) g_t / (1 - Π_{i≤t} μ_i)"
EXPECTED = (
    "A relative error near 2e-16 in float64; the scalar's dtype is the default dtype, not the "
    "parameter's."
)
WHY = "A float64 training has errors of float32 size in each early step."
ISSUE = "none found"
SEEN = "2.13.0"


def reproduce() -> tuple[dict[str, object], bool]:
    import torch

    theta = torch.nn.Parameter(torch.zeros(1, dtype=torch.float64))
    opt = torch.optim.NAdam([theta], lr=1.0, eps=0.0)
    theta.grad = torch.ones_like(theta)
    opt.step()
    mu1, mu2 = (0.9 * (1 - 0.5 * 0.96 ** (t * 4e-3)) for t in (1, 2))
    exact = -(mu2 * (1 - 0.9) / (1 - mu1 * mu2) + 1)
    error = abs(theta.item() / exact - 1)
    return {
        "relative_error": error,
        "mu_product": str(opt.state[theta]["mu_product"].dtype),
    }, error > 1e-10
