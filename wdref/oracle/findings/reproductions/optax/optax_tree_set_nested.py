"""tree_set sets one count under inject_hyperparams: adam's own stays as it was."""

FRAMEWORK = "optax"
OPTIMIZER = "tree_utils.tree_set, on a state of inject_hyperparams: one count is inside another"
KIND = "wrong step"
FORMULA = "every count is t - 1; in optax that of the bias correction stays"
EXPECTED = (
    "[999, 999] (docstring of tree_set: 'For each element in tree whose key/field matches a key in "
    "**kwargs, its value is set'; tree_get_all_with_path finds both)."
)
WHY = "A training that is set to another step corrects its moments as if it had just begun."
ISSUE = "none found"
SEEN = "0.2.8"


def reproduce() -> tuple[dict[str, object], bool]:
    import jax.numpy as jnp
    import optax

    state = optax.inject_hyperparams(optax.adam)(0.1).init(jnp.ones(1))
    state = optax.tree_utils.tree_set(state, count=jnp.asarray(999))
    counts = [int(x) for _, x in optax.tree_utils.tree_get_all_with_path(state, "count")]
    return {"counts": counts}, counts != [999, 999]
