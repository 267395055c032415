"""Weight decay acts on the weights after the step."""

FRAMEWORK = "thinc"
OPTIMIZER = "Adam, RAdam, SGD with L2_is_weight_decay=True (the default)"
KIND = "wrong step"
FORMULA = "θ_t = (1 - α λ)(θ_{t-1} - α u_t); AdamW: θ_t = θ_{t-1} - α u_t - α λ θ_{t-1}"
EXPECTED = (
    "0.25, the decay of θ_{t-1} ('in the style of the AdamW optimizer', docstring; Loshchilov & "
    "Hutter 2019, Algorithm 2, line 12)."
)
WHY = (
    "The step itself is multiplied by 1 - α λ too, so that a trajectory from elsewhere cannot be "
    "repeated."
)
ISSUE = "none found; the same elsewhere: https://github.com/huggingface/transformers/issues/14539"
SEEN = "9.1.1"


def reproduce() -> tuple[dict[str, object], bool]:
    import numpy as np
    import thinc.api

    opt = thinc.api.Optimizer(0.5, L2=0.5, beta1=0.9, beta2=0.999, grad_clip=0.0)
    theta, _ = opt((0, "W"), np.ones(1, "f"), np.ones(1, "f"))
    return {"theta": float(theta[0]), "paper": 0.25}, abs(float(theta[0]) - 0.25) > 0.01
