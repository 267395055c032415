"""Fused CPU steps walk a strided parameter as if it were contiguous."""

FRAMEWORK = "torch"
OPTIMIZER = "AdamW, Adam, SGD, Adagrad with fused=True"
KIND = "wrong step"
FORMULA = "θ_i ← θ_i - α u_i for every element i of θ, and nothing else is written"
EXPECTED = (
    "All 8 elements move and the memory between them stays 0, as with foreach or the loop; the "
    "documentation of fused names no restriction on strides."
)
WHY = (
    "Half of the parameter never trains and other tensors in the same storage are overwritten, "
    "without a word."
)
ISSUE = "none found"
SEEN = "2.13.0"


def reproduce() -> tuple[dict[str, object], bool]:
    import torch

    memory = torch.zeros(16)
    theta = memory[::2].requires_grad_()
    theta.grad = torch.ones(8)
    torch.optim.AdamW([theta], lr=0.1, fused=True).step()
    moved = int((theta.detach() != 0).sum())
    between = int((memory.detach()[1::2] != 0).sum())
    return {"moved": moved, "of": 8, "overwritten_between": between}, moved < 8 or between > 0
