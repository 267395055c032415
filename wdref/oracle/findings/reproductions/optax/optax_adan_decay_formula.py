"""adan's documentation divides by 1 + λη; the program subtracts λη θ."""

FRAMEWORK = "optax"
OPTIMIZER = "adan with weight_decay"
KIND = "documentation"
FORMULA = "documented (θ - η u) / (1 + λ η); computed θ - η (u + λ θ)"
EXPECTED = "0.8 (docstring of optax.adan; Xie et al. 2022, Algorithm 1, line 7)."
WHY = "The proximal form is always stable; the computed one is not for λ η > 2."
ISSUE = "https://github.com/google-deepmind/optax/pull/410 (a question in its review)"
SEEN = "0.2.8"


def reproduce() -> tuple[dict[str, object], bool]:
    import jax.numpy as jnp
    import optax

    theta = jnp.ones(1)
    opt = optax.adan(0.5, weight_decay=0.5)
    step, _ = opt.update(jnp.zeros(1), opt.init(theta), theta)
    moved = float((theta + step)[0])
    return {"theta": moved, "documented": 1 / (1 + 0.5 * 0.5)}, abs(moved - 0.8) > 1e-3
