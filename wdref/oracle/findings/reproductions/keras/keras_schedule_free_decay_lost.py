"""ScheduleFreeAdamW's decay never reaches the sequence z that trains."""

FRAMEWORK = "keras"
BACKEND = "jax"
OPTIMIZER = "ScheduleFreeAdamW with weight_decay"
KIND = "wrong step"
FORMULA = (
    "z_{t+1} = z_t - γ u_t - γ λ y_t; Keras: y_t ← (1 - γ λ) y_t only, and z_{t+1} = z_t - γ u_t"
)
EXPECTED = (
    "θ = 0.99 after one step without a gradient (Defazio et al. 2024, and the authors' program, "
    "which add λ y to the step of z). Keras stays at 1: the first average throws the decayed "
    "value away."
)
WHY = "Only the average decays, and less at each step; what the gradients train never does."
ISSUE = "none found; added in https://github.com/keras-team/keras/pull/22113"
SEEN = "3.15.1"


def reproduce() -> tuple[dict[str, object], bool]:
    import keras
    from keras import ops

    theta = keras.Variable([1.0])
    opt = keras.optimizers.ScheduleFreeAdamW(learning_rate=0.1, weight_decay=0.1, warmup_steps=0)
    values = []
    for _ in range(2):
        opt.apply([ops.zeros((1,))], [theta])
        values.append(float(theta[0]))
    x = (0.99 + 0.9801) / 2  # the average of z after two steps of z ← z - 0.01 y
    return {"theta": values, "paper": [0.99, 0.1 * 0.9801 + 0.9 * x]}, values[0] == 1.0
