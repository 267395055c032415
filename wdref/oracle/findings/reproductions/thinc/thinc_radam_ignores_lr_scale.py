"""RAdam ignores lr_scale."""

FRAMEWORK = "thinc"
OPTIMIZER = "RAdam"
KIND = "wrong step"
FORMULA = "θ_t = θ_{t-1} - s α u_t with the scale s that the call is given"
EXPECTED = "No movement at a scale of 0, as with Adam, SGD and the decay of the same call."
WHY = "A layer that should learn slowly or not at all learns at the full rate."
ISSUE = "none found"
SEEN = "9.1.1"


def reproduce() -> tuple[dict[str, object], bool]:
    import numpy as np
    import thinc.api

    moved = {}
    for radam in (False, True):
        opt = thinc.api.Optimizer(1.0, use_radam=radam, grad_clip=0.0)
        theta, _ = opt((0, "W"), np.zeros(1, "f"), np.ones(1, "f"), lr_scale=0.0)
        moved["radam" if radam else "adam"] = float(theta[0])
    return dict(moved), moved["radam"] != 0.0
