"""A tensor whose gradients begin late is corrected by the count of its group."""

FRAMEWORK = "optimi"
OPTIMIZER = "StableAdamW"
KIND = "wrong step"
FORMULA = "β̂ = β (1 - β^(t-1))/(1 - β^t) with the t of the group; a tensor's averages begin at 0"
EXPECTED = (
    "t counts the steps of the tensor, as in torch.optim.AdamW: its first average is its "
    "first gradient, and the first step α."
)
WHY = (
    "A layer that is unfrozen after four steps takes 0.244 of its first step, one that is after a "
    "thousand 0.1, which is 1 - β1: an average that begins at 0 is not corrected at all."
)
ISSUE = "none found"
SEEN = "0.3.3"


def reproduce() -> tuple[dict[str, object], bool]:
    import torch
    from optimi import StableAdamW

    early, late = (torch.nn.Parameter(torch.zeros(1)) for _ in range(2))
    optimizer = StableAdamW([early, late], lr=0.1, weight_decay=0.0, foreach=False, triton=False)
    for _ in range(4):
        early.grad = torch.ones(1)
        optimizer.step()
    late.grad = torch.ones(1)
    optimizer.step()
    step = -late.item()
    return {"first step": step, "α": 0.1}, abs(step - 0.1) > 0.01
