"""A warm-up from 0 makes every parameter NaN in prodigy and dadapt_adamw."""

FRAMEWORK = "optax"
OPTIMIZER = "contrib.prodigy, contrib.dadapt_adamw"
KIND = "wrong step"
FORMULA = "d_t = max(d_{t-1}, r_t / |s_t|_1), which is 0 / 0 where every s is 0"
EXPECTED = (
    "Finite parameters: d stays where |s_t|_1 is 0 (the authors' programs return before they "
    "divide, prodigyopt/prodigy.py and dadaptation/dadapt_adam.py)."
)
WHY = (
    "A schedule that begins at 0, as optax.linear_schedule(0, …) and warmup_cosine_decay_schedule "
    "do, or gradients that are all 0 in the first step, lose the model."
)
ISSUE = (
    "none found in optax; the same division in the authors' first program: "
    "https://github.com/facebookresearch/dadaptation/issues/4"
)
SEEN = "0.2.8"


def reproduce() -> tuple[dict[str, object], bool]:
    import jax.numpy as jnp
    import optax

    found: dict[str, object] = {}
    one = jnp.ones(())
    for name in ("prodigy", "dadapt_adamw"):
        opt, theta = getattr(optax.contrib, name)(optax.linear_schedule(0.0, 1.0, 10)), one
        state = opt.init(theta)
        for _ in range(2):
            updates, state = opt.update(one, state, theta)
            theta = optax.apply_updates(theta, updates)
        found[name] = str(float(theta))
    return found, set(found.values()) == {"nan"}
