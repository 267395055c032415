"""Adam is plain SGD where beta2 is 0, and fails without a word where beta1 is."""

FRAMEWORK = "thinc"
OPTIMIZER = "Adam with beta2=0, or with beta1=0"
KIND = "wrong step"
FORMULA = "θ_t = θ_{t-1} - α m̂_t / (√v̂_t + ε) for β1, β2 in [0, 1); Thinc: θ_{t-1} - α g_t"
EXPECTED = (
    "-1: with β2 = 0 the second moment is the gradient's square (Kingma & Ba 2015, Algorithm 1); "
    "with β1 = 0 the first is the gradient (RMSProp with bias correction)."
)
WHY = (
    "A sweep over beta2 that reaches 0 leaves Adam: steps grow with the gradient, here by a "
    "factor of 8. With beta1=0 the first step raises NotImplementedError without a message."
)
ISSUE = "none found"
SEEN = "9.1.1"


def reproduce() -> tuple[dict[str, object], bool]:
    import numpy as np
    import thinc.api

    opt = thinc.api.Adam(1.0, beta2=0.0, eps=0.0, grad_clip=0.0, L2=0.0)
    theta, _ = opt((0, "W"), np.zeros(1, "f"), np.full(1, 8.0, "f"))
    raised = ""
    try:
        opt = thinc.api.Adam(1.0, beta1=0.0, grad_clip=0.0, L2=0.0)
        opt((0, "W"), np.zeros(1, "f"), np.ones(1, "f"))
    except NotImplementedError as error:
        raised = repr(error)
    evidence = {"theta": float(theta[0]), "paper": -1.0, "beta1=0": raised}
    return evidence, abs(float(theta[0]) + 1) > 0.1
