"""Nadam's momentum has no warm-up: 0.96^t is computed for 0.96^(t/250)."""

FRAMEWORK = "keras"
BACKEND = "jax"
OPTIMIZER = "Nadam"
KIND = "wrong step"
FORMULA = "μ_t = β1 (1 - ½ 0.96^t); Dozat (2016) has 0.96^(t ψ) with ψ = 0.004"
EXPECTED = (
    "The paper's schedule, which Keras had until 2.10 as schedule_decay=0.004 and PyTorch and "
    "Paddle have as momentum_decay=4e-3."
)
WHY = (
    "At t = 100 μ is 0.892, not 0.457 (β1 = 0.9): a momentum that was to rise over thousands of "
    "steps has done so after a hundred."
)
ISSUE = "none found"
SEEN = "3.15.1"


def reproduce() -> tuple[dict[str, object], bool]:
    import keras
    from keras import ops

    theta = keras.Variable([0.0])
    opt = keras.optimizers.Nadam(learning_rate=1.0, epsilon=0.0)
    opt.apply([ops.full((1,), 1.0)], [theta])
    paper = {}
    for psi in (1.0, 0.004):
        mu, ahead = (0.9 * (1 - 0.5 * 0.96 ** (t * psi)) for t in (1, 2))
        paper[psi] = -(ahead * 0.1 / (1 - mu * ahead) + 1)
    got = float(theta[0])
    lost = abs(got - paper[1.0]) < 1e-5 < abs(got - paper[0.004])
    return {"theta": got, "psi 1": paper[1.0], "psi 0.004": paper[0.004]}, lost
