"""adamw never decays a bfloat16 parameter where lr · weight_decay is below 2^-9."""

FRAMEWORK = "optax"
OPTIMIZER = "adamw and every chain with add_decayed_weights"
KIND = "lost update"
FORMULA = "round(θ - round(lr λ θ)) = θ in bfloat16 whenever lr λ < 2^-9"
EXPECTED = "1.357 after 1000 steps."
WHY = "Pure bfloat16 training has no weight decay at all, and nothing says so."
ISSUE = "none found"
SEEN = "0.2.8"


def reproduce() -> tuple[dict[str, object], bool]:
    import jax
    import jax.numpy as jnp
    import optax

    theta = jnp.full(1, 1.5, jnp.bfloat16)
    opt = optax.adamw(1e-3, weight_decay=0.1)
    state, update = opt.init(theta), jax.jit(opt.update)
    for _ in range(1000):
        step, state = update(jnp.zeros_like(theta), state, theta)
        theta = optax.apply_updates(theta, step)
    return {"theta": float(theta[0]), "exact": 1.5 * (1 - 1e-4) ** 1000}, float(theta[0]) == 1.5
