"""A state with other settings than the optimizer's is refused by name: with the real programs."""

import copy
import os
import re
import warnings

import numpy as np
import pytest

import wdref

STEPS = 5
RATE, DECAY = 1e-3, 1e-2


def torch_state(cls="AdamW", *, groups=None, schedule=None, steps=STEPS, late=True, **options):
    torch = pytest.importorskip("torch", reason="the extra `frameworks` brings it")
    p = [torch.nn.Parameter(torch.ones(2)) for _ in groups or [{}]]
    rows = [{"params": [x], **own} for x, own in zip(p, groups or [{}], strict=True)]
    if cls == "SGD":
        options = {"momentum": 0.9, **options}
    opt = getattr(torch.optim, cls)(rows, **{"lr": RATE, **options})
    rates = schedule and schedule(torch.optim.lr_scheduler)(opt)
    for i in range(steps):
        for x in p:
            x.grad = torch.ones(2)
        opt.step()
        if rates and (late or i < steps - 1):
            rates.step()
    return [x.detach() for x in p], copy.deepcopy(opt.state_dict())


def adamw(**options):
    return wdref.AdamW.like("pytorch", **{"weight_decay": DECAY, **options})


def sgd(**options):
    return wdref.SGD.like("pytorch", **{"momentum": 0.9, **options})


def load(opt, pair, framework="pytorch", **options):
    return wdref.states.load(opt, pair[0], pair[1], framework, **options)


# -- PyTorch: what differs, what it is called, and what allows it ---------------------------------

DIFFERENT = [
    (adamw, "AdamW", {"weight_decay": 0.3}, "weight_decay",
     "weight_decay of 0 is 0.3 in the state and 0.01 here"),
    (adamw, "AdamW", {"betas": (0.95, 0.999)}, "beta1",
     "beta1 (betas[0]) of 0 is 0.95 in the state and 0.9 here"),
    (adamw, "AdamW", {"betas": (0.9, 0.99)}, "beta2",
     "beta2 (betas[1]) of 0 is 0.99 in the state and 0.999 here"),
    (adamw, "AdamW", {"eps": 1e-6}, "eps", "eps of 0 is 1e-06 in the state and 1e-08 here"),
    (adamw, "AdamW", {"lr": 0.5}, "learning_rate",
     "learning_rate of 0 is 0.5 in the state and 0.001 here"),
    (adamw, "AdamW", {"maximize": True}, "maximize",
     "maximize of 0 is True in the state, wdref has none (give it -gradients)"),
    (adamw, "Adam", {"weight_decay": DECAY}, "form",
     "form of 0 is 'l2' in pytorch's and 'lr' here: use AdamW.like(\"pytorch\", …)"),
    (sgd, "SGD", {"momentum": 0.8}, "momentum",
     "momentum of 0 is 0.8 in the state and 0.9 here"),
    (sgd, "SGD", {"dampening": 0.5}, "dampening",
     "dampening of 0 is 0.5 in the state and 0.0 here"),
    (sgd, "SGD", {"nesterov": True}, "nesterov",
     "nesterov of 0 is True in pytorch's and False here: use SGD.like(\"pytorch\", …)"),
    (sgd, "SGD", {"weight_decay": 0.1}, "weight_decay",
     "weight_decay of 0 is 0.1 in the state and 0.0 here"),
]  # fmt: skip


@pytest.mark.parametrize(("method", "cls", "options", "name", "message"), DIFFERENT)
def test_other_settings_are_refused_by_name(method, cls, options, name, message):
    pair = torch_state(cls, **options)
    counts = {"step": STEPS} if cls == "SGD" else {}
    text = f"{message}; if that is meant, give may_differ=['{name}']"
    with pytest.raises(ValueError, match=rf"\A{re.escape(text)}\Z"):
        load(method(), pair, **counts)
    assert load(method(), pair, **counts, may_differ=[name]).step == STEPS


