"""Adadelta with its default learning rate adds the step, so that the loss rises."""

FRAMEWORK = "optax"
OPTIMIZER = "adadelta"
KIND = "wrong step"
FORMULA = (
    "documented Δw = -√(E[Δw²] + ε)/√(E[g²] + ε) g; computed the same without the minus where "
    "learning_rate is None, its default: what scales by the rate also turns the sign"
)
EXPECTED = "The step of learning_rate=1.0, which is Zeiler's (docstring of adadelta)."
WHY = "optax.adadelta() climbs: every step goes up the gradient, and nothing is raised."
ISSUE = (
    "none found; before https://github.com/google-deepmind/optax/issues/1242 the default raised "
    "TypeError"
)
SEEN = "0.2.8"


def reproduce() -> tuple[dict[str, object], bool]:
    import jax.numpy as jnp
    import optax

    moved = []
    for opt in (optax.adadelta(), optax.adadelta(1.0)):
        theta = jnp.ones(1)
        updates, _ = opt.update(jnp.full(1, 2.0), opt.init(theta), theta)
        moved.append(float(updates[0]))
    by_default, by_1 = moved
    return {"default": by_default, "rate 1": by_1}, by_default > 0 and by_default == -by_1
