"""madgrad weighs float64 gradients with a square root in float32."""

FRAMEWORK = "optax"
OPTIMIZER = "contrib.madgrad with float64 parameters"
KIND = "precision"
FORMULA = "λ_k = γ √(k + 1), as jnp.sqrt of an int32 count: float32, also with x64 on"
EXPECTED = "-1.3348398541700344, which is -2^{5/12} in float64."
WHY = "Parameters and state are float64, and every step has the digits of float32."
ISSUE = "none found"
SEEN = "0.2.8"


def reproduce() -> tuple[dict[str, object], bool]:
    import jax
    import jax.numpy as jnp
    import optax

    with jax.enable_x64(True):
        opt, theta = optax.contrib.madgrad(1.0, momentum=0.0, eps=0.0), jnp.zeros(())
        state = opt.init(theta)
        for gradient in (0.0, 2.0**0.25):  # λ_1 = √2: s = 2^{3/4}, v = 2
            updates, state = opt.update(jnp.asarray(gradient), state, theta)
        theta = float(optax.apply_updates(theta, updates))
    return {"theta": theta}, abs(theta + 2.0 ** (5 / 12)) > 1e-12
