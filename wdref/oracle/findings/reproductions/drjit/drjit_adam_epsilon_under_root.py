"""Adam's epsilon joins v under the root where it is at most 1e-6, as by default."""

FRAMEWORK = "drjit"
OPTIMIZER = "Adam, AdamW, RMSProp with epsilon up to 1e-6 (the default is 1e-8)"
KIND = "wrong step"
FORMULA = "u = m / √(v + ε²); documented: u = m / (√v + ε)"
EXPECTED = "0.5 of the step without ε where √v = ε, by the class's own formula; it is 0.707."
WHY = (
    "With epsilon=2e-6 the documented formula is computed: a setting changes the rule. They differ "
    "by up to 41 per cent, where gradients are as small as ε."
)
ISSUE = "none found"
SEEN = "1.5.0"


def reproduce() -> tuple[dict[str, object], bool]:
    from drjit import llvm, opt

    steps = {}
    for eps in (1e-6, 2e-6):  # √v = ε after the first gradient
        adam = opt.Adam(lr=1.0, beta_1=0.0, beta_2=0.75, epsilon=eps)
        adam["w"] = llvm.ad.Float64([1.0])
        adam["w"].grad = llvm.ad.Float64([2 * eps])
        adam.step()
        # with the correction √(1 - β2) = 0.5 the step without ε is 1
        steps[f"epsilon {eps:g}"] = 1.0 - float(adam["w"].numpy()[0])
    return {**steps, "documented": 0.5}, abs(steps["epsilon 1e-06"] - 0.5) > 0.1
