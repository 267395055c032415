"""SGD with momentum cannot train a float64 parameter."""

FRAMEWORK = "tinygrad"
OPTIMIZER = "SGD, LARS and Muon with momentum"
KIND = "crash"
FORMULA = (
    "b_t = μ b_{t-1} + g_t, assigned to a float32 buffer without the cast that LAMB and Adam have"
)
EXPECTED = "A step of 0.1."
WHY = "The float64 comparisons that tests of an optimizer are made of cannot be run."
ISSUE = "none found; the buffer became float32 in https://github.com/tinygrad/tinygrad/pull/10387"
SEEN = "0.14.0"


def reproduce() -> tuple[dict[str, object], bool]:
    from tinygrad import Context, Tensor, dtypes
    from tinygrad.nn.optim import SGD

    theta = Tensor([0.0], dtype=dtypes.float64, device="PYTHON").is_param_(True)
    theta.grad = Tensor([1.0], dtype=dtypes.float64, device="PYTHON")
    try:
        with Context(TRAINING=1):
            SGD([theta], lr=0.1, momentum=0.9).step()
    except RuntimeError as error:
        return {"error": str(error)}, True
    return {"theta": theta.tolist()}, False
