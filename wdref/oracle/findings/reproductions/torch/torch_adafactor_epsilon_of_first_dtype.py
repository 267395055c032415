"""Adafactor takes the ε1 of a group's first dtype for all its tensors."""

FRAMEWORK = "torch"
OPTIMIZER = "Adafactor with eps=(None, …), the default"
KIND = "wrong step"
FORMULA = "V̂ ≥ ε1², ε1 = finfo(θ.dtype).eps; torch: ε1 = finfo(the first θ.dtype of the group).eps"
EXPECTED = (
    "The step of a float32 tensor does not depend on a bfloat16 tensor before it in its group "
    "(an ε1 of None is torch.finfo(param.dtype).eps, says the loop over the parameters)."
)
WHY = "ε1 is 65,536 times too large: gradients below 1e-2 give much smaller steps."
ISSUE = "none found"
SEEN = "2.13.0"


def reproduce() -> tuple[dict[str, object], bool]:
    import torch

    moved = {}
    for before in (False, True):
        own = torch.nn.Parameter(torch.full((2,), 3.0))
        first = torch.nn.Parameter(torch.ones(2, dtype=torch.bfloat16))
        params = [first, own] if before else [own]
        for p in params:
            p.grad = torch.full_like(p, 1e-3)
        torch.optim.Adafactor(params, lr=1.0, foreach=False).step()
        moved["after bfloat16" if before else "alone"] = 3.0 - own[0].item()
    return {"moved": moved}, moved["after bfloat16"] != moved["alone"]
