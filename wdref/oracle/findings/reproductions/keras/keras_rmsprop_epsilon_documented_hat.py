"""RMSprop's epsilon stands inside the root; the documentation says epsilon hat, outside."""

FRAMEWORK = "keras"
BACKEND = "jax"
OPTIMIZER = "RMSprop"
KIND = "documentation"
FORMULA = "documented √v_t + ε̂; computed √(v_t + ε), like an ε̂ of √ε = 3e-4 for the default 1e-7"
EXPECTED = (
    "3.07, not 0.03, at the defaults and a gradient of 1e-5 (docstring of RMSprop: the formula "
    "before Section 2.1 of Kingma and Ba)."
)
WHY = "Small gradients move a hundred times less than documented."
ISSUE = (
    "https://github.com/tensorflow/tensorflow/issues/58412, "
    "https://github.com/keras-team/keras/issues/17391 (closed)"
)
SEEN = "3.15.1"


def reproduce() -> tuple[dict[str, object], bool]:
    import keras
    from keras import ops

    theta = keras.Variable([0.0])
    opt = keras.optimizers.RMSprop(learning_rate=1.0, rho=0.9)
    opt.apply([ops.full((1,), 1e-5)], [theta])
    value = float(theta[0])
    outside = -1e-5 / ((0.1 * 1e-10) ** 0.5 + 1e-7)
    says = "epsilon hat" in (keras.optimizers.RMSprop.__doc__ or "")
    return {"theta": value, "documented": outside}, says and abs(value / outside - 1) > 0.5
