"""Adapters for Paddle, MLX, tinygrad, Thinc and ONNX, and what those before them now say.

Each row is judged on a few cases by the claim that it makes; defaults are the framework's own, and
what an adapter cannot do is one clear error.
"""

import ast
import importlib
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from programs import needed

import wdref
import wdref.frameworks
from wdref.conventions import dialect
from wdref.oracle import Unsupported
from wdref.oracle.cases.shapes import ranks, tensors
from wdref.oracle.cases.suite import regimes
from wdref.oracle.judge.verdict import judge
from wdref.oracle.targets.targets import Result, parse_options
from wdref.oracle.targets.worker import NEEDS, flat

NAMES = ("loopback", "mlx", "onnx", "paddle", "sklearn", "thinc", "tinygrad", "torch")
FEW = ("exaggerated", "first", "stop")


def constants(name):
    """What an adapter says without its framework: its literal constants."""
    file = Path(wdref.frameworks.__file__).parent / f"{name}.py"
    found = {}
    for node in ast.parse(file.read_text("utf-8")).body:
        if isinstance(node, ast.Assign) and node.targets[0].id in (
            "INSTALL", "CONVENTION", "OPTIMIZERS",
        ):  # fmt: skip
            found[node.targets[0].id] = ast.literal_eval(node.value)
    return SimpleNamespace(**found)


def adapter(name):
    if name != "loopback":
        library = name.removeprefix("wdref_")
        pytest.importorskip(library, reason="the extra `frameworks` installs it")
    return importlib.import_module(f"wdref.frameworks.{name}")


def loaded(name, optimizer, **options):
    if name == "tinygrad":
        needed("clang")  # its CPU compiles with it
    return adapter(name).load(optimizer, **options)


def rows(*names):
    return [(name, row) for name in names for row in constants(name).OPTIMIZERS]


def verdicts(name, row, dtype, few=FEW):
    """Judge the row's claim on a few cases, run in this process."""
    said = constants(name)
    optimizer, options = parse_options(row)
    claim, answers = parse_options(said.OPTIMIZERS[row])
    rule = dialect(claim, said.CONVENTION, **answers)
    run = loaded(name, optimizer, **options)
    asked = [case for some in (regimes, ranks, tensors) for case in some(claim, rule, dtype)]
    cases = [c for c in asked if c.id.partition("/")[0] in few]
    return [judge(rule, case, result(run, case)) for case in cases]


def result(run, case):
    if set(case.flags) & set(NEEDS) - set(getattr(run, "supports", ())):
        return Result("unsupported")
    with np.errstate(all="ignore"):
        try:
            values = run(SimpleNamespace(**{**vars(case), "hyper": dict(case.hyper)}))
        except Unsupported as reason:
            return Result("unsupported", message=str(reason))
    many = "tensors" in case.flags
    return Result("ok", values if many else flat(values, case.grads.shape))


# -- what is said without the framework ------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_an_adapter_speaks_in_literals_and_every_claim_exists(name):
    said = constants(name)
    assert said.INSTALL.startswith("pip install ")
    for row, claim in said.OPTIMIZERS.items():
        assert parse_options(row)[0].isidentifier()
        word, answers = parse_options(claim)
        dialect(word, said.CONVENTION, **answers)


# -- verdicts --------------------------------------------------------------------------------

