"""The learning rate has the dtype of the first parameter: float32 also for a float64 one."""

FRAMEWORK = "paddle"
OPTIMIZER = "SGD, ASGD"
KIND = "precision"
FORMULA = "θ_t = θ_{t-1} - float64(float32(α)) g_t, where the first parameter is float32"
EXPECTED = "The float64 parameter is 0.9, as where it comes first."
WHY = "The order of the parameters decides whether a float64 training has float64's digits."
ISSUE = (
    "none found; the dtype became the first's in https://github.com/PaddlePaddle/Paddle/pull/29917"
)
SEEN = "3.3.1"


def reproduce() -> tuple[dict[str, object], bool]:
    import paddle

    make = paddle.base.framework.EagerParamBase.from_tensor
    values = {}
    for order in (("float32", "float64"), ("float64", "float32")):
        params = {dtype: make(paddle.ones([1], dtype=dtype)) for dtype in order}
        opt = paddle.optimizer.SGD(0.1, parameters=list(params.values()))
        for dtype, p in params.items():
            p.grad = paddle.ones([1], dtype=dtype)
        opt.step()
        values[f"{order[0]} first"] = params["float64"].item()
    return values, abs(values["float32 first"] - 0.9) > 1e-12
