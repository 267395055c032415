"""AdamW never decays a bfloat16 parameter where lr · weight_decay is below 2^-9."""

FRAMEWORK = "torch"
OPTIMIZER = "AdamW and every other with decoupled decay; for-loop, foreach and fused"
KIND = "lost update"
FORMULA = "round(θ (1 - lr λ)) = θ in bfloat16 whenever lr λ < 2^-9"
EXPECTED = (
    "1.357 after 1000 steps. The documented line θ ← θ - γ λ θ has no effect at the documented "
    "defaults (lr 1e-3, λ 1e-2)."
)
WHY = "Pure bfloat16 training has no weight decay at all, and nothing says so."
ISSUE = "https://github.com/pytorch/pytorch/pull/64475 (closed without a change)"
SEEN = "2.13.0"


def reproduce() -> tuple[dict[str, object], bool]:
    import torch

    theta = torch.nn.Parameter(torch.full((1,), 1.5, dtype=torch.bfloat16))
    opt = torch.optim.AdamW([theta], lr=1e-3, weight_decay=0.1)
    theta.grad = torch.zeros_like(theta)
    for _ in range(1000):
        opt.step()
    return {"theta": theta.item(), "exact": 1.5 * (1 - 1e-4) ** 1000}, theta.item() == 1.5
