"""RAdam with foreach=True divides by an unused denominator of 0; the for-loop does not."""

FRAMEWORK = "torch"
OPTIMIZER = "RAdam with foreach=True (the default on GPUs), eps=0 or float16"
KIND = "wrong step"
FORMULA = (
    "θ_t = θ_{t-1} - γ m̂_t while ρ_t ≤ 5; foreach adds 0 · 1/(√v_t + ε), which is NaN for v_t = "
    "ε = 0"
)
EXPECTED = (
    "1 for the element without a gradient, as the for-loop gives: the documented formula has no "
    "v_t in these steps."
)
WHY = (
    "In float16 the default eps is 0, so that a zero gradient in the first five steps ends the "
    "training on the default path of GPUs alone."
)
ISSUE = "none found"
SEEN = "2.13.0"


def reproduce() -> tuple[dict[str, object], bool]:
    import torch

    moved = {}
    for foreach in (False, True):
        theta = torch.nn.Parameter(torch.ones(2))
        theta.grad = torch.tensor([0.0, 1.0])
        torch.optim.RAdam([theta], eps=0.0, foreach=foreach).step()
        moved["foreach" if foreach else "loop"] = [str(x) for x in theta.tolist()]
    return dict(moved), moved["foreach"][0] == "nan"
