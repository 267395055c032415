"""SGD takes dampening and nesterov, and ignores them."""

FRAMEWORK = "bitsandbytes"
OPTIMIZER = "SGD, SGD8bit, SGD32bit on the CPU"
KIND = "wrong step"
FORMULA = "m ← μ m + g; documented: 'the dampening value reduces the momentum', m ← μ m + (1 - τ) g"
EXPECTED = "-2.0 and -3.25 after two steps, as torch.optim.SGD gives with the same arguments."
WHY = "A training that is moved over from PyTorch takes other steps, and nothing says so."
ISSUE = "none found"
SEEN = "0.50.2"


def reproduce() -> tuple[dict[str, object], bool]:
    import bitsandbytes
    import torch

    found = {}
    for make in (bitsandbytes.optim.SGD, torch.optim.SGD):
        for name, value in (("dampening", 0.5), ("nesterov", True)):
            theta = torch.nn.Parameter(torch.zeros(1))
            opt = make([theta], lr=1.0, momentum=0.5, **{name: value})
            for _ in range(2):
                theta.grad = torch.ones(1)
                opt.step()
            found[f"{make.__module__.partition('.')[0]} {name}"] = theta.item()
    return found, found["bitsandbytes dampening"] != found["torch dampening"]
