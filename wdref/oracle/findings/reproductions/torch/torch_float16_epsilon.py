"""Adam's default eps is 0 in float16: a zero gradient gives NaN, a small one infinity."""

FRAMEWORK = "torch"
OPTIMIZER = (
    "Adam, AdamW, NAdam, Adamax, RMSprop, Adagrad, for-loop and foreach; fused computes in float32"
)
KIND = "wrong step"
FORMULA = "0 / (√0 + round(1e-8)) = 0 / 0 in float16, whose smallest positive number is 6e-8"
EXPECTED = (
    "θ stays where the gradient is 0, as fused=True does: two implementations of one documented "
    "formula differ by NaN."
)
WHY = "One masked token or unused embedding row ends a float16 training."
ISSUE = "https://github.com/pytorch/pytorch/issues/147437"
SEEN = "2.13.0"


def reproduce() -> tuple[dict[str, object], bool]:
    import torch

    moved = {}
    for fused in (False, True):
        theta = torch.nn.Parameter(torch.ones(2, dtype=torch.float16))
        theta.grad = torch.tensor([0.0, 1e-4], dtype=torch.float16)
        torch.optim.Adam([theta], foreach=False, fused=fused).step()
        moved["fused" if fused else "loop"] = [str(x) for x in theta.tolist()]
    return dict(moved), moved["loop"][0] == "nan"
