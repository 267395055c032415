"""adafactor's decay_offset above 0 makes every parameter NaN."""

FRAMEWORK = "optax"
OPTIMIZER = "adafactor with decay_offset"
KIND = "wrong step"
FORMULA = "β2 = 1 - (t - offset)^-p; optax: of a negative t - offset, which has no such power"
EXPECTED = "Numbers: decay_offset is 'the starting step number of the fine-tuning phase'."
WHY = "The count of a new optimizer begins at 0: with an offset its first steps are all NaN."
ISSUE = "https://github.com/google-deepmind/optax/issues/1791"
SEEN = "0.2.8"


def reproduce() -> tuple[dict[str, object], bool]:
    import jax.numpy as jnp
    import optax

    opt, theta = optax.adafactor(0.1, decay_offset=10), jnp.ones(2)
    updates, _ = opt.update(jnp.ones(2), opt.init(theta), theta)
    new = [float(x) for x in optax.apply_updates(theta, updates)]
    return {"theta": [str(x) for x in new]}, any(x != x for x in new)
