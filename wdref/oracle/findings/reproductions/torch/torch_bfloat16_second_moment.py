"""In bfloat16 Adam's second moment cannot shrink: β2 = 0.999 rounds away."""

FRAMEWORK = "torch"
OPTIMIZER = "Adam, AdamW and others with a second moment"
KIND = "lost update"
FORMULA = "round(β2 v) = v in bfloat16 for β2 > 1 - 2^-9; the state has the parameter's dtype"
EXPECTED = "v = 0.053 after 500 gradients of 1 and 2000 of 0."
WHY = "After one large gradient the effective learning rate stays small for ever."
ISSUE = "none found"
SEEN = "2.13.0"


def reproduce() -> tuple[dict[str, object], bool]:
    import torch

    theta = torch.nn.Parameter(torch.zeros(1, dtype=torch.bfloat16))
    opt = torch.optim.Adam([theta])
    theta.grad = torch.ones_like(theta)
    for _ in range(500):
        opt.step()
    theta.grad = torch.zeros_like(theta)
    for _ in range(2000):
        opt.step()
    v = opt.state[theta]["exp_avg_sq"].item()
    return {"v": v, "exact": (1 - 0.999**500) * 0.999**2000}, v > 0.3
