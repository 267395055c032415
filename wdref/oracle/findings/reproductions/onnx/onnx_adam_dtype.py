"""The reference evaluator's Adam returns another dtype than its input's."""

FRAMEWORK = "onnx"
OPTIMIZER = "ai.onnx.preview.training.Adam in onnx.reference"
KIND = "precision"
FORMULA = "X_new has the type T3 of X"
EXPECTED = "The dtype of the input (operator schema: type constraint T3)."
WHY = (
    "Backends are tested against this evaluator: the one case hides their rounding, the other "
    "throws half of the digits away."
)
ISSUE = "none found"
SEEN = "1.23.2"


def reproduce() -> tuple[dict[str, object], bool]:
    import numpy as np
    import onnx.helper as oh
    from onnx.reference import ReferenceEvaluator

    dtypes = {}
    for n, dtype in ((1, "float32"), (2, "float64")):
        kinds = [f"{kind}{i}" for kind in "xgvh" for i in range(n)]
        out = [f"{kind}{i}_new" for kind in "xvh" for i in range(n)]
        node = oh.make_node("Adam", ["R", "T", *kinds], out, domain="ai.onnx.preview.training")
        values = {name: np.ones(1, dtype) for name in kinds}
        values |= {"R": np.array(0.1, dtype), "T": np.array(1)}
        dtypes[dtype] = str(ReferenceEvaluator(node).run(None, values)[0].dtype)
    return {"output_dtype_by_input": dtypes}, dtypes != {"float32": "float32", "float64": "float64"}
