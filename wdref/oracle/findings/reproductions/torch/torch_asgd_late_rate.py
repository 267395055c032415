"""ASGD uses a learning rate one step late."""

FRAMEWORK = "torch"
OPTIMIZER = "ASGD"
KIND = "wrong step"
FORMULA = (
    "η_t = lr_t / (1 + λ lr_t t)^α in step t; PyTorch computes it at the end of step t for step t "
    "+ 1"
)
EXPECTED = (
    "Steps of 0.1, 0.01, 0.001: a scheduler sets lr before the step that should use it, as for "
    "SGD and Adam."
)
WHY = (
    "With a warm-up from 0 or a sharp drop the first step of each phase has the rate of the phase "
    "before."
)
ISSUE = "https://github.com/pytorch/pytorch/issues/74884 (rate and scheduler of ASGD)"
SEEN = "2.13.0"


def reproduce() -> tuple[dict[str, object], bool]:
    import torch

    theta = torch.nn.Parameter(torch.zeros(1, dtype=torch.float64))
    opt = torch.optim.ASGD([theta], lr=0.1, lambd=0.0)
    theta.grad = torch.ones_like(theta)
    moved = []
    for lr in (0.1, 0.01, 0.001):
        opt.param_groups[0]["lr"] = lr
        before = theta.item()
        opt.step()
        moved.append(before - theta.item())
    return {"moved": moved, "rates": [0.1, 0.01, 0.001]}, moved[1] > 0.05
