"""The optimizers that are put in PyTorch's and in optax's place."""

import pytest

import wdref

OPTIMIZERS = {
    "AdamW": wdref.AdamW(learning_rate=0.05, weight_decay=0.1),
    "scheduled": wdref.AdamW(
        learning_rate=0.05, weight_decay=0.1, schedule=wdref.schedules.step_drop((4, 8), 0.5)
    ),
    "masked": wdref.AdamW(
        learning_rate=0.05, weight_decay=0.1, decay_mask=lambda path, p: p.ndim > 1,
        groups={"2.*": {"learning_rate": 0.01, "betas": (0.8, 0.99)}},
    ),
    "AMSGrad": wdref.Adam.like("pytorch", weight_decay=0.1, amsgrad="raw"),
    "masters": wdref.AdamW(learning_rate=0.05, weight_decay=0.1, master_weights=True),
    "SGDW": wdref.SGDW(learning_rate=0.05, weight_decay=0.1, nesterov=True),
    "SGD": wdref.SGD.like("pytorch", learning_rate=0.05, momentum=0.9, weight_decay=0.01),
    "bare": wdref.SGD(learning_rate=0.05, momentum=0.0),
    "normalised": wdref.AdamW(weight_decay=lambda t: 0.1 / t),
    "scaled": wdref.AdamW(weight_decay=0.1, form="scaled_l2"),
}  # fmt: skip
STEPS = 10
every = pytest.mark.parametrize("name", OPTIMIZERS)