# in float64 these hold some scalars in float32, and the verdict names them: on the strong case
NARROW = {
    ("mlx", "AdamW"): "learning_rate in float32",
    ("mlx", "AdamW[bias_correction=True]"): "bias corrections computed in float32",
    ("mlx", "Adam"): "learning_rate in float32",
    ("mlx", "Adam[bias_correction=True]"): "bias corrections computed in float32",
    ("mlx", "SGD"): "learning_rate in float32",
    ("mlx", "Adafactor[scale_parameter=False]"): "learning_rate in float32",
    ("onnx", "Adam"): "beta1, beta2, eps, weight_decay in float32",
    ("onnx", "Adam[decay=post]"): "beta1, beta2, eps, weight_decay in float32",
    ("onnx", "Adam[first=1]"): "beta1, beta2, eps, weight_decay in float32",
    ("onnx", "Adam[decay=post,first=1]"): "beta1, beta2, eps, weight_decay in float32",
    ("onnx", "Momentum"): "momentum, dampening, weight_decay in float32",
    ("onnx", "Momentum[mode=nesterov]"): "momentum, weight_decay in float32",
    ("mlx", "AdaDelta"): "learning_rate in float32",
    ("mlx", "Adamax"): "learning_rate in float32",
    ("paddle", "Adadelta"): "rho, eps in float32",
    ("paddle", "Adamax"): "bias corrections computed in float32",
    ("paddle", "Adagrad"): "eps in float32",
    ("paddle", "NAdam"): "beta1, beta2, eps in float32",
    ("paddle", "RAdam"): "beta1, beta2, eps in float32",
    ("paddle", "RMSProp"): "rho, momentum, eps in float32",
    ("paddle", "RMSProp[centered=True]"): "rho, momentum, eps in float32",
    ("paddle", "AdamW"): "weight_decay in float32",
    ("paddle", "AdamW[amsgrad=True]"): "weight_decay in float32",
    ("paddle", "Momentum"): "momentum, weight_decay in float32",
    ("paddle", "Momentum[use_nesterov=True]"): "momentum, weight_decay in float32",
    ("paddle", "Lamb"): "bias corrections computed in float32",
    ("paddle", "Lamb[always_adapt=True]"): "bias corrections computed in float32",
    ("paddle", "LarsMomentumOptimizer"):
        "momentum, trust_coefficient, eps, weight_decay in float32",
    ("torch", "AdamW[differentiable=True]"): "bias corrections computed in float32",
    ("torch", "AdamW[tensor_betas=True]"): "bias corrections computed in float32",
    ("torch", "SGD[tensor_lr=True]"): "learning_rate in float32",
    ("torch", "Adadelta[tensor_lr=True]"): "learning_rate in float32",
    ("torch", "Adamax[tensor_lr=True]"): "learning_rate in float32",
    ("torch", "ASGD"): "learning_rate in float32",
    ("torch", "ASGD[foreach=True]"): "learning_rate in float32",
    ("torch", "ASGD[lambd=0]"): "learning_rate in float32",
}  # fmt: skip
WIDE = ("paddle", "sklearn", "loopback")  # and rows of torch that no other test runs


# ranks are forks of a process that has begun nothing else: tests/test_sharded.py
@pytest.mark.parametrize(
    ("name", "row"), [pair for pair in rows(*NAMES) if "sharded" not in pair[1]]
)
def test_every_row_is_what_it_claims_in_float32(name, row):
    found = verdicts(name, row, "float32", FEW[:2] if name == "tinygrad" else FEW)
    assert {v.verdict for v in found} == {"conforms"}


@pytest.mark.parametrize(("name", "row"), NARROW)
def test_what_is_held_in_float32_is_named(name, row):
    (found,) = verdicts(name, row, "float64", FEW[:1])
    assert found.verdict == "imprecise"
    assert NARROW[name, row] in found.message.split(", or ")  # one case may leave several


@pytest.mark.parametrize(
    ("name", "row"), [pair for pair in rows(*WIDE) if pair not in NARROW and "multi" not in pair[1]]
)
def test_the_others_conform_in_float64(name, row):
    assert {v.verdict for v in verdicts(name, row, "float64")} == {"conforms"}


def test_onnx_stores_several_float64_tensors_in_float32():
    """`op_adam.py` casts each output of a node with two tensors, but not that of one with one."""
    rule = dialect("adam", "onnx")
    case = next(c for c in tensors("adam", rule, "float64") if c.id.startswith("tensors-many"))
    run = adapter("onnx").load("Adam")
    values = run(SimpleNamespace(**{**vars(case), "hyper": dict(case.hyper)}))
    assert all(np.array_equal(v, v.astype(np.float32)) for v in values)


