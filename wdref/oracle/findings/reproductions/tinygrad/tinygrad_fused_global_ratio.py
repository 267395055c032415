"""With fused=True LAMB and LARS have one trust ratio for all tensors."""

FRAMEWORK = "tinygrad"
OPTIMIZER = "LAMB and LARS with fused=True, or FUSE_OPTIM=1"
KIND = "wrong step"
FORMULA = "θ = θ - η r u, r = |θ| / |u| of each layer; fused: of all of them, put end to end"
EXPECTED = "0.9 and 90 (You et al. 2020, Algorithm 2, and fused=False)."
WHY = (
    "A switch for speed changes what is trained: small layers take steps as long as large ones. "
    "The environment sets it for a whole program."
)
ISSUE = "none found"
SEEN = "0.14.0"


def reproduce() -> tuple[dict[str, object], bool]:
    from tinygrad import Context, Tensor
    from tinygrad.nn.optim import LAMB

    found = {}
    for fused in (False, True):
        thetas = [Tensor([x], device="PYTHON").is_param_(True) for x in (1.0, 100.0)]
        for theta in thetas:
            theta.grad = Tensor([1.0], device="PYTHON")
        with Context(TRAINING=1):
            LAMB(thetas, lr=0.1, eps=0.0, fused=fused).step()
        found["fused" if fused else "apart"] = [round(t.item(), 3) for t in thetas]
    return dict(found), abs(found["fused"][0] - found["apart"][0]) > 1e-3
