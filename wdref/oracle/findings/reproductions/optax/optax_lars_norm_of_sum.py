"""lars divides by the norm of the gradient with its decay, not by the sum of their norms."""

FRAMEWORK = "optax"
OPTIMIZER = "lars"
KIND = "wrong step"
FORMULA = (
    "λ^l = η |w| / (|∇L(w)| + β |w|), v = m v + γ λ^l (∇L(w) + β w); "
    "optax: λ^l = η |w| / |∇L(w) + β w|"
)
EXPECTED = "3.3333, which is 4 - 0.5 · 4/(1 + 0.5 · 4) · (0.5 · 4 - 1) (the paper that it names)."
WHY = (
    "Where gradient and decay are opposed the denominator cancels with the direction: a step has "
    "the length η γ |w| however small the direction is, also where loss and decay balance."
)
ISSUE = "none found"
SEEN = "0.2.8"


def reproduce() -> tuple[dict[str, object], bool]:
    import jax.numpy as jnp
    import optax

    opt = optax.lars(0.5, weight_decay=0.5, trust_coefficient=1.0, momentum=0.0)
    theta = jnp.array([4.0])
    updates, _ = opt.update(jnp.array([-1.0]), opt.init(theta), theta)
    moved = float((theta + updates)[0])
    paper = 4 - 0.5 * 4 / (1 + 0.5 * 4) * (-1 + 0.5 * 4)
    return {"theta": moved, "paper": paper}, abs(moved - paper) > 1e-3