@pytest.mark.parametrize(("method", "cls", "options", "name", "message"), DIFFERENT)
def test_nor_are_they_written_over(method, cls, options, name, message):
    """What `dump` returns has the settings of `into`, and goes on with them."""
    (params, saved), opt = torch_state(cls, **options), method()
    state = opt.init(params, step=STEPS)
    with pytest.raises(ValueError, match=re.escape(message)):
        wdref.states.dump(opt, params, state, saved, "pytorch")
    wdref.states.dump(opt, params, state, saved, "pytorch", may_differ=[name])


def test_the_same_settings_are_loaded():
    every = {"betas": (0.95, 0.99), "eps": 1e-6, "weight_decay": 0.3, "lr": 0.25}
    opt = adamw(betas=(0.95, 0.99), eps=1e-6, weight_decay=0.3, learning_rate=0.25)
    assert load(opt, torch_state(**every)).step == STEPS
    one = {"momentum": 0.8, "nesterov": True, "weight_decay": 0.25}
    opt = sgd(**one, learning_rate=RATE)
    assert load(opt, torch_state("SGD", **one), step=STEPS).step == STEPS
    opt = sgd(dampening=0.5)
    assert load(opt, torch_state("SGD", dampening=0.5), step=STEPS).step == STEPS


def test_a_rate_that_is_a_tensor_is_one_of_float32():
    torch = pytest.importorskip("torch", reason="the extra `frameworks` brings it")
    assert load(adamw(), torch_state(lr=torch.tensor(RATE), foreach=False)).step == STEPS
    with pytest.raises(ValueError, match="learning_rate of 0 is"):
        load(adamw(learning_rate=1.00001e-3), torch_state(lr=torch.tensor(RATE), foreach=False))


def test_another_place_of_eps_is_another_rule():
    opt = wdref.AdamW.like("keras", weight_decay=DECAY, eps=1e-8)
    with pytest.raises(ValueError, match=r"\Aeps of 0 is 'outside' in pytorch's and 'hat' here"):
        load(opt, torch_state())


@pytest.mark.parametrize("options", [{}, {"nesterov": False, "weight_decay": 0.1}])
def test_sgd_without_momentum(options):
    pair = torch_state("SGD", momentum=0.0, **options)
    assert load(sgd(momentum=0.0, **options), pair, step=STEPS).step == STEPS
    momentum = torch_state("SGD", **options)
    with pytest.raises(ValueError, match=r"no place here for momentum_buffer"):
        load(sgd(momentum=0.0, **options), momentum, step=STEPS)


def test_a_setting_that_is_no_number():
    params, saved = torch_state()
    saved["param_groups"][0]["eps"] = [1e-8, 1e-8]
    with pytest.raises(
        ValueError, match=r"eps of 0 is \[1e-08, 1e-08\] in the state and 1e-08 here"
    ):
        load(adamw(), (params, saved))


# -- groups ---------------------------------------------------------------------------------------

GROUPS = [{"weight_decay": 0.1}, {"weight_decay": 0.0}]


def test_groups_are_compared_leaf_by_leaf():
    params, saved = torch_state(groups=GROUPS)
    grouped = adamw(weight_decay=0.1, groups={"1": {"weight_decay": 0.0}})
    masked = adamw(weight_decay=0.1, decay_mask=[True, False])
    for opt in (grouped, masked):
        assert load(opt, (params, saved)).step == STEPS
    with pytest.raises(ValueError, match=r"weight_decay of 1 is 0.0 in the state and 0.1 here"):
        load(adamw(weight_decay=0.1), (params, saved))


# -- schedules ------------------------------------------------------------------------------------


@pytest.mark.parametrize("late", [True, False], ids=["scheduler stepped", "not yet"])
@pytest.mark.parametrize("steps", [1, STEPS, 90])
def test_a_scheduler_is_the_schedule_of_the_paper(steps, late):
    """PyTorch's cosine is a recursion, so that its rate is not ours to the last bit."""
    pair = torch_state(schedule=lambda s: lambda opt: s.CosineAnnealingLR(opt, 100), steps=steps,
                       late=late)  # fmt: skip
    right = adamw(learning_rate=RATE, schedule=wdref.schedules.cosine(100))
    assert load(right, pair).step == steps
    for wrong in (wdref.schedules.cosine(110), None):
        if steps == 1 and not late:
            continue  # the first rate is that of the start
        with pytest.raises(ValueError, match=r"updates and .* here; .*may_differ=\['schedule'\]"):
            load(adamw(schedule=wrong), pair)
        for free in ("schedule", "learning_rate"):
            assert load(adamw(schedule=wrong), pair, may_differ=[free]).step == steps


