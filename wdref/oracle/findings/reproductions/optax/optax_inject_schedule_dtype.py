"""apply_if_finite raises around inject_hyperparams with a schedule and half precision."""

FRAMEWORK = "optax"
OPTIMIZER = "apply_if_finite around inject_hyperparams with linear_schedule, bfloat16 and float16"
KIND = "crash"
FORMULA = (
    "numbers are cast to hyperparam_dtype, or the parameters'; a schedule's array stays float32"
)
EXPECTED = (
    "A bfloat16 step, as without inject_hyperparams (its docstring on hyperparam_dtype: 'all float "
    "hyperparameters will be cast to this type')."
)
WHY = "Steps become float32, and where they do the guard against infinite gradients cannot be had."
ISSUE = "none found; https://github.com/google-deepmind/optax/issues/1414 asks for float32"
SEEN = "0.2.8"


def reproduce() -> tuple[dict[str, object], bool]:
    import jax.numpy as jnp
    import optax

    theta, rate, message = jnp.ones(1, jnp.bfloat16), optax.linear_schedule(0.5, 0.0, 9), ""
    opt = optax.inject_hyperparams(optax.adamw, hyperparam_dtype=jnp.bfloat16)(rate, b2=0.5)
    step, _ = opt.update(theta, opt.init(theta), theta)
    guarded = optax.apply_if_finite(opt, max_consecutive_errors=5)
    try:
        guarded.update(theta, guarded.init(theta), theta)
    except TypeError as error:
        message = str(error).splitlines()[0]
    return {"dtype": str(step.dtype), "guarded": message}, message != ""
