"""Adafactor raises ZeroDivisionError where a parameter is empty."""

FRAMEWORK = "torch"
OPTIMIZER = "Adafactor"
KIND = "crash"
FORMULA = "RMS(θ) = ‖θ‖/√n with n = 0"
EXPECTED = "An empty tensor stays as it is, as under the other optimizers of torch.optim."
WHY = "An empty parameter, as a layer of width 0 has, ends the step before the tensors after it."
ISSUE = "none found"
SEEN = "2.13.0"


def reproduce() -> tuple[dict[str, object], bool]:
    import torch

    told = {}
    for foreach in (False, True):
        empty = torch.nn.Parameter(torch.ones(0))
        empty.grad = torch.ones(0)
        try:
            torch.optim.Adafactor([empty], foreach=foreach).step()
            told[f"foreach={foreach}"] = "stepped"
        except ZeroDivisionError as error:
            told[f"foreach={foreach}"] = f"ZeroDivisionError: {error}"
    return {"told": told}, all(text != "stepped" for text in told.values())
