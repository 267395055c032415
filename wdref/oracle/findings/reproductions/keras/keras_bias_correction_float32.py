"""Adam's first step is off by 6.7e-6: the bias correction is computed in float32."""

FRAMEWORK = "keras"
BACKEND = "jax"
OPTIMIZER = "Adam, AdamW, Nadam, Lamb"
KIND = "precision"
FORMULA = "1 - β2^t is computed in float32, where β2 = 0.999 leaves 5 of 8 digits at t = 1"
EXPECTED = (
    "An error of one or two float32 roundings (1e-7), as where the scalar is computed in float64 "
    "(torch.optim)."
)
WHY = (
    "The first steps are wrong by tens of float32 units, and two frameworks cannot be compared "
    "closer than that."
)
ISSUE = "none found"
SEEN = "3.15.1"


def reproduce() -> tuple[dict[str, object], bool]:
    import keras
    from keras import ops

    theta = keras.Variable([0.0])
    opt = keras.optimizers.Adam(learning_rate=1.0, epsilon=0.0)
    opt.apply([ops.ones((1,))], [theta])
    error = abs(float(theta[0]) + 1.0)
    return {"relative_error": error, "float32_unit": 2.0**-24}, error > 1e-6
