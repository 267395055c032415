"""FedAdam corrects the bias as of the next round."""

FRAMEWORK = "flwr"
OPTIMIZER = "FedAdam, of flwr.serverapp and of flwr.server"
KIND = "wrong step"
FORMULA = "α_t = η √(1 - β2^(t+1)) / (1 - β1^(t+1)); Kingma & Ba: α_t = η √(1 - β2^t) / (1 - β1^t)"
EXPECTED = (
    "0.1, η in the direction of the first update (the comment in the code: 'eta_norm is α_t in "
    "Kingma & Ba'); rounds start at 1, and 1 is added to them."
)
WHY = (
    "The first step is 0.7425 of Adam's, the fifth 0.955: neither with the correction nor without."
)
ISSUE = "none found"
SEEN = "1.42.0"


def reproduce() -> tuple[dict[str, object], bool]:
    from unittest.mock import patch

    import numpy as np
    from flwr.app import Array, ArrayRecord
    from flwr.serverapp.strategy import FedAdam, FedAvg

    server, clients = FedAdam(eta=0.1, tau=0.0), ArrayRecord({"w": Array(np.ones(1))})
    server.current_arrays = {"w": np.zeros(1)}
    with patch.object(FedAvg, "aggregate_train", lambda *_: (clients, None)):
        arrays, _ = server.aggregate_train(1, [])
    step = float(arrays["w"].numpy()[0])
    return {"first step": step, "Adam": 0.1}, abs(step - 0.1) > 0.01
