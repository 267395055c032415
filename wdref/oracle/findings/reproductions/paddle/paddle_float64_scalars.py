"""Float64 parameters are trained with a float32 momentum and decay coefficient."""

FRAMEWORK = "paddle"
OPTIMIZER = "Momentum (mu), AdamW (coeff)"
KIND = "precision"
FORMULA = "v_t = float32(μ) v_{t-1} + g_t"
EXPECTED = "An error near 1e-16, as for Adam's β1 and β2 in the same library."
WHY = "A float64 training is a float32 one in its eighth digit."
ISSUE = "none found"
SEEN = "3.3.1"


def reproduce() -> tuple[dict[str, object], bool]:
    import paddle

    theta = paddle.create_parameter([1], "float64")
    theta.set_value(paddle.zeros([1], "float64"))
    opt = paddle.optimizer.Momentum(1.0, momentum=0.9, parameters=[theta])
    theta.grad = paddle.ones([1], "float64")
    for _ in range(2):
        opt.step()
    error = abs(theta.item() / -2.9 - 1)
    return {"relative_error": error, "float64_unit": 2.0**-53}, error > 1e-10