@pytest.mark.parametrize(("row", "vanishes"), [("AdamW", True), ("Adam", False)])
def test_no_decay_vanishes_where_none_is_claimed(row, vanishes):
    """MLX's Adam has no weight decay: that a parameter without gradient stands still is right."""
    found = verdicts("mlx", row, "float16", ("vanishing",))
    assert [v.finding.startswith("vanishing decay") for v in found] == [vanishes]


# -- tensors of any shape, and several, each with its own ---------------------------------------

SEVERAL = ("groups-own", "gaps", "late", "tall")
REFUSED = {
    ("torch", "AdamW"): (),
    ("torch", "SGD[fused=True]"): ("late",),
    ("loopback", "AdamW"): ("gaps", "late"),
    ("paddle", "AdamW"): (),
    ("paddle", "Momentum"): (),
    ("paddle", "Adam[use_multi_tensor=True]"): ("gaps", "late"),
    ("thinc", "Adam"): (),
    ("mlx", "AdamW"): (),
    ("mlx", "SGD"): (),
    ("mlx", "Adam[bias_correction=True]"): ("gaps", "late"),
    ("tinygrad", "SGD"): ("gaps", "late"),
    ("sklearn", "SGD"): ("groups-own", "gaps", "late"),
    ("onnx", "Adam"): ("groups-own", "gaps", "late"),
}  # fmt: skip


@pytest.mark.parametrize(("name", "row"), REFUSED)
def test_tensors_have_their_own(name, row):
    """Group 0's betas for all, or a decay without a gradient, would deviate."""
    found = {v.id.partition("/")[0]: v.verdict for v in verdicts(name, row, "float32", SEVERAL)}
    assert found.keys() == set(SEVERAL)
    refused = {one for one in found if found[one] == "unsupported"}
    assert refused == set(REFUSED[name, row])
    assert set(found.values()) <= {"conforms", "unsupported"}


def test_thinc_without_beta2_is_sgd():
    """`Optimizer.__call__` asks for both betas above 0, and steps plainly without."""
    found = verdicts("thinc", "Adam", "float32", ("beta2-0",))
    assert [v.verdict for v in found] == ["deviates"]


# -- defaults --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_version_and_defaults_are_the_frameworks_own(name):
    module = adapter(name)
    assert module.version()[0].isdigit()
    for row in constants(name).OPTIMIZERS:
        optimizer, options = parse_options(row)
        found = module.defaults(optimizer, **options)
        # ONNX's Momentum has none: every attribute is required
        assert bool(found) != (name == "onnx" and optimizer == "Momentum")


def test_defaults_are_what_the_objects_hold():
    """Read from an object that was made without arguments, where a framework makes one so."""
    mlx = adapter("mlx").defaults("AdamW")
    from mlx.optimizers import AdamW

    made = AdamW(1e-3)
    assert {"betas": made.betas, "eps": made.eps, "weight_decay": made.weight_decay,
            "bias_correction": made.bias_correction} == mlx  # fmt: skip
    torch = adapter("torch").defaults("SGD")
    import torch as library

    held = library.optim.SGD([library.zeros(1)]).defaults
    assert torch == {key: held[key] for key in torch}
    assert adapter("thinc").defaults("Adam")["grad_clip"] == 1.0
    # norm_coefficient's default in the schema: float32 zero
    assert adapter("onnx").defaults("Adam")["norm_coefficient"] == 0.0


# -- options and errors ----------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_an_unknown_optimizer_or_option_is_one_clear_error(name):
    module = adapter(name)
    first = next(iter(constants(name).OPTIMIZERS))
    optimizer = parse_options(first)[0]
    for ask in (module.load, module.defaults):
        with pytest.raises(ValueError, match=f"{name} adapter: no 'Lyon'; it knows .*{optimizer}"):
            ask("Lyon")
        with pytest.raises(ValueError, match=f"{name} adapter: {optimizer} has no option 'fuse'"):
            ask(optimizer, fuse=True)


def test_what_an_option_may_be_is_said():
    with pytest.raises(ValueError, match=r"decay='before': expected one of 'l2', 'post'"):
        adapter("onnx").load("Adam", decay="before")
    with pytest.raises(ValueError, match="ops='jax': expected 'numpy' or 'cupy'"):
        adapter("thinc").load("Adam", ops="jax")


