"""AdamW's documentation multiplies the decay by the bias correction; the program does not."""

FRAMEWORK = "paddle"
OPTIMIZER = "AdamW"
KIND = "documentation"
FORMULA = (
    "documented α_t = α √(1 - β2^t) / (1 - β1^t), θ ← θ - α_t (m / (√v + ε) + λ θ); computed θ ← "
    "(1 - α λ) θ - …"
)
EXPECTED = "0.984 (docstring of AdamW); 0.95 is computed, as by PyTorch."
WHY = (
    "Who writes the documented formula again gets a decay that is 0.32 times that of Paddle in "
    "the first step."
)
ISSUE = "none found"
SEEN = "3.3.1"


def reproduce() -> tuple[dict[str, object], bool]:
    import paddle

    theta = paddle.create_parameter([1], "float64")
    theta.set_value(paddle.ones([1], "float64"))
    opt = paddle.optimizer.AdamW(0.1, parameters=[theta], weight_decay=0.5)
    theta.grad = paddle.zeros([1], "float64")
    opt.step()
    documented = 1 - 0.1 * (1 - 0.999) ** 0.5 / (1 - 0.9) * 0.5
    return {"theta": theta.item(), "documented": documented}, abs(theta.item() - documented) > 1e-3
