"""AdamWLegacy(clipping_threshold=…, foreach=True) raises where a tensor is empty."""

FRAMEWORK = "timm"
OPTIMIZER = "AdamWLegacy, NAdamW (clipping_threshold, foreach=True)"
KIND = "crash"
FORMULA = "1 / (√n · clipping_threshold), in Python: ZeroDivisionError at n = 0"
EXPECTED = "nothing of an empty tensor moves, as with foreach=False."
WHY = "Models have parameters of no elements, as an embedding of no tokens; AdamW takes them."
ISSUE = "none found"
SEEN = "1.0.31"


def reproduce() -> tuple[dict[str, object], bool]:
    import torch
    from timm.optim.adamw import AdamWLegacy

    theta = torch.nn.Parameter(torch.zeros(0))
    theta.grad = torch.zeros(0)
    raised = {}
    for foreach in (False, True):
        try:
            AdamWLegacy([theta], clipping_threshold=1.0, foreach=foreach).step()
        except ZeroDivisionError as error:
            raised[str(foreach)] = str(error)
    return {"foreach": raised}, bool(raised)
