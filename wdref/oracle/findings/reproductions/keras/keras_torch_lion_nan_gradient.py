"""On torch Lion takes the sign of NaN for 0: one such gradient stops its parameter, unseen."""

FRAMEWORK = "keras"
BACKEND = "torch"
OPTIMIZER = "Lion on the torch backend"
KIND = "lost update"
FORMULA = "v = v - α sign(β1 m + (1 - β1) g), m = β2 m + (1 - β2) g"
EXPECTED = "NaN, as on TensorFlow and JAX, where the sign of NaN is NaN."
WHY = (
    "m is NaN from there on and torch.sign(NaN) 0: no later gradient moves the parameter, no loss "
    "shows it, and another backend trains otherwise."
)
ISSUE = "none found"
SEEN = "3.15.1"


def reproduce() -> tuple[dict[str, object], bool]:
    import keras

    v = keras.Variable([1.0])
    opt = keras.optimizers.Lion(0.1)
    opt.build([v])
    for gradient in (float("nan"), 1.0, 1.0):
        opt.apply([keras.ops.convert_to_tensor([gradient])], [v])
    theta, m = (keras.ops.convert_to_numpy(x).item() for x in (v, opt.variables[-1]))
    return {"theta": theta, "m": m}, theta == 1.0 != m
