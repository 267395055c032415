"""Muon's documented momentum is a sum, the computed one an average."""

FRAMEWORK = "torch"
OPTIMIZER = "Muon"
KIND = "documentation"
FORMULA = "documented B_t = μ B_{t-1} + g_t; computed B_t = μ B_{t-1} + (1 - μ) g_t"
EXPECTED = (
    "B_1 = g_1 (docstring of torch.optim.Muon). A constant factor vanishes in the "
    "orthogonalisation, a μ that is scheduled does not."
)
WHY = (
    "With a momentum warm-up, usual for Muon, the two formulas are different trainings; states "
    "cannot be exchanged."
)
ISSUE = (
    "https://github.com/KellerJordan/Muon/issues/52 (the same in the original program); none "
    "found for PyTorch"
)
SEEN = "2.13.0"


def reproduce() -> tuple[dict[str, object], bool]:
    import torch

    theta = torch.nn.Parameter(torch.zeros(2, 2, dtype=torch.float64))
    opt = torch.optim.Muon([theta], lr=0.1, momentum=0.95)
    theta.grad = torch.eye(2, dtype=torch.float64)
    opt.step()
    buffer = opt.state[theta]["momentum_buffer"][0, 0].item()
    documented = "B_t \\leftarrow \\mu B_{t-1} + g_t" in (torch.optim.Muon.__doc__ or "")
    return {"buffer": buffer, "documented": 1.0}, documented and abs(buffer - 1.0) > 0.5
