"""The bias correction counts the group's steps: a parameter that joins late is not corrected."""

FRAMEWORK = "pytorch_optimizer"
OPTIMIZER = "AdaMax and others that count in `group['step']`"
KIND = "wrong step"
FORMULA = "θ ← θ - α/(1 - β1^T) m/u with T the group's steps; Adamax: 1 - β1^t, t the parameter's"
EXPECTED = "1.0, α, at the first gradient that a parameter has, as torch.optim.Adamax gives."
WHY = (
    "A parameter that has its first gradient after the group's tenth step moves by 0.15 α there: a "
    "layer that is unfrozen, an expert that is chosen late."
)
ISSUE = "none found"
SEEN = "4.1.0"


def reproduce() -> tuple[dict[str, object], bool]:
    import torch
    from pytorch_optimizer import AdaMax

    steps = {}
    for make in (AdaMax, torch.optim.Adamax):
        first, late = (torch.nn.Parameter(torch.zeros(1)) for _ in range(2))
        opt = make([first, late], lr=1.0)
        for t in range(10):
            first.grad = torch.ones(1)
            late.grad = torch.ones(1) if t == 9 else None
            opt.step()
        steps[make.__name__] = -late.item()
    return steps, abs(steps["AdaMax"] - steps["Adamax"]) > 0.1
