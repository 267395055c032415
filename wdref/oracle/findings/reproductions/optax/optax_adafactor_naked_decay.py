"""adafactor decays with the whole weight_decay_rate even at learning rate 0."""

FRAMEWORK = "optax"
OPTIMIZER = "adafactor with weight_decay_rate"
KIND = "wrong step"
FORMULA = "θ_t = θ_{t-1} - η_t u_t - λ θ_{t-1}: neither rate nor schedule multiply λ"
EXPECTED = (
    "θ stays at learning rate 0, as with optax.adamw, lamb, lion and adan; the docstring says "
    "only 'rate at which to decay weights'."
)
WHY = (
    "Ported with AdamW's λ = 0.1 it takes away a tenth of the weights at every step, also in a "
    "warm-up."
)
ISSUE = "none found"
SEEN = "0.2.8"


def reproduce() -> tuple[dict[str, object], bool]:
    import jax.numpy as jnp
    import optax

    theta, moved = jnp.ones(1), {}
    for name, opt in {
        "adafactor": optax.adafactor(0.0, weight_decay_rate=0.1),
        "adamw": optax.adamw(0.0, weight_decay=0.1),
    }.items():
        step, _ = opt.update(jnp.ones(1), opt.init(theta), theta)
        moved[name] = float((theta + step)[0])
    return dict(moved), moved["adafactor"] < 0.95
