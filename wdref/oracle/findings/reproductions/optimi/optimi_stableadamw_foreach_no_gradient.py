"""StableAdamW(foreach=True) raises in a step without any gradient."""

FRAMEWORK = "optimi"
OPTIMIZER = "StableAdamW(foreach=True)"
KIND = "crash"
FORMULA = "_group_tensors_by_device_and_dtype of empty lists: RuntimeError"
EXPECTED = "nothing moves, as with foreach=False and in torch.optim.AdamW(foreach=True)."
WHY = "A group that is frozen for a while stops the training."
ISSUE = "none found"
SEEN = "0.3.3"


def reproduce() -> tuple[dict[str, object], bool]:
    import torch
    from optimi import StableAdamW

    theta = torch.nn.Parameter(torch.zeros(1))
    try:
        StableAdamW([theta], lr=0.1, foreach=True, triton=False).step()
    except RuntimeError as error:
        return {"error": str(error).partition(".")[0]}, True
    return {"error": None}, False
