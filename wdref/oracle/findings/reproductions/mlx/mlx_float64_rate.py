"""The learning rate is float32, also for float64 parameters."""

FRAMEWORK = "mlx"
OPTIMIZER = "every optimizer"
KIND = "precision"
FORMULA = "θ_t = θ_{t-1} - float64(float32(α)) g_t"
EXPECTED = "An error near 1e-16: float64 is there on the CPU for those who need the digits."
WHY = "A float64 training is a float32 one in its eighth digit."
ISSUE = "none found"
SEEN = "0.32.4"


def reproduce() -> tuple[dict[str, object], bool]:
    import mlx.core as mx
    import mlx.optimizers as optim

    mx.set_default_device(mx.cpu)
    params, grads = {"w": mx.zeros((1,), mx.float64)}, {"w": mx.ones((1,), mx.float64)}
    new = optim.SGD(0.1).apply_gradients(grads, params)["w"].item()
    error = abs(new / -0.1 - 1)
    return {"relative_error": error, "float64_unit": 2.0**-53}, error > 1e-10
