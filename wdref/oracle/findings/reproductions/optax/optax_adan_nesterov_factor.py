"""adan weighs the gradient difference with 1 - b2 where the paper has b2."""

FRAMEWORK = "optax"
OPTIMIZER = "adan"
KIND = "wrong step"
FORMULA = (
    "n_t = (1 - β3) n_{t-1} + β3 (g_t + (1 - β2)(g_t - g_{t-1}))², the paper's β2 being 1 - b2"
)
EXPECTED = (
    "Weight 0.92 for the default b2 = 0.92 (Xie et al. 2022, Algorithm 1, and the authors' "
    "program); 0.08 is computed, in the moment and in the step."
)
WHY = "The Nesterov term, which is what makes Adan Adan, is 11 times too small."
ISSUE = "https://github.com/google-deepmind/optax/pull/1715 (open)"
SEEN = "0.2.8"


def reproduce() -> tuple[dict[str, object], bool]:
    import jax.numpy as jnp
    import optax

    opt = optax.scale_by_adan(b1=0.98, b2=0.92, b3=0.99)
    state = opt.init(jnp.zeros(1))
    for g in (1.0, 3.0):
        _, state = opt.update(jnp.array([g]), state)
    n = float(state.n[0])
    paper = 0.99 * 0.01 + 0.01 * (3 + 0.92 * (3 - 1)) ** 2
    return {"n": n, "paper": paper}, abs(n - paper) > 0.01
