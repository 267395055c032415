"""exclude_from_weight_decay after build does not raise the documented error."""

FRAMEWORK = "keras"
BACKEND = "jax"
OPTIMIZER = "every optimizer"
KIND = "documentation"
FORMULA = "the guard asks for the attribute _built; the attribute is called built"
EXPECTED = (
    "ValueError: 'can only be configured before the optimizer is built' (docstring and code of "
    "exclude_from_weight_decay)."
)
WHY = (
    "A step that was traced before goes on decaying the variable (seen with tf.function), and the "
    "guard against that sleeps."
)
ISSUE = "none found"
SEEN = "3.15.1"


def reproduce() -> tuple[dict[str, object], bool]:
    import keras

    theta = keras.Variable([1.0])
    opt = keras.optimizers.AdamW(weight_decay=0.5)
    opt.build([theta])
    try:
        opt.exclude_from_weight_decay(var_list=[theta])
    except ValueError as error:
        return {"error": str(error)}, False
    return {"error": None, "built": opt.built, "_built": hasattr(opt, "_built")}, True
