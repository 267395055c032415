"""Centered RMSprop with bias correction divides its first step by the root of a rounding error."""

FRAMEWORK = "optax"
OPTIMIZER = "rmsprop(centered=True, bias_correction=True)"
KIND = "wrong step"
FORMULA = (
    "at step 1 v̂ = g² and m̂ = g, so that v̂ - m̂² is 0; rounded it is some 1e-7 g² of either sign, "
    "below -ε for large g, and √(v̂ - m̂² + ε) is then no number"
)
EXPECTED = "Finite steps: v̂ - m̂² is a variance, max(v̂ - m̂², 0) where rounding makes it negative."
WHY = (
    "Some parameters are NaN from the first step on, and the others move by α g/√ε, thousands of "
    "times the rate."
)
ISSUE = "none found"
SEEN = "0.2.8"


def reproduce() -> tuple[dict[str, object], bool]:
    import jax.numpy as jnp
    import optax

    opt = optax.rmsprop(1e-3, centered=True, bias_correction=True)
    g = jnp.linspace(10.0, 1000.0, 1000, dtype="float32")
    step, _ = opt.update(g, opt.init(g))
    none = int(jnp.sum(jnp.isnan(step)))
    largest = float(jnp.nanmax(jnp.abs(step)))
    return {"no numbers of 1000": none, "largest step at rate 0.001": largest}, none > 0
