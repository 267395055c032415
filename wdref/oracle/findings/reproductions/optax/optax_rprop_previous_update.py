"""rprop gives out the update of the step before: its first step is none."""

FRAMEWORK = "optax"
OPTIMIZER = "rprop"
KIND = "wrong step"
FORMULA = "θ_t = θ_{t-1} - Δ_t sgn(g_t), and no step where g_t g_{t-1} < 0"
EXPECTED = (
    "0.9, then 0.9 where the gradient has turned, then 0.85 (the papers that the docstring names; "
    "torch.optim.Rprop)."
)
WHY = "Steps follow old gradients: an oscillation is not damped, and one step is lost."
ISSUE = "https://github.com/google-deepmind/optax/issues/1725"
SEEN = "0.2.8"


def reproduce() -> tuple[dict[str, object], bool]:
    import jax.numpy as jnp
    import optax

    opt, theta = optax.rprop(0.1), jnp.ones(())
    state, path = opt.init(theta), []
    for gradient in (1.0, -1.0, 1.0):
        updates, state = opt.update(jnp.asarray(gradient), state)
        theta = optax.apply_updates(theta, updates)
        path.append(round(float(theta), 6))
    return {"theta": path}, path[0] == 1.0
