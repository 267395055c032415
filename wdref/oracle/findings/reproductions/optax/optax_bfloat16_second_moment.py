"""In bfloat16 adam's second moment cannot shrink: b2 = 0.999 is 1."""

FRAMEWORK = "optax"
OPTIMIZER = "adam, adamw and others on scale_by_adam"
KIND = "lost update"
FORMULA = "β2 is cast to bfloat16, where 0.999 is 1; the state has the parameter's dtype"
EXPECTED = "v = 0.053 after 500 gradients of 1 and 2000 of 0."
WHY = "After one large gradient the effective learning rate stays small for ever."
ISSUE = "none found"
SEEN = "0.2.8"


def reproduce() -> tuple[dict[str, object], bool]:
    import jax
    import jax.numpy as jnp
    import optax

    opt = optax.scale_by_adam()
    state, update = opt.init(jnp.zeros(1, jnp.bfloat16)), jax.jit(opt.update)
    for g in [1.0] * 500 + [0.0] * 2000:
        _, state = update(jnp.full(1, g, jnp.bfloat16), state)
    v = float(state.nu[0])
    return {"v": v, "exact": (1 - 0.999**500) * 0.999**2000}, v > 0.3
