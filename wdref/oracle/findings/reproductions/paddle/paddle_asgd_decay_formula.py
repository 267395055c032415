"""ASGD's documentation decays beside the average of gradients; the program decays inside it."""

FRAMEWORK = "paddle"
OPTIMIZER = "ASGD"
KIND = "documentation"
FORMULA = (
    "documented x = x - lr (d/min(m+1, n) + λ x), d of gradients alone; computed with g + λ x in "
    "the place of every gradient in d and y"
)
EXPECTED = "0.5625 after two steps with batch_num=2 and no gradient (docstring of ASGD)."
WHY = (
    "Each step decays by the mean of the last n parameters, not by the present one. The class is "
    "SAG, the stochastic average gradient; torch.optim.ASGD averages iterates."
)
ISSUE = "none found"
SEEN = "3.3.1"


def reproduce() -> tuple[dict[str, object], bool]:
    import paddle

    theta = paddle.create_parameter([1], "float64")
    theta.set_value(paddle.to_tensor([1.0], "float64"))
    opt = paddle.optimizer.ASGD(0.5, batch_num=2, weight_decay=0.5, parameters=[theta])
    for _ in range(2):
        theta.grad = paddle.zeros([1], "float64")
        opt.step()
    documented = 1.0 * (1 - 0.5 * 0.5) ** 2
    moved = theta.item()
    return {"theta": moved, "documented": documented}, abs(moved - documented) > 1e-3
