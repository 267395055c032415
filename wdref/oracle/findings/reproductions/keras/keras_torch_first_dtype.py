"""On torch every variable's step is computed in the dtype of the first."""

FRAMEWORK = "keras"
BACKEND = "torch"
OPTIMIZER = "Adam, AdamW, Nadam, Adamax, RMSprop, Adagrad, Adadelta, Lion"
KIND = "wrong step"
FORMULA = "α √(1 - β2^t) / (1 - β1^t) as a number of variables[0].dtype, for all variables"
EXPECTED = "Each variable's own dtype, as update_step has it, which runs on jax and tensorflow."
WHY = (
    "Behind a bfloat16 variable Adam moves no float32 variable at all, since there β2 = 0.999 is "
    "1; behind a float16 one every learning rate has three digits, and those below 3e-8 are 0."
)
ISSUE = "none found"
SEEN = "3.15.1"


def reproduce() -> tuple[dict[str, object], bool]:
    import keras

    thetas = [keras.Variable([1.0], dtype=dtype) for dtype in ("bfloat16", "float32")]
    opt = keras.optimizers.Adam(learning_rate=0.125)
    opt.build(thetas)
    opt.apply([keras.ops.ones_like(theta) for theta in thetas])
    theta = float(keras.ops.convert_to_numpy(thetas[1].value)[0])
    return {"theta": theta, "theta_by_hand": 0.875}, theta == 1.0
