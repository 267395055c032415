"""Lamb's decay stands outside the trust ratio."""

FRAMEWORK = "keras"
BACKEND = "jax"
OPTIMIZER = "Lamb with weight_decay"
KIND = "wrong step"
FORMULA = (
    "θ_t = θ_{t-1} - η |θ_{t-1}| / |r_t + λ θ_{t-1}| (r_t + λ θ_{t-1}); Keras: θ' = θ (1 - η λ), "
    "then θ' - η |θ'| / |r_t| r_t"
)
EXPECTED = "1.8 (You et al. 2020, Algorithm 2, cited by the docstring)."
WHY = (
    "The decay is not balanced by the layer's norm, and λ of the paper's tables means something "
    "else."
)
ISSUE = (
    "https://github.com/keras-team/keras/pull/19981 (said in its description, not in the "
    "documentation)"
)
SEEN = "3.15.1"


def reproduce() -> tuple[dict[str, object], bool]:
    import keras
    from keras import ops

    theta = keras.Variable([2.0])
    opt = keras.optimizers.Lamb(learning_rate=0.1, weight_decay=0.5, epsilon=0.0)
    opt.apply([ops.ones((1,))], [theta])
    value = float(theta[0])
    return {"theta": value, "paper": 2 - 0.1 * 2 / (1 + 0.5 * 2) * (1 + 0.5 * 2)}, abs(
        value - 1.8
    ) > 1e-3
