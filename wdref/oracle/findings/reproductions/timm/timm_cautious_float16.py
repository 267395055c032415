"""Cautious AdamW moves no float16 parameter whose gradient is below 5e-4."""

FRAMEWORK = "timm"
OPTIMIZER = "AdamWLegacy(caution=True)"
KIND = "lost update"
FORMULA = "sgn(m) = sgn(g), asked as m g > 0 in float16, where (1-β1) g² is 0 below 2^-25"
EXPECTED = "the step of caution=False: m and g have one sign, and no other coordinate is masked."
WHY = "The smaller the gradients become, the more of a float16 model stands still, in silence."
ISSUE = "none found"
SEEN = "1.0.31"


def reproduce() -> tuple[dict[str, object], bool]:
    import torch
    from timm.optim.adamw import AdamWLegacy

    steps = {}
    for caution in (False, True):
        theta = torch.nn.Parameter(torch.zeros(1, dtype=torch.float16))
        theta.grad = torch.full((1,), 2.0**-11, dtype=torch.float16)
        AdamWLegacy([theta], lr=0.1, eps=1e-4, weight_decay=0.0, caution=caution).step()
        steps[f"caution={caution}"] = abs(theta.item())
    return steps, steps["caution=True"] == 0.0 != steps["caution=False"]
