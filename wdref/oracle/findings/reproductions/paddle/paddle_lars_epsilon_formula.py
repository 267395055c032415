"""LARS's documentation adds epsilon to the gradient; the program adds it to the denominator."""

FRAMEWORK = "paddle"
OPTIMIZER = "incubate.optimizer.LarsMomentumOptimizer"
KIND = "documentation"
FORMULA = (
    "documented velocity = mu · velocity + local_lr · (gradient + lars_weight_decay · param + "
    "epsilon); computed local_lr = lr · lars_coeff · |param| / (|gradient| + lars_weight_decay · "
    "|param| + epsilon)"
)
EXPECTED = "0.5 (its documentation); the program, whose epsilon divides, is the right one."
WHY = "As documented epsilon would move a parameter that has no gradient, always one way."
ISSUE = "none found"
SEEN = "3.3.1"


def reproduce() -> tuple[dict[str, object], bool]:
    import paddle

    paddle.set_device("cpu")
    theta = paddle.create_parameter([1], "float64")
    theta.set_value(paddle.to_tensor([2.0], "float64"))
    opt = paddle.incubate.optimizer.LarsMomentumOptimizer(
        0.5, momentum=0.0, lars_coeff=1.0, lars_weight_decay=0.5, epsilon=1.0,
        parameter_list=[theta],
    )  # fmt: skip
    theta.grad = paddle.to_tensor([1.0], "float64")
    opt.step()
    moved, documented = theta.numpy().tolist()[0], 2 - 0.5 * (2 / (1 + 1)) * (1 + 1 + 1)
    return {"theta": moved, "documented": documented}, abs(moved - documented) > 1e-3
