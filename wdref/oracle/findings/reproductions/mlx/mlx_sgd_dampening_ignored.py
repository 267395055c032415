"""SGD ignores dampening where momentum is 0; its formula does not."""

FRAMEWORK = "mlx"
OPTIMIZER = "SGD with dampening and no momentum"
KIND = "documentation"
FORMULA = "v_{t+1} = μ v_t + (1 - τ) g_t, w_{t+1} = w_t - λ v_{t+1}"
EXPECTED = "-0.5 for every μ (docstring of SGD); the step jumps by a factor of 2 at μ = 0."
WHY = "A sweep over momentum that begins at 0 compares two learning rates."
ISSUE = "none found"
SEEN = "0.32.4"


def reproduce() -> tuple[dict[str, object], bool]:
    import mlx.core as mx
    import mlx.optimizers as optim

    moved = {}
    for momentum in (0.0, 1e-9):
        opt = optim.SGD(1.0, momentum=momentum, dampening=0.5)
        new = opt.apply_gradients({"w": mx.ones((1,))}, {"w": mx.zeros((1,))})["w"]
        moved[str(momentum)] = new.item()
    return {"theta_by_momentum": moved, "documented": -0.5}, moved["0.0"] == -1.0
