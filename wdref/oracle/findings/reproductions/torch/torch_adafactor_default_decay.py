"""Adafactor's documentation says that weight_decay is 1e-2 by default; it is 0."""

FRAMEWORK = "torch"
OPTIMIZER = "Adafactor"
KIND = "documentation"
FORMULA = "θ_t ← θ_{t-1} - γ λ θ_{t-1} with λ = 0.01 documented, λ = 0 computed"
EXPECTED = "The documented default (docstring of torch.optim.Adafactor)."
WHY = "Who relies on the documented default trains without any decay."
ISSUE = "none found"
SEEN = "2.13.0"


def reproduce() -> tuple[dict[str, object], bool]:
    import inspect

    import torch

    default = inspect.signature(torch.optim.Adafactor).parameters["weight_decay"].default
    lines = (torch.optim.Adafactor.__doc__ or "").splitlines()
    said = next(line.strip() for line in lines if line.strip().startswith("weight_decay ("))
    return {"default": default, "documented": said}, "1e-2" in said and default == 0.0
