"""In a LossScaleOptimizer on jax Nadam's product of momenta stays 1: it is no variable there."""

FRAMEWORK = "keras"
BACKEND = "jax"
OPTIMIZER = "Nadam in a LossScaleOptimizer, which mixed_float16 wraps around it"
KIND = "wrong step"
FORMULA = "m̂ = u_2 m / (1 - u_1 u_2) + … at every step, in place of the product of all u_i"
EXPECTED = "The step that Nadam takes by itself: a scale of 1 changes no gradient."
WHY = (
    "LossScaleOptimizer.build switches the tracking of variables off, so that the product, a plain "
    "attribute, is none of the optimizer's variables: a stateless step forgets it, and on the "
    "other backends a saved state lacks it."
)
ISSUE = "none found"
SEEN = "3.15.1"


def reproduce() -> tuple[dict[str, object], bool]:
    import keras

    def trained(scaled: bool) -> float:
        theta, opt = keras.Variable([0.0]), keras.optimizers.Nadam(learning_rate=0.1)
        opt = keras.optimizers.LossScaleOptimizer(opt, initial_scale=1.0) if scaled else opt
        opt.build([theta])
        params, state = [theta.value], [v.value for v in opt.variables]
        for g in (1.0, -0.5):
            params, state = opt.stateless_apply(state, [keras.ops.array([g])], params)
        return float(params[0][0])

    with_scale, without = trained(True), trained(False)
    return {"theta": with_scale, "theta_without": without}, abs(with_scale / without - 1) > 1e-3
