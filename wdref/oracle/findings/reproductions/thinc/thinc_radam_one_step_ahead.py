"""RAdam counts every step twice at first: t is one step ahead."""

FRAMEWORK = "thinc"
OPTIMIZER = "RAdam"
KIND = "wrong step"
FORMULA = (
    "m̂_1 = m_1 / (1 - β1^1) = g_1; thinc divides by 1 - β1^2, as its step is incremented again"
)
EXPECTED = (
    "-1: the first step of RAdam is a step of SGD with momentum, corrected (Liu et al. 2020, "
    "Algorithm 2)."
)
WHY = (
    "The first steps are 0.53, 0.70, … of what was asked for, and the rectification begins a step "
    "early."
)
ISSUE = "none found"
SEEN = "9.1.1"


def reproduce() -> tuple[dict[str, object], bool]:
    import numpy as np
    import thinc.api

    opt = thinc.api.Optimizer(1.0, use_radam=True, grad_clip=0.0)
    theta, _ = opt((0, "W"), np.zeros(1, "f"), np.ones(1, "f"))
    return {"theta": float(theta[0]), "paper": -1.0}, abs(float(theta[0]) + 1) > 0.1
