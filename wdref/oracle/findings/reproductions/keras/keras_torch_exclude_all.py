"""On the torch backend a step fails where every variable is excluded from decay."""

FRAMEWORK = "keras"
BACKEND = "torch"
OPTIMIZER = "every optimizer with weight_decay"
KIND = "crash"
FORMULA = "θ_t = θ_{t-1} - α u_t for excluded variables"
EXPECTED = "A step without decay, as on the other backends."
WHY = "Fine-tuning biases and norms only, with the usual exclusion, stops at the first step."
ISSUE = "none found"
SEEN = "3.15.1"


def reproduce() -> tuple[dict[str, object], bool]:
    import keras
    from keras import ops

    theta = keras.Variable([1.0])
    opt = keras.optimizers.AdamW(weight_decay=0.5)
    opt.exclude_from_weight_decay(var_list=[theta])
    try:
        opt.apply([ops.ones((1,))], [theta])
    except RuntimeError as error:
        return {"error": str(error).splitlines()[0]}, True
    return {"theta": float(theta[0])}, False
