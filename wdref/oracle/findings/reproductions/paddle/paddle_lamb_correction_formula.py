"""Lamb's documentation divides by β^t where the program divides by 1 - β^t."""

FRAMEWORK = "paddle"
OPTIMIZER = "Lamb"
KIND = "documentation"
FORMULA = "documented m_t / β1^t and v_t / β2^t; computed m_t / (1 - β1^t) and v_t / (1 - β2^t)"
EXPECTED = "1.832 (docstring of Lamb); the program follows the paper."
WHY = "The documented formula grows without bound with t."
ISSUE = "https://github.com/PaddlePaddle/Paddle/pull/30533 (a correction, closed)"
SEEN = "3.3.1"


def reproduce() -> tuple[dict[str, object], bool]:
    import paddle

    theta = paddle.create_parameter([2], "float64")
    theta.set_value(paddle.to_tensor([2.0, 1.0], "float64"))
    opt = paddle.optimizer.Lamb(0.1, lamb_weight_decay=0.5, epsilon=0.0, parameters=[theta])
    theta.grad = paddle.to_tensor([1.0, 1.0], "float64")
    opt.step()
    r = (0.1 / 0.9) / (0.001 / 0.999) ** 0.5
    norm = ((r + 1.0) ** 2 + (r + 0.5) ** 2) ** 0.5
    documented = 2 - 0.1 * 5**0.5 / norm * (r + 1.0)
    moved = theta.numpy().tolist()[0]
    return {"theta": moved, "documented": documented}, abs(moved - documented) > 1e-3
