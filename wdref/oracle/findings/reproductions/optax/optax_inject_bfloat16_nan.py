"""Under inject_hyperparams adamw is NaN from the first step in bfloat16."""

FRAMEWORK = "optax"
OPTIMIZER = "inject_hyperparams of adam, adamw and others on scale_by_adam"
KIND = "wrong step"
FORMULA = "v̂ = v / (1 - β2^t) with β2 cast to the parameter's bfloat16, where 0.999 is 1: 0/0"
EXPECTED = "θ = 0.375, as without inject_hyperparams, where β2^t is a float32 number."
WHY = "A wrapper that only makes the rate readable turns a training that works into NaN."
ISSUE = (
    "https://github.com/google-deepmind/optax/issues/1414 (injected hyperparameters take the "
    "parameters' dtype); hyperparam_dtype=float32 avoids it"
)
SEEN = "0.2.8"


def reproduce() -> tuple[dict[str, object], bool]:
    import jax.numpy as jnp
    import optax

    theta, moved = jnp.full(1, 0.5, jnp.bfloat16), {}
    for name, make in {
        "adamw": optax.adamw,
        "injected": optax.inject_hyperparams(optax.adamw),
    }.items():
        opt = make(0.125)
        step, _ = opt.update(jnp.ones(1, jnp.bfloat16), opt.init(theta), theta)
        moved[name] = float((theta + step)[0])
    return dict(moved), moved["adamw"] < 0.5 and moved["injected"] != moved["injected"]
