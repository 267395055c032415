"""MARS(weight_decouple=False) adds λ θ to the gradient before, not to this one: θ grows."""

FRAMEWORK = "pytorch_optimizer"
OPTIMIZER = "MARS(weight_decouple=False)"
KIND = "wrong step"
FORMULA = "c ← g + γ β1/(1-β1) (g - g₋), its step, and then g₋ ← g + λ θ"
EXPECTED = (
    "c of g + λ θ, so that θ shrinks where the gradient is 0 (its docstring: adding weight decay "
    "to the gradient)."
)
WHY = (
    "With no gradient at all ten steps of α = 0.1 move θ from 1 to 1.8: λ θ is in g₋ alone, with a "
    "minus, and is divided by its own root, so that a small λ is no smaller."
)
ISSUE = "none found"
SEEN = "4.1.0"


def reproduce() -> tuple[dict[str, object], bool]:
    import torch
    from pytorch_optimizer import MARS

    left = {}
    for foreach in (False, True):
        theta = torch.nn.Parameter(torch.ones(2, 2))
        options = {"weight_decouple": False, "foreach": foreach}
        optimizer = MARS([theta], lr=0.1, weight_decay=0.1, **options)
        for _ in range(10):
            theta.grad = torch.zeros(2, 2)
            optimizer.step()
        left[str(foreach)] = theta[0, 0].item()
    return {"θ": left}, any(x > 1.0 for x in left.values())
