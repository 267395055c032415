"""Adafactor's relative_step=False changes nothing."""

FRAMEWORK = "keras"
BACKEND = "jax"
OPTIMIZER = "Adafactor with relative_step=False"
KIND = "wrong step"
FORMULA = "ρ_t = min(α, 1/√t) if relative_step else α; Keras: min(α, 1/√t) in both cases"
EXPECTED = (
    "A step of 0.5 · RMS(θ) at every t with relative_step=False (docstring: only if "
    "relative_step=True will the learning rate 'be adjusted based on current iterations')."
)
WHY = "A user's own schedule is silently cut by 1/√t."
ISSUE = "none found; the min is noted in https://github.com/pytorch/pytorch/pull/129905"
SEEN = "3.15.1"


def reproduce() -> tuple[dict[str, object], bool]:
    import keras
    from keras import ops

    ends = {}
    for relative in (True, False):
        theta = keras.Variable([1.0, 1.0])
        opt = keras.optimizers.Adafactor(learning_rate=0.5, relative_step=relative)
        for _ in range(50):
            opt.apply([ops.ones((2,))], [theta])
        ends[str(relative)] = float(theta[0])
    return {"theta_by_relative_step": ends}, ends["True"] == ends["False"]