SCHEDULERS = {
    "exponential": (lambda s, o: s.ExponentialLR(o, 0.97), lambda t: 0.97 ** (t - 1)),
    "steps": (lambda s, o: s.StepLR(o, 7, 0.3), lambda t: 0.3 ** ((t - 1) // 7)),
    "linear": (lambda s, o: s.LinearLR(o, 0.1, 1, 50), lambda t: 0.1 + 0.9 * min(t - 1, 50) / 50),
    "polynomial": (lambda s, o: s.PolynomialLR(o, 100, 2.0), lambda t: (1 - (t - 1) / 100) ** 2),
    "restarts": (lambda s, o: s.CosineAnnealingWarmRestarts(o, 10, 2),
                 wdref.schedules.warm_restarts(10, 2)),
}  # fmt: skip


@pytest.mark.parametrize("steps", [1, 40, 99])
@pytest.mark.parametrize("name", SCHEDULERS)
def test_other_schedulers(name, steps):
    made, eta = SCHEDULERS[name]
    pair = torch_state(schedule=lambda s: lambda opt: made(s, opt), steps=steps)
    assert load(adamw(schedule=eta), pair).step == steps
    saved = pair[1]["param_groups"][0]
    saved["lr"] += 1e-9 * RATE
    with pytest.raises(ValueError, match=r"may_differ=\['schedule'\]"):
        load(adamw(schedule=eta), pair)


def test_the_rate_of_the_start_is_alpha():
    pair = torch_state(schedule=lambda s: lambda opt: s.StepLR(opt, 2, 0.5))
    drops = wdref.schedules.step_drop((2, 4, 6), 0.5)
    assert load(adamw(schedule=drops), pair).step == STEPS
    with pytest.raises(
        ValueError, match=r"learning_rate of 0 is 0.001 in the state and 0.002 here"
    ):
        load(adamw(learning_rate=2e-3, schedule=drops), pair)


def test_a_rate_that_was_set_by_hand_is_compared_with_the_schedule():
    params, saved = torch_state()
    saved["param_groups"][0]["lr"] = RATE / 2
    halved = adamw(schedule=wdref.schedules.step_drop((STEPS,), 0.5))
    assert load(halved, (params, saved)).step == STEPS
    with pytest.raises(ValueError, match=r"0.0005 in the state and 0.001 here"):
        load(adamw(), (params, saved))


def test_a_decay_that_is_a_function_is_read_at_this_step():
    pair = torch_state(weight_decay=0.25)
    assert load(adamw(weight_decay=lambda t: 0.05 * t), pair).step == STEPS  # the last update's
    assert load(adamw(weight_decay=lambda t: 0.05 * (t - 1)), pair).step == STEPS  # the next one's
    with pytest.raises(ValueError, match=r"is 0.25 in the state and 0.5\d* or 0.6\d* here"):
        load(adamw(weight_decay=lambda t: 0.1 * t), pair)


def test_a_decay_that_is_a_function_is_not_asked_of_a_new_state():
    opt = adamw(weight_decay=lambda t: DECAY / t)
    params, new = torch_state(steps=0)
    dumped = wdref.states.dump(opt, params, opt.init(params, step=50), new, "pytorch")
    assert dumped["state"][0]["step"] == 50


def test_a_new_state_is_dumped_into_whatever_its_scheduler_says():
    opt = adamw(schedule=wdref.schedules.cosine(100))
    params, new = torch_state(steps=0, schedule=lambda s: lambda o: s.CosineAnnealingLR(o, 100))
    dumped = wdref.states.dump(opt, params, opt.init(params, step=50), new, "pytorch")
    assert dumped["state"][0]["step"] == 50


# -- optax and Keras ------------------------------------------------------------------------------


def optax_state(rate=RATE, weight_decay=DECAY, **options):
    jax = pytest.importorskip("jax", reason="the extra `frameworks` brings it")
    optax = pytest.importorskip("optax", reason="the extra `frameworks` brings it")
    made = optax.inject_hyperparams(optax.adamw)(rate, weight_decay=weight_decay, **options)
    params = {"w": jax.numpy.ones(2)}
    state = made.init(params)
    for _ in range(STEPS):
        _, state = made.update(params, state, params)
    return params, state


@pytest.mark.parametrize(
    ("options", "name", "message"),
    [({"b1": 0.95}, "beta1", "beta1 (b1) of w is 0.949999988079071 in the state and 0.9 here"),
     ({"weight_decay": 0.3}, "weight_decay", "weight_decay of w is 0.30000001192092896 in"),
     ({"rate": 0.5}, "learning_rate", "learning_rate of w is 0.5 in the state and 0.001 here"),
     ({"eps_root": 0.5}, "eps_root", "eps_root of w is 0.5 in the state, wdref has none;")],
)  # fmt: skip
def test_what_optax_injects_is_compared(options, name, message):
    opt = wdref.AdamW.like("optax", learning_rate=RATE, weight_decay=DECAY)
    assert load(opt, optax_state(), "optax").step == STEPS
    with pytest.raises(ValueError, match=rf"\A{re.escape(message)}"):
        load(opt, optax_state(**options), "optax")
    assert load(opt, optax_state(**options), "optax", may_differ=[name]).step == STEPS


def test_a_schedule_of_optax_is_compared_and_its_count_written():
    optax = pytest.importorskip("optax", reason="the extra `frameworks` brings it")
    params, state = optax_state(optax.linear_schedule(RATE, 0.0, 10))

    def eta(t):
        return max(1 - (t - 1) / 10, 0.0)

    right = wdref.AdamW.like("optax", learning_rate=RATE, weight_decay=DECAY, schedule=eta)
    own = load(right, (params, state), "optax")
    with pytest.raises(
        ValueError, match=r"0.0006\d* in the state after 5 updates and .* or .* here"
    ):
        load(right.replace(schedule=wdref.schedules.cosine(10)), (params, state), "optax")
    own = right.init(params, step=8, slots=own.slots)
    dumped = wdref.states.dump(right, params, own, state, "optax")
    assert int(dumped.hyperparams_states["learning_rate"].count) == 8


def keras_state(rate=RATE, **options):
    pytest.importorskip("torch", reason="the extra `frameworks` brings it")
    os.environ.setdefault("KERAS_BACKEND", "torch")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the libraries that keras imports
        keras = pytest.importorskip("keras", reason="the extra `frameworks` brings it")
    opt = keras.optimizers.AdamW(rate, weight_decay=DECAY, **options)
    v = keras.Variable(np.ones(2, "f4"), name="w")
    opt.build([v])
    for _ in range(STEPS):
        opt.apply([keras.ops.convert_to_tensor(np.ones(2, "f4"))], [v])
    return [v.value.detach().clone()], {x.path: x for x in opt.variables}


def test_keras_learning_rate_is_compared():
    opt = wdref.AdamW.like("keras", weight_decay=DECAY)
    assert load(opt, keras_state(), "keras").step == STEPS
    with pytest.raises(
        ValueError, match=r"\Alearning_rate of 0 is 0.5 in the state and 0.001 here"
    ):
        load(opt, keras_state(0.5), "keras")
    with pytest.raises(ValueError, match=r"\Aeps of 0 is 'hat' in keras's and 'outside' here"):
        load(adamw(), keras_state(), "keras")


def test_keras_accumulated_gradients_are_not_lost_in_silence():
    opt = wdref.AdamW.like("keras", weight_decay=DECAY)
    with pytest.raises(ValueError, match="counts calls and not updates"):
        load(opt, keras_state(gradient_accumulation_steps=2), "keras")


# -- names ----------------------------------------------------------------------------------------


def test_unknown_names_are_told():
    with pytest.raises(
        ValueError, match=r"\Amay_differ has lr: AdamW has beta1, beta2, bias, clip"
    ):
        load(adamw(), torch_state(), may_differ=["lr"])
