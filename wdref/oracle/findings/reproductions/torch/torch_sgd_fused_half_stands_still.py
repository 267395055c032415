"""Fused SGD on the CPU leaves most elements of a half-precision parameter where they are."""

FRAMEWORK = "torch"
OPTIMIZER = "SGD with fused=True, float16 and bfloat16 parameters on the CPU"
KIND = "wrong step"
FORMULA = "θ ← θ - α m for every element: 1 - 0.25 · 1 = 0.75"
EXPECTED = "All 64 elements are 0.75 after one step, as with foreach or the loop."
WHY = (
    "Whole vectors are skipped, only the remainder of the length moves: a parameter whose size is "
    "a multiple of the vector's never trains, without a word."
)
ISSUE = "https://github.com/pytorch/pytorch/issues/191763"
SEEN = "2.13.0"


def reproduce() -> tuple[dict[str, object], bool]:
    import torch

    theta = torch.ones(64, dtype=torch.bfloat16, requires_grad=True)
    theta.grad = torch.ones_like(theta)
    torch.optim.SGD([theta], lr=0.25, momentum=0.5, fused=True).step()
    moved = int((theta.detach() != 1).sum())
    return {"moved": moved, "of": 64}, moved < 64
