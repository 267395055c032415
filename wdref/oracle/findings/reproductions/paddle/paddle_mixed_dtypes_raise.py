"""An optimizer cannot train a float64 parameter beside one of float32."""

FRAMEWORK = "paddle"
OPTIMIZER = "Adam, AdamW, NAdam, RAdam, Adamax, Momentum, RMSProp, Adadelta, Adagrad, Rprop"
KIND = "crash"
FORMULA = "one learning rate, of the first parameter's dtype, is read by every parameter's kernel"
EXPECTED = "Both parameters move by 0.1, each in its own dtype, as SGD moves them."
WHY = (
    "A float64 head on a float32 body needs an optimizer of its own; the error names a container, "
    "not the parameter."
)
ISSUE = "https://github.com/PaddlePaddle/Paddle/issues/34920, closed: its error, not with SGD"
SEEN = "3.3.1"


def reproduce() -> tuple[dict[str, object], bool]:
    import paddle

    make = paddle.base.framework.EagerParamBase.from_tensor
    both = [make(paddle.ones([1], dtype=dtype)) for dtype in ("float32", "float64")]
    opt = paddle.optimizer.Adam(0.1, parameters=both)
    for p in both:
        p.grad = paddle.ones([1], dtype=p.dtype)
    try:
        opt.step()
    except ValueError as error:
        return {"error": str(error).strip().splitlines()[0]}, True
    return {"theta": [p.item() for p in both]}, False
