"""Adam, AdamW and Lamb never move a bfloat16 variable; Nadam makes it NaN."""

FRAMEWORK = "keras"
BACKEND = "jax"
OPTIMIZER = "Adam, AdamW, Lamb, Nadam on bfloat16 variables"
KIND = "lost update"
FORMULA = (
    "α_t = α √(1 - β2^t) / (1 - β1^t) in the variable's dtype: β2 = 0.999 is 1 in bfloat16, so "
    "α_t = 0"
)
EXPECTED = "θ near -1 after 20 steps of 0.1 against a gradient of 1, as SGD gives."
WHY = (
    "A model built with the dtype policy 'bfloat16' does not train at all with the default "
    "optimizer."
)
ISSUE = (
    "https://github.com/keras-team/keras-hub/issues/2629 (symptom); "
    "https://github.com/keras-team/keras/pull/21238 (Lamb, closed)"
)
SEEN = "3.15.1"


def reproduce() -> tuple[dict[str, object], bool]:
    import keras
    from keras import ops

    moved = {}
    for name in ("Adam", "AdamW", "Lamb", "Nadam", "SGD"):
        theta = keras.Variable([1.0], dtype="bfloat16")
        opt = getattr(keras.optimizers, name)(learning_rate=0.1)
        for _ in range(20):
            opt.apply([ops.ones((1,), dtype="bfloat16")], [theta])
        moved[name] = str(float(ops.cast(theta, "float32")[0]))
    return dict(moved), moved["Adam"] == "1.0"
