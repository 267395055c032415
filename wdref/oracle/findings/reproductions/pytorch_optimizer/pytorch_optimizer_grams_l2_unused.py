"""Grams(weight_decouple=False) takes a weight decay, and has none."""

FRAMEWORK = "pytorch_optimizer"
OPTIMIZER = "Grams(weight_decouple=False)"
KIND = "wrong step"
FORMULA = "g ← g + λ θ after m, v and sgn(g) were read: θ ← θ - α sgn(g) |u|, without λ"
EXPECTED = (
    '"Apply weight decay to parameters instead of adding it to the gradient" where it is True: '
    "with False the gradient that the step reads is g + λ θ."
)
WHY = "Who asks for L2 regularisation has none, with foreach and without, and no warning."
ISSUE = "none found"
SEEN = "4.1.0"


def reproduce() -> tuple[dict[str, object], bool]:
    import torch
    from pytorch_optimizer import Grams

    ends = {}
    for decay in (0.0, 0.5):
        theta = torch.nn.Parameter(torch.ones(1))
        optimizer = Grams([theta], lr=0.125, weight_decay=decay, weight_decouple=False)
        for gradient in (1.0, -0.25, 0.5):
            theta.grad = torch.full((1,), gradient)
            optimizer.step()
        ends[f"weight_decay={decay}"] = theta.item()
    return ends, len(set(ends.values())) == 1
