"""adam's first step is off by 6.7e-6: the bias correction is computed in float32."""

FRAMEWORK = "optax"
OPTIMIZER = "adam, adamw, lamb and others, with JAX's default of no float64"
KIND = "precision"
FORMULA = "1 - β2^t is computed in float32, where β2 = 0.999 leaves 5 of 8 digits at t = 1"
EXPECTED = (
    "An error of one or two float32 roundings (1e-7), as where the scalar is computed in float64 "
    "(torch.optim)."
)
WHY = (
    "The first steps are wrong by tens of float32 units, and two frameworks cannot be compared "
    "closer than that."
)
ISSUE = "none found"
SEEN = "0.2.8"


def reproduce() -> tuple[dict[str, object], bool]:
    import jax.numpy as jnp
    import optax

    opt = optax.adam(1.0, eps=0.0)
    step, _ = opt.update(jnp.ones(1), opt.init(jnp.zeros(1)))
    error = abs(float(step[0]) + 1.0)
    return {"relative_error": error, "float32_unit": 2.0**-24}, error > 1e-6
