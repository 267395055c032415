"""SGD with a Tensor weight_decay that requires a gradient adds the decay to p.grad itself."""

FRAMEWORK = "torch"
OPTIMIZER = "SGD with weight_decay=Tensor"
KIND = "wrong step"
FORMULA = "g_t ← ∇f_t + λ θ_{t-1}; PyTorch: ∇f_t ← ∇f_t + λ θ_{t-1} in place (addcmul_)"
EXPECTED = (
    "p.grad stays 1: with a float weight_decay, or a Tensor that requires no gradient, it does "
    "(https://github.com/pytorch/pytorch/issues/69189: it must not be changed)."
)
WHY = "Whoever reads or accumulates gradients after the step counts the decay again at each step."
ISSUE = (
    "none found for Tensor; https://github.com/pytorch/pytorch/issues/12218 is the older one for "
    "floats"
)
SEEN = "2.13.0"


def reproduce() -> tuple[dict[str, object], bool]:
    import torch

    decay = torch.tensor(0.1, requires_grad=True)
    theta = torch.nn.Parameter(torch.ones(1))
    opt = torch.optim.SGD([theta], lr=0.1, weight_decay=decay)
    theta.grad = torch.ones(1)
    seen = []
    for _ in range(3):
        opt.step()
        seen.append(theta.grad.item())
    return {"gradient_after_steps": seen}, seen[-1] != 1.0
