"""SGD never decays a bfloat16 variable where learning_rate · weight_decay is below 2^-9."""

FRAMEWORK = "keras"
BACKEND = "jax"
OPTIMIZER = "every optimizer with weight_decay"
KIND = "lost update"
FORMULA = "round(θ - round(round(θ λ) α)) = θ in bfloat16 whenever α λ < 2^-9"
EXPECTED = "1.470 after 200 steps."
WHY = "Pure bfloat16 training has no weight decay at all, and nothing says so."
ISSUE = "none found"
SEEN = "3.15.1"


def reproduce() -> tuple[dict[str, object], bool]:
    import keras
    from keras import ops

    theta = keras.Variable([1.5], dtype="bfloat16")
    opt = keras.optimizers.SGD(learning_rate=1e-3, weight_decay=0.1)
    for _ in range(200):
        opt.apply([ops.zeros((1,), dtype="bfloat16")], [theta])
    value = float(ops.cast(theta, "float32")[0])
    return {"theta": value, "exact": 1.5 * (1 - 1e-4) ** 200}, value == 1.5
