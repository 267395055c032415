"""States travel: a run begun in one place and continued in another is one run.

The first steps are the program's own, the next twenty are wdref's, and the other way round. All
of it in float64 must lie where one run by one program would: within the oracle's limit of the
certified trajectory.
"""

import os
import re
import warnings

import numpy as np
import pytest

import wdref
from wdref.conventions import dialect
from wdref.oracle.cases.case import Case, noise
from wdref.oracle.judge.enclosure import enclose

FIRST, THEN = 7, 20
SIZES = (3, 2)  # of two parameters
THETA0 = noise(1, 5, 21)[0]
GRADS = noise(FIRST + THEN, 5, 22) * np.geomspace(1, 0.1, FIRST + THEN)[:, None]
HYPER = {"learning_rate": 0.125, "weight_decay": 0.0625, "momentum": 0.75, "dampening": 0.0,
         "beta1": 0.875, "beta2": 0.96875, "eps": 2.0**-10}  # fmt: skip
LIMIT = 4  # what conforms


def split(row):
    return {"a": row[:3], "b": row[3:]}


def joined(tree):
    return np.concatenate([np.asarray(x, dtype=np.float64) for x in (tree["a"], tree["b"])])


def certified(claim, convention, answers, path):
    found = dialect(claim, convention, **answers)
    hyper = {name: HYPER[name] for name in found.hyper}
    case = Case("travel", claim, "float64", THETA0, GRADS, hyper, np.ones(len(GRADS)))
    assert np.max(enclose(found, case).ratio(np.array(path))) <= LIMIT


def like(claim, convention, answers):
    method = {"sgd": wdref.SGD, "sgdw": wdref.SGDW, "adam": wdref.Adam, "adamw": wdref.AdamW}[claim]
    own = {"learning_rate": HYPER["learning_rate"], "weight_decay": HYPER["weight_decay"]}
    if "adam" in claim:
        own |= {"betas": (HYPER["beta1"], HYPER["beta2"]), "eps": HYPER["eps"]}
    else:
        own |= {"momentum": HYPER["momentum"]}
    return method.like(convention, **own, **answers)


# -- the programs, each as: params() and step(grads) and its state -------------------------------


class Torch:
    convention = "pytorch"

    def __init__(self, claim, answers):
        torch = self.torch = pytest.importorskip("torch", reason="extra `frameworks`")
        cls = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[claim]
        own = {"lr": HYPER["learning_rate"], "weight_decay": HYPER["weight_decay"]}
        if claim == "sgd":
            own |= {"momentum": HYPER["momentum"], **answers}
        else:
            own |= {"betas": (HYPER["beta1"], HYPER["beta2"]), "eps": HYPER["eps"],
                    "amsgrad": answers.get("amsgrad") == "raw"}  # fmt: skip
        self.p = {k: torch.tensor(x) for k, x in split(THETA0).items()}
        self.opt = cls(list(self.p.values()), **own)

    def params(self):
        return {name: p.clone() for name, p in self.p.items()}

    def step(self, grads):
        for name, p in self.p.items():
            p.grad = self.torch.tensor(grads[name])
        self.opt.step()

    def state(self):
        return self.opt.state_dict()

    def take(self, params, state):
        for name, p in self.p.items():
            p.copy_(self.torch.tensor(params[name]))
        self.opt.load_state_dict(state)


class Optax:
    convention = "optax"

    def __init__(self, claim, answers):
        self.jax = pytest.importorskip("jax", reason="the extra `frameworks` brings it")
        optax = self.optax = pytest.importorskip("optax", reason="the extra `frameworks` brings it")
        lr, wd = HYPER["learning_rate"], HYPER["weight_decay"]
        adam = dict(b1=HYPER["beta1"], b2=HYPER["beta2"], eps=HYPER["eps"])
        l2 = optax.add_decayed_weights(wd)
        if claim == "sgd":
            rule = optax.sgd(lr, momentum=HYPER["momentum"], **answers)
            self.tx = optax.chain(l2, rule)
        elif answers:
            self.tx = optax.chain(l2, optax.amsgrad(lr, **adam))
        else:
            self.tx = optax.adamw(lr, weight_decay=wd, **adam)
        self.p = {name: self.jax.numpy.asarray(x) for name, x in split(THETA0).items()}
        self.s = self.tx.init(self.p)

    def params(self):
        return self.p

    def step(self, grads):
        grads = {name: self.jax.numpy.asarray(g) for name, g in grads.items()}
        updates, self.s = self.tx.update(grads, self.s, self.p)
        self.p = self.optax.apply_updates(self.p, updates)

    def state(self):
        return self.s

    def take(self, params, state):
        self.p = {name: self.jax.numpy.asarray(x) for name, x in params.items()}
        self.s = state


