"""On the CPU LARS has no local rate where lars_weight_decay is 0."""

FRAMEWORK = "paddle"
OPTIMIZER = "incubate.optimizer.LarsMomentumOptimizer"
KIND = "wrong step"
FORMULA = (
    "local_lr = lr · lars_coeff · |param| / (|gradient| + lars_weight_decay · |param|), also where "
    "lars_weight_decay is 0; the CPU kernel takes lr there"
)
EXPECTED = "2.125, which is 4 - 0.5 · 0.75 · 5/1 (its documentation)."
WHY = (
    "A layer that is excluded from decay, as biases are, takes the whole learning rate, which is "
    "meant to be multiplied by lars_coeff, a thousandth by default."
)
ISSUE = "https://github.com/PaddlePaddle/Paddle/pull/40892 (the same of the CUDA kernel, mended)"
SEEN = "3.3.1"


def reproduce() -> tuple[dict[str, object], bool]:
    import paddle

    paddle.set_device("cpu")
    theta = paddle.create_parameter([2], "float64")
    theta.set_value(paddle.to_tensor([3.0, 4.0], "float64"))
    opt = paddle.incubate.optimizer.LarsMomentumOptimizer(
        0.5, momentum=0.0, lars_coeff=0.75, lars_weight_decay=0.0, parameter_list=[theta]
    )
    theta.grad = paddle.to_tensor([0.0, 1.0], "float64")
    opt.step()
    moved = theta.numpy().tolist()[1]
    return {"theta": moved, "documented": 4 - 0.5 * 0.75 * 5}, moved == 3.5
