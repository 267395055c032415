"""sm3 raises TypeError for a schedule, which its documentation says that it takes."""

FRAMEWORK = "optax"
OPTIMIZER = "sm3"
KIND = "crash"
FORMULA = "chain(scale_by_sm3(momentum), scale(-learning_rate)): a function has no negative"
EXPECTED = "learning_rate: a global scaling factor, either fixed or evolving with a scheduler."
WHY = "A program that trains with any optimizer by name fails as soon as its rate has a schedule."
ISSUE = "none found; of optimistic_adam: https://github.com/google-deepmind/optax/issues/1286"
SEEN = "0.2.8"


def reproduce() -> tuple[dict[str, object], bool]:
    import optax

    try:
        optax.sm3(optax.linear_schedule(0.1, 0.0, 10))
    except TypeError as error:
        return {"error": str(error)}, True
    return {"error": ""}, False