class Keras:
    convention = "keras"

    def __init__(self, claim, answers):
        pytest.importorskip("torch", reason="the extra `frameworks` brings it")
        os.environ.setdefault("KERAS_BACKEND", "torch")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the libraries that keras imports
            keras = pytest.importorskip("keras", reason="the extra `frameworks` brings it")
        own = {"learning_rate": HYPER["learning_rate"], "weight_decay": HYPER["weight_decay"]}
        if claim == "sgd":
            self.opt = keras.optimizers.SGD(**own, momentum=HYPER["momentum"], **answers)
        else:
            cls = keras.optimizers.Adam if claim == "adam" else keras.optimizers.AdamW
            self.opt = cls(**own, beta_1=HYPER["beta1"], beta_2=HYPER["beta2"],
                           epsilon=HYPER["eps"], amsgrad=bool(answers))  # fmt: skip
        self.keras = keras
        self.v = {name: keras.Variable(x, dtype="float64", name=name)
                  for name, x in split(THETA0).items()}  # fmt: skip
        self.opt.build(list(self.v.values()))

    def params(self):
        return {name: self.keras.ops.copy(v.value).detach() for name, v in self.v.items()}

    def step(self, grads):
        given = [self.keras.ops.convert_to_tensor(grads[k], dtype="float64") for k in self.v]
        self.opt.apply(given, list(self.v.values()))

    def state(self):
        return {v.path: v for v in self.opt.variables}

    def take(self, params, state):
        for name, v in self.v.items():
            v.assign(params[name])
        for v in self.opt.variables:
            v.assign(state[v.path])


RUNS = [
    (Torch, "sgd", {}), (Torch, "sgd", {"nesterov": True}), (Torch, "adam", {}),
    (Torch, "adamw", {}), (Torch, "adamw", {"amsgrad": "raw"}), (Optax, "adamw", {}),
    (Optax, "sgd", {}), (Optax, "sgd", {"nesterov": True}), (Optax, "adam", {"amsgrad": "hat"}),
    (Keras, "adam", {}), (Keras, "adamw", {}), (Keras, "adamw", {"amsgrad": "raw"}),
    (Keras, "sgd", {}), (Keras, "sgd", {"nesterov": True}),
]  # fmt: skip
NAMES = ["-".join([p.convention, c, *map(str, a)]) for p, c, a in RUNS]


@pytest.fixture(autouse=True)
def double():
    """JAX holds float64 where it is told to alone."""
    jax = pytest.importorskip("jax", reason="the extra `dev` installs it")
    with jax.enable_x64(True):
        yield


def began(program, claim, answers):
    """The program after its first steps, and the path so far."""
    there, path = program(claim, answers), []
    for g in GRADS[:FIRST]:
        there.step(split(g))
        path.append(joined(there.params()))
    return there, path


def here(params):
    return {name: np.asarray(x).astype(np.float64) for name, x in params.items()}


@pytest.mark.parametrize(("program", "claim", "answers"), RUNS, ids=NAMES)
def test_begun_there_and_continued_here_and_there_again(program, claim, answers):
    there, path = began(program, claim, answers)
    opt, params = like(claim, program.convention, answers), here(there.params())
    counts = {} if "adam" in claim or program is Keras else {"step": FIRST}
    state = wdref.states.load(opt, params, there.state(), program.convention, **counts)
    assert state.step == FIRST
    middle = FIRST + THEN // 2
    for g in GRADS[FIRST:middle]:
        params, state = opt.update(params, split(g), state)
        path.append(joined(params))
    back = program(claim, answers)
    dumped = wdref.states.dump(opt, back.params(), state, back.state(), program.convention)
    back.take(params, dumped)
    for g in GRADS[middle:]:
        back.step(split(g))
        path.append(joined(back.params()))
    certified(claim, program.convention, answers, path)


@pytest.mark.parametrize(("program", "claim", "answers"), RUNS, ids=NAMES)
def test_twenty_steps_on_both_sides(program, claim, answers):
    there, path = began(program, claim, answers)
    opt, params = like(claim, program.convention, answers), here(there.params())
    counts = {} if "adam" in claim or program is Keras else {"step": FIRST}
    state, other = (
        wdref.states.load(opt, params, there.state(), program.convention, **counts),
        [*path],
    )
    for g in GRADS[FIRST:]:
        params, state = opt.update(params, split(g), state)
        path.append(joined(params))
        there.step(split(g))
        other.append(joined(there.params()))
    for one in (path, other):
        certified(claim, program.convention, answers, one)


