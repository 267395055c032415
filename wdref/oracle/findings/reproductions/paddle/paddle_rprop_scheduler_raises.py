"""Rprop cannot be made with a scheduler, which its documentation says that it takes."""

FRAMEWORK = "paddle"
OPTIMIZER = "Rprop"
KIND = "crash"
FORMULA = "the constructor compares learning_rate itself with the bounds of learning_rate_range"
EXPECTED = "The scheduler's rate is compared, or the first one of it."
WHY = "What every other optimizer of Paddle's takes, and the signature promises, is a TypeError."
ISSUE = "none found"
SEEN = "3.3.1"


def reproduce() -> tuple[dict[str, object], bool]:
    import paddle

    scheduler = paddle.optimizer.lr.LambdaDecay(0.01, lambda t: 1.0)
    params = paddle.nn.Linear(1, 1).parameters()
    try:
        opt = paddle.optimizer.Rprop(scheduler, parameters=params)
    except TypeError as error:
        return {"error": str(error)}, True
    return {"learning_rate": opt.get_lr()}, False
