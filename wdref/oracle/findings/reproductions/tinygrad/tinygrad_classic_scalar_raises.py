"""SGD with classic=True and LARS cannot train a tensor without axes."""

FRAMEWORK = "tinygrad"
OPTIMIZER = "SGD with classic=True, LARS"
KIND = "crash"
FORMULA = "b = μ b + lr g; lr is a tensor of shape (1,), which lr g has then, and b has not"
EXPECTED = "A step of 0.1, as with classic=False."
WHY = "A learned temperature or scale, which is one number, stops the training at its first step."
ISSUE = "none found"
SEEN = "0.14.0"


def reproduce() -> tuple[dict[str, object], bool]:
    from tinygrad import Context, Tensor
    from tinygrad.nn.optim import SGD

    theta = Tensor.zeros((), device="PYTHON").contiguous().realize().is_param_(True)
    theta.grad = Tensor.ones((), device="PYTHON").contiguous()
    try:
        with Context(TRAINING=1):
            SGD([theta], lr=0.1, momentum=0.9, classic=True).step()
    except (RuntimeError, ValueError, AssertionError) as error:
        return {"error": str(error)}, True
    return {"theta": theta.item()}, False
