"""Adam's documentation adds epsilon before the bias correction, the program after it."""

FRAMEWORK = "paddle"
OPTIMIZER = "Adam, AdamW"
KIND = "documentation"
FORMULA = "documented α √(1 - β2^t) / (1 - β1^t) · m / (√v + ε); computed α m̂ / (√v̂ + ε)"
EXPECTED = (
    "-0.00307 (docstrings of Adam and AdamW, which cite the end of Section 2 of Kingma and Ba)."
)
WHY = "An epsilon is carried over wrongly, by a factor of √(1 - β2^t)."
ISSUE = "none found"
SEEN = "3.3.1"


def reproduce() -> tuple[dict[str, object], bool]:
    import paddle

    theta = paddle.create_parameter([1], "float64")
    theta.set_value(paddle.zeros([1], "float64"))
    opt = paddle.optimizer.Adam(0.1, parameters=[theta], epsilon=1.0)
    theta.grad = paddle.ones([1], "float64")
    opt.step()
    documented = -0.1 * 0.001**0.5 / 0.1 * 0.1 / (0.001**0.5 + 1.0)
    return {"theta": theta.item(), "documented": documented}, abs(theta.item() / documented) > 2
