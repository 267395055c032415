"""Centered RMSprop becomes NaN where a gradient stays as it is."""

FRAMEWORK = "torch"
OPTIMIZER = "RMSprop(centered=True)"
KIND = "wrong step"
FORMULA = (
    "√(v - ḡ²) + ε; for a constant g the difference goes to 0 as α^t, until rounding makes it "
    "negative and its root no number"
)
EXPECTED = "Finite steps: v - ḡ² is a variance, max(v - ḡ², 0) where rounding makes it negative."
WHY = "One such gradient, of a bias or of a linear loss, turns a parameter into NaN for good."
ISSUE = "none found; https://github.com/apache/mxnet/pull/6235 is the same in MXNet, fixed"
SEEN = "2.13.0"


def reproduce() -> tuple[dict[str, object], bool]:
    import torch

    p = torch.ones(1000, requires_grad=True)
    opt = torch.optim.RMSprop([p], alpha=0.9, centered=True)
    first = None
    for t in range(1, 401):
        p.grad = torch.linspace(0.1, 10, 1000)
        opt.step()
        if first is None and bool(p.isnan().any()):
            first = t
    return {"first step with NaN": first, "of 1000": int(p.isnan().sum())}, first is not None
