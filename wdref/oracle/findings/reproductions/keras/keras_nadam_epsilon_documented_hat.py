"""Nadam's epsilon is Algorithm 1's; the documentation says epsilon hat."""

FRAMEWORK = "keras"
BACKEND = "jax"
OPTIMIZER = "Nadam"
KIND = "documentation"
FORMULA = (
    "documented √v_t + ε̂; computed √(v_t / (1 - β2^t)) + ε, so that ε̂ = ε √(1 - β2^t), 0.03 ε "
    "at t = 1"
)
EXPECTED = (
    "About Adam's step, whose documented 'epsilon hat' is what is computed (docstring of Nadam)."
)
WHY = (
    "An epsilon tuned with Adam or taken from the documentation is 30 times another one in the "
    "first step."
)
ISSUE = "none found"
SEEN = "3.15.1"


def reproduce() -> tuple[dict[str, object], bool]:
    import keras
    from keras import ops

    moved = {}
    for name in ("Adam", "Nadam"):
        theta = keras.Variable([0.0])
        opt = getattr(keras.optimizers, name)(learning_rate=1.0, epsilon=0.1)
        opt.apply([ops.full((1,), 1e-3)], [theta])
        moved[name] = float(theta[0])
    says = "epsilon hat" in (keras.optimizers.Nadam.__doc__ or "")
    return {**moved, "documented_hat": says}, says and abs(moved["Nadam"]) > 10 * abs(moved["Adam"])