def test_thinc_on_cupy_needs_a_gpu():
    thinc = adapter("thinc")
    if thinc.has_cupy_gpu:
        assert {v.verdict for v in verdicts("thinc", "Adam[ops=cupy]", "float32")} == {"conforms"}
    else:
        with pytest.raises(ValueError, match="ops=cupy needs CuPy and a GPU"):
            thinc.load("Adam", ops="cupy")


@pytest.mark.parametrize(
    ("name", "optimizer", "options", "claim", "dtype", "reason"),
    [
        ("paddle", "AdamW", {}, "adamw", "float16", "no kernel of AdamW for float16"),
        ("paddle", "Adam", {"use_multi_tensor": True}, "adam", "float64", "refuses float64"),
        ("paddle", "Momentum", {}, "sgd", "float32", "has no dampening"),
        ("paddle", "Momentum", {}, "adam", "float32", "needs momentum"),
        ("thinc", "Adam", {}, "adamw", "float64", "float32 alone"),
        ("onnx", "Adam", {}, "adam", "bfloat16", "has no bfloat16"),
        ("mlx", "SGD", {"nesterov": True}, "sgd", "float32", "refuses Nesterov with dampening"),
        ("tinygrad", "SGD", {}, "sgd", "float32", "has no dampening"),
        ("torch", "NAdam", {}, "sgd", "float32", "needs beta1"),
        ("wdref_optax", "AdamW", {"horizon": 4}, "adamw", "float32", "ends after 4 steps"),
    ],
)
def test_what_a_framework_cannot_do_is_unsupported(name, optimizer, options, claim, dtype, reason):
    run = loaded(name, optimizer, **options)
    case = next(regimes(claim, dialect(claim, "pytorch"), dtype))
    with pytest.raises(Unsupported, match=reason):
        run(SimpleNamespace(**{**vars(case), "hyper": dict(case.hyper)}))


REACHABLE = [
    ("torch", ("NAdam", "RAdam", "Adamax"), "adam"),
    ("torch", ("ASGD", "Muon"), "sgd"),
    ("mlx", ("Adamax", "Lion"), "adam"),
    ("mlx", ("Muon",), "sgd"),
    ("paddle", ("NAdam", "RAdam", "Adamax"), "adam"),
    ("thinc", ("RAdam",), "adam"),
]


@pytest.mark.parametrize(
    ("name", "optimizer", "claim"),
    [(n, each, claim) for n, all_, claim in REACHABLE for each in all_],
)
def test_optimizers_without_a_rule_can_be_asked(name, optimizer, claim):
    run = loaded(name, optimizer)
    case = next(regimes(claim, dialect(claim, "paper"), "float32"))
    values = np.asarray(run(SimpleNamespace(**{**vars(case), "hyper": dict(case.hyper)})))
    assert values.shape == case.grads.shape
    assert np.all(np.isfinite(values))
    assert np.all(np.any(values != case.theta0, axis=1))


# -- what mlx does beyond its rows -----------------------------------------------------------


def test_mlx_dampens_no_step_without_momentum():
    """Nor does wdref.SGD.like("mlx"): dampening weights what enters a buffer."""
    optim = pytest.importorskip("mlx.optimizers", reason="the extra `frameworks` installs it")
    mx = importlib.import_module("mlx.core")
    for momentum in (0.0, 0.5):
        theirs = optim.SGD(0.25, momentum=momentum, dampening=0.5)
        ours = wdref.SGD.like("mlx", learning_rate=0.25, momentum=momentum, dampening=0.5)
        params, theta = {"w": np.ones(2, np.float32)}, {"w": mx.ones((2,))}
        state = ours.init(params)
        for g in (1.0, -0.5, 2.0):
            theta = theirs.apply_gradients({"w": mx.full((2,), g)}, theta)
            state = ours.step(params, {"w": np.full(2, g, np.float32)}, state)
            assert np.array_equal(np.array(theta["w"]), params["w"]), momentum
