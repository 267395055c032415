"""Muon's adam_lr_ratio scales AdamW's step, not its decay."""

FRAMEWORK = "keras"
BACKEND = "jax"
OPTIMIZER = "Muon with adam_lr_ratio, for variables that AdamW trains"
KIND = "wrong step"
FORMULA = "θ_t = θ_{t-1} - ρ α (u_t + λ θ_{t-1}); Keras: θ_{t-1} - ρ α u_t - α λ θ_{t-1}"
EXPECTED = (
    "θ stays at a ratio of 0: 'ratio of the learning rate when using Adam to the main learning "
    "rate', and AdamW's decay is multiplied by its learning rate (docstring of Muon, program of "
    "AdamW)."
)
WHY = (
    "At a ratio of 0.1 embeddings and biases decay ten times as strongly as AdamW would with "
    "their rate."
)
ISSUE = "none found; adam_weight_decay came with https://github.com/keras-team/keras/pull/21885"
SEEN = "3.15.1"


def reproduce() -> tuple[dict[str, object], bool]:
    import keras
    from keras import ops

    theta = keras.Variable([1.0])
    opt = keras.optimizers.Muon(learning_rate=0.1, adam_lr_ratio=0.0, adam_weight_decay=0.5)
    opt.apply([ops.ones((1,))], [theta])
    value = float(theta[0])
    return {"theta": value, "adamw_at_rate_0": 1.0}, value < 0.99
