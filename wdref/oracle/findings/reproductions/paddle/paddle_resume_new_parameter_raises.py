"""A resumed training fails where a parameter without a state stands before one that has it."""

FRAMEWORK = "paddle"
OPTIMIZER = "every optimizer with a state"
KIND = "crash"
FORMULA = "while any loaded state waits for its parameter, one without is an error, not a beginner"
EXPECTED = "The first parameter begins, as it does where it stands last."
WHY = "Who unfreezes the first layers of a model after a restart cannot go on with its optimizer."
ISSUE = "https://github.com/PaddlePaddle/Paddle/issues/30506, closed: its error, of names"
SEEN = "3.3.1"


def reproduce() -> tuple[dict[str, object], bool]:
    import paddle

    saved: dict[str, object] = {}
    for trained in ((1,), (0, 1)):  # before the restart and after it
        with paddle.utils.unique_name.guard():  # the names of a process, the same each time
            params = paddle.nn.Linear(1, 1).parameters()
            opt = paddle.optimizer.Adam(0.1, parameters=params)
            opt.set_state_dict(saved)
            for i in trained:
                params[i].grad = paddle.ones([1])
            try:
                opt.step()
            except AssertionError as error:
                return {"error": str(error)}, True
            saved = opt.state_dict()
    return {"tensors": len(saved)}, False
