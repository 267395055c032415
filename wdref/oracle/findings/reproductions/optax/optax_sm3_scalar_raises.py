"""sm3 raises IndexError at its first update of a scalar."""

FRAMEWORK = "optax"
OPTIMIZER = "sm3"
KIND = "crash"
FORMULA = "ν_t = min_r μ_{t-1}(r) + g_t², over the slices r that the number lies in"
EXPECTED = "A step: of a vector each number is alone in its slice, and so is the one of a scalar."
WHY = "Of a model with a temperature or a scale as a scalar init makes a state, and update fails."
ISSUE = "none found"
SEEN = "0.2.8"


def reproduce() -> tuple[dict[str, object], bool]:
    import jax.numpy as jnp
    import optax

    opt, theta = optax.sm3(0.1), jnp.ones(())
    state = opt.init(theta)
    try:
        updates, _ = opt.update(jnp.ones(()), state)
    except IndexError as error:
        return {"error": str(error)}, True
    return {"update": float(updates)}, False
