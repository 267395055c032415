"""Lion takes the sign of NaN for 0: one such gradient stops its parameter for good, unseen."""

FRAMEWORK = "mlx"
OPTIMIZER = "Lion"
KIND = "lost update"
FORMULA = "c_{t+1} = β1 m_t + (1 - β1) g_t, w_{t+1} = w_t - η (sign(c_{t+1}) + λ w_t)"
EXPECTED = (
    "NaN, as optax and Keras on JAX give it, or 0.8 if the gradient were skipped (docstring of "
    "Lion; sign of NaN is NaN in the Array API)."
)
WHY = "m is NaN from there on and sign(NaN) 0: no later gradient moves the parameter, which decays."
ISSUE = "https://github.com/ml-explore/mlx/pull/3644 (of mx.sign, closed)"
SEEN = "0.32.4"


def reproduce() -> tuple[dict[str, object], bool]:
    import mlx.core as mx
    import mlx.optimizers as optim

    opt, params = optim.Lion(0.1), {"w": mx.ones((1,))}
    for gradient in (float("nan"), 1.0, 1.0):
        params = opt.apply_gradients({"w": mx.array([gradient])}, params)
    moment = opt.state["w"]["m"].item()
    return {"theta": params["w"].item(), "m": moment}, params["w"].item() == 1.0 != moment
