"""RAdam's rectification of one tensor is another's where their betas differ."""

FRAMEWORK = "thinc"
OPTIMIZER = "RAdam with betas that a schedule gives by tensor or by step"
KIND = "wrong step"
FORMULA = (
    "r_t and 1 - β1^t are kept in a buffer by t mod 10 and reused where t is the same, whoever's "
    "betas they were computed of"
)
EXPECTED = (
    "The same steps as alone: each tensor has its own betas, since a schedule is told the tensor."
)
WHY = (
    "The second tensor's steps are many times too long or too short, by what the first one's betas "
    "are. RAdam's authors gave each group a buffer of its own when this was reported "
    "(LiyuanLucasLiu/RAdam#24)."
)
ISSUE = "none found"
SEEN = "9.1.1"


def reproduce() -> tuple[dict[str, object], bool]:
    import numpy as np
    import thinc.api

    beta2 = thinc.api.Schedule("by tensor", lambda s, step, *, key, **_: (0.9, 0.999)[key[0]])
    moved = {}
    for name, tensors in (("alone", [1]), ("after another", [0, 1])):
        opt = thinc.api.Optimizer(1.0, use_radam=True, grad_clip=0.0, eps=0.0, beta2=beta2)
        weights = [np.zeros(1, "f"), np.zeros(1, "f")]
        for _ in range(10):
            for i in tensors:
                weights[i], _gradient = opt((i, "W"), weights[i], np.ones(1, "f"))
            opt.step_schedules()
        moved[name] = float(weights[1][0])
    return dict(moved), abs(moved["after another"] - moved["alone"]) > 1