@pytest.mark.parametrize(("program", "claim", "answers"), RUNS, ids=NAMES)
def test_a_round_trip_keeps_every_bit(program, claim, answers):
    there, _ = began(program, claim, answers)
    opt, params = like(claim, program.convention, answers), here(there.params())
    counts = {} if "adam" in claim or program is Keras else {"step": FIRST}
    state = wdref.states.load(opt, params, there.state(), program.convention, **counts)
    dumped = wdref.states.dump(opt, there.params(), state, there.state(), program.convention)
    again = wdref.states.load(opt, params, dumped, program.convention, **counts)
    assert again.step == state.step
    for name in opt.dialect.slots:
        for key in params:
            np.testing.assert_array_equal(again.slots[name][key], state.slots[name][key])


# -- what cannot be loaded -----------------------------------------------------------------------


def moments(*shape, **more):
    own = {"step": 3.0, "exp_avg": np.zeros(shape), "exp_avg_sq": np.ones(shape), **more}
    return {"state": {0: own}, "param_groups": [{"params": [0]}]}


ADAMW = wdref.AdamW.like("pytorch", weight_decay=0.0)
SGD = wdref.SGD.like("pytorch", momentum=0.9)
P = [np.zeros(2, np.float32)]
BAD = [
    (ADAMW, P, moments(2), "torch", {},
     "framework='torch': expected one of pytorch, optax, keras"),
    (ADAMW, P, [1], "pytorch", {}, "expected the dict of torch's optimizer.state_dict()"),
    (ADAMW, P * 2, moments(2), "pytorch", {},
     "the state is of 1 parameters, params have 2 leaves"),
    (ADAMW, P, moments(3), "pytorch", {}, "m of 0: shape (3,), the parameter has (2,)"),
    (ADAMW, P, moments(2), "pytorch", {},
     "m of 0: dtype float64 in the state, float32 here; if that is meant, give "
     "may_differ=['state_dtype']"),
    (ADAMW, P, moments(2), "pytorch", {"step": 4},
     "step=4: the state says that 3 updates were made"),
    (ADAMW, P, moments(2, max_exp_avg_sq=np.ones(2)), "pytorch", {},
     "no place here for max_exp_avg_sq in the state, which has step, exp_avg, exp_avg_sq, "
     "max_exp_avg_sq: AdamW keeps m, v; it is another optimizer's, or lacks a slot"),
    (SGD, P, moments(2), "pytorch", {},
     "no momentum_buffer of 0 in the state, which has step, exp_avg, exp_avg_sq: SGD keeps m; it "
     "is another optimizer's, or lacks a slot"),
    (ADAMW, P, {"state": {}, "param_groups": [{"params": [0]}]}, "pytorch", {},
     "no exp_avg of 0 in the state, which has nothing: AdamW keeps m, v; it is another "
     "optimizer's, or lacks a slot"),
    (SGD, [np.zeros(2)], {"state": {0: {"momentum_buffer": np.ones(2)}},
                          "param_groups": [{"params": [0]}]}, "pytorch", {},
     "pytorch counts no steps here: give step, the number of updates made"),
    (wdref.SGD(learning_rate=0.1), P, {}, "pytorch", {},
     "pytorch holds the learning rate outside the momentum buffer, SGD here does not: use "
     'SGD.like("pytorch", …)'),
    (wdref.AdamW(weight_decay=0.0, amsgrad="hat"), P, {}, "pytorch", {},
     "pytorch keeps AMSGrad's maximum as 'raw', AdamW here as 'hat': use amsgrad='raw'"),
    (ADAMW, P, (), "optax", {},
     "no single mu in the state, which has nothing: AdamW keeps m, v; it is another optimizer's, "
     "or lacks a slot"),
    (ADAMW, P, {"adamw/iteration": 3, "adamw/a_momentum": np.zeros(2)}, "keras", {},
     "no velocity for each of 1 parameters in the state, which has adamw/iteration, "
     "adamw/a_momentum: AdamW keeps m, v; it is another optimizer's, or lacks a slot"),
]  # fmt: skip


@pytest.mark.parametrize(("opt", "params", "found", "framework", "options", "message"), BAD)
def test_what_cannot_be_loaded(opt, params, found, framework, options, message):
    with pytest.raises(ValueError, match=rf"\A{re.escape(message)}\Z"):
        wdref.states.load(opt, params, found, framework, **options)


def test_one_step_for_all_parameters():
    two = {"state": {i: {**moments(2)["state"][0], "step": float(i + 3)} for i in (0, 1)},
           "param_groups": [{"params": [0, 1]}]}  # fmt: skip
    with pytest.raises(ValueError, match=r"\Athe parameters are at steps 3, 4: wdref counts one"):
        wdref.states.load(ADAMW, [np.zeros(2), np.zeros(2)], two, "pytorch")


def test_the_loaded_arrays_are_copies():
    found = moments(2)
    state = wdref.states.load(ADAMW, [np.zeros(2)], found, "pytorch")
    ADAMW.step([np.zeros(2)], [np.ones(2)], state)
    np.testing.assert_array_equal(found["state"][0]["exp_avg"], np.zeros(2))
