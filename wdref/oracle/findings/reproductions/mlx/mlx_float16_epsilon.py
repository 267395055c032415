"""Adam's default eps is 0 in float16: a zero gradient gives NaN."""

FRAMEWORK = "mlx"
OPTIMIZER = "Adam, AdamW, Adamax, RMSprop, Adagrad"
KIND = "wrong step"
FORMULA = "0 / (√0 + round(1e-8)) = 0 / 0 in float16, whose smallest positive number is 6e-8"
EXPECTED = "θ stays where the gradient is 0."
WHY = "One masked token or unused embedding row ends a float16 training."
ISSUE = "none found"
SEEN = "0.32.4"


def reproduce() -> tuple[dict[str, object], bool]:
    import mlx.core as mx
    import mlx.optimizers as optim

    params = {"w": mx.ones((2,), mx.float16)}
    grads = {"w": mx.array([0.0, 1.0], mx.float16)}
    new = optim.Adam(1e-3).apply_gradients(grads, params)["w"].astype(mx.float32)
    missing = bool(mx.isnan(new)[0].item())
    return {"nan_at_zero_gradient": missing}, missing
