"""adam's default eps is 0 in float16: a zero gradient gives NaN."""

FRAMEWORK = "optax"
OPTIMIZER = "adam, adamw, lamb and others on scale_by_adam"
KIND = "wrong step"
FORMULA = "0 / (√0 + round(1e-8)) = 0 / 0 in float16, whose smallest positive number is 6e-8"
EXPECTED = "θ stays where the gradient is 0."
WHY = "One masked token or unused embedding row ends a float16 training."
ISSUE = "https://github.com/google-deepmind/optax/issues/1754 (open)"
SEEN = "0.2.8"


def reproduce() -> tuple[dict[str, object], bool]:
    import jax.numpy as jnp
    import optax

    theta = jnp.ones(2, jnp.float16)
    opt = optax.adam(1e-3)
    step, _ = opt.update(jnp.array([0.0, 1.0], jnp.float16), opt.init(theta), theta)
    moved = [str(float(x)) for x in theta + step]
    return {"theta": moved}, moved[0] == "nan"
