"""A weight_decay set after the first fit is never read: the compiled step keeps the old one."""

FRAMEWORK = "keras"
BACKEND = "jax"
OPTIMIZER = "every optimizer; on tensorflow too; weight_decay, momentum, betas, rho and epsilon"
KIND = "wrong step"
FORMULA = "θ ← θ - α λ θ with the λ of the first step, whatever opt.weight_decay says"
EXPECTED = (
    "The λ that the optimizer shows: opt.learning_rate is read anew at every step, and on the "
    "torch backend so is opt.weight_decay."
)
WHY = (
    "Hyperparameters but the learning rate are Python numbers, which the traced step holds as "
    "constants; no error tells. Whoever schedules the decay in a callback trains without a "
    "schedule, until model.compile is called again."
)
ISSUE = (
    "https://github.com/tensorflow/tensorflow/issues/55824 asks for a decay with a schedule, which "
    "there is none of (closed)"
)
SEEN = "3.15.1"


def reproduce() -> tuple[dict[str, object], bool]:
    import keras
    import numpy as np

    zero = np.zeros((1, 1))
    model = keras.Sequential([keras.layers.Dense(1, use_bias=False, kernel_initializer="ones")])
    model.compile(keras.optimizers.AdamW(learning_rate=1.0, weight_decay=0.5), "mse")
    model.fit(zero, zero, verbose=0)  # no gradient: the decay alone moves the weight
    model.optimizer.weight_decay = 0.0
    model.fit(zero, zero, verbose=0)
    weight = float(model.get_weights()[0][0, 0])
    return {"weight": weight, "weight_by_hand": 0.5, "weight_decay": 0.0}, weight != 0.5
