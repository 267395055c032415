"""The learning rate is float32, also for float64 parameters."""

FRAMEWORK = "tinygrad"
OPTIMIZER = "every optimizer"
KIND = "precision"
FORMULA = "θ_t = θ_{t-1} - float64(float32(α)) g_t"
EXPECTED = "An error near 1e-16."
WHY = "A float64 training is a float32 one in its eighth digit."
ISSUE = "none found"
SEEN = "0.14.0"


def reproduce() -> tuple[dict[str, object], bool]:
    from tinygrad import Context, Tensor, dtypes
    from tinygrad.nn.optim import SGD

    theta = Tensor([0.0], dtype=dtypes.float64, device="PYTHON").is_param_(True)
    theta.grad = Tensor([1.0], dtype=dtypes.float64, device="PYTHON")
    with Context(TRAINING=1):
        SGD([theta], lr=0.1).step()
    error = abs(theta.tolist()[0] / -0.1 - 1)
    return {"relative_error": error, "float64_unit": 2.0**-53}, error > 1e-10
