"""AdamW never decays a bfloat16 parameter where lr · weight_decay is below 2^-9."""

FRAMEWORK = "mlx"
OPTIMIZER = "AdamW, Lion"
KIND = "lost update"
FORMULA = "the factor 1 - lr λ is itself rounded to bfloat16, to 1 whenever lr λ < 2^-9"
EXPECTED = "1.357 after 1000 steps."
WHY = "Pure bfloat16 training has no weight decay at all, and nothing says so."
ISSUE = "none found"
SEEN = "0.32.4"


def reproduce() -> tuple[dict[str, object], bool]:
    import mlx.core as mx
    import mlx.optimizers as optim

    params = {"w": mx.full((1,), 1.5).astype(mx.bfloat16)}
    opt = optim.AdamW(1e-3, weight_decay=0.1)
    for _ in range(1000):
        params = opt.apply_gradients({"w": mx.zeros_like(params["w"])}, params)
        mx.eval(params, opt.state)
    value = params["w"].astype(mx.float32).item()
    return {"theta": value, "exact": 1.5 * (1 - 1e-4) ** 1000}, value == 1.5
