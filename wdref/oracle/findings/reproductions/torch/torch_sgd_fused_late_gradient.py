"""SGD(fused=True, momentum=…) fails where a gradient comes later than another."""

FRAMEWORK = "torch"
OPTIMIZER = "SGD with fused=True and momentum"
KIND = "crash"
FORMULA = (
    "b_t = g_t at the first gradient of each parameter, b_t = μ b_{t-1} + (1 - τ) g_t after it"
)
EXPECTED = (
    "0.9 for both elements of the late parameter, as with foreach=True and with the loop "
    "(documentation of SGD: the buffer begins with the first gradient)."
)
WHY = "Layers that are unfrozen or used later in a training stop it."
ISSUE = "none found"
SEEN = "2.13.0"


def reproduce() -> tuple[dict[str, object], bool]:
    import torch

    first, late = (torch.nn.Parameter(torch.ones(2)) for _ in range(2))
    opt = torch.optim.SGD([first, late], lr=0.1, momentum=0.9, fused=True)
    first.grad = torch.ones(2)
    opt.step()
    late.grad = torch.ones(2)
    try:
        opt.step()
    except TypeError as error:
        return {"error": str(error).splitlines()[0]}, True
    return {"late": late.tolist()}, False
