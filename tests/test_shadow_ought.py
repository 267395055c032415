"""The shadow of torch: what the groups ought to be, where t should begin, where the state is."""

import copy
import re
import runpy
from pathlib import Path
from types import SimpleNamespace

import pytest

import wdref
from wdref.oracle import shadow
from wdref.oracle.watch.watch import DepartureError, DepartureWarning

torch = pytest.importorskip("torch", reason="torch, installed by the extra `frameworks`")
pytest.importorskip("flint", reason="ball arithmetic, installed by the extra `oracle`")
runs = SimpleNamespace(**runpy.run_path(str(Path(__file__).with_name("shadow_runs.py"))))

WEIGHTS, BIASES = {"0.weight", "2.weight"}, {"0.bias", "2.bias"}


one_thread = runs.one_thread


def watched(hyper=None, steps=5, *, groups=None, name="AdamW", schedule=None, **options):
    """Train two groups, weights with decay and biases without, and return the watch."""
    net = runs.network()
    rows = runs.groups(net, **(groups or {}))
    opt = getattr(torch.optim, name)(rows, lr=1e-2, **runs.OPTIMIZERS[name])
    with shadow(opt, hyper=hyper, on_departure="collect", **options) as watch:
        runs.train(net, opt, steps, schedule=schedule or (lambda step: 1.0))
    return watch


def leaves(watch):
    return {d.leaf for d in watch.departures}


# -- hyperparameters a group ----------------------------------------------------------------------


@pytest.mark.parametrize("name", runs.OPTIMIZERS)
def test_a_decay_for_all_is_asked_of_the_groups_that_decay(name):
    assert leaves(watched({"weight_decay": 0.1}, name=name)) == set()
    assert leaves(watched({"weight_decay": 0.2}, name=name)) == WEIGHTS


def test_a_decay_that_no_group_has_is_asked_of_all():
    watch = watched({"weight_decay": 0.1}, groups={"decay": 0.0})
    assert leaves(watch) == WEIGHTS | BIASES
    assert all("as its group says: weight_decay=0, not 0.1" in d.closest for d in watch.departures)


@pytest.mark.parametrize(
    ("hyper", "wrong"),
    [
        ([{"weight_decay": 0.1}, {"weight_decay": 0.0}], set()),
        ([{"weight_decay": 0.1}, {"weight_decay": 0.1}], BIASES),
        ([{}, None], set()),
        (({"beta1": 0.5}, {}), WEIGHTS),
    ],
)
def test_one_mapping_a_group(hyper, wrong):
    assert leaves(watched(hyper)) == wrong


def test_a_decay_that_a_group_loses_later_is_noticed():
    net = runs.network()
    opt = torch.optim.AdamW(runs.groups(net), lr=1e-2)
    with shadow(opt, hyper={"weight_decay": 0.1}, on_departure="collect") as watch:
        runs.train(net, opt, 2)
        opt.param_groups[0]["weight_decay"] = 0.0
        runs.train(net, opt, 2)
    assert {(d.leaf, d.step) for d in watch.departures} == {(x, 3) for x in WEIGHTS}


def test_a_momentum_that_a_group_lacks_is_noticed():
    net = runs.network()
    opt = torch.optim.SGD(net.parameters(), lr=1e-2)
    names = net.named_parameters()
    with shadow(opt, hyper={"momentum": 0.9}, on_departure="collect", names=names) as watch:
        runs.train(net, opt, 3)
    assert leaves(watch) == WEIGHTS | BIASES


# -- functions of t -------------------------------------------------------------------------------


def warm_up(t):
    return 1e-2 * min(t / 4, 1.0)


@pytest.mark.parametrize("every", [1, 2])
@pytest.mark.parametrize("name", runs.OPTIMIZERS)
def test_the_rate_as_a_function_of_t(name, every):
    def schedule(step):
        return min(step / 4, 1.0)

    hyper = {"learning_rate": warm_up}
    assert leaves(watched(hyper, 8, name=name, schedule=schedule, every=every)) == set()
    late = watched(hyper, 8, name=name, schedule=lambda step: min(max(step - 1, 1) / 4, 1.0))
    assert {d.step for d in late.departures} == {2}
    assert leaves(late) == WEIGHTS | BIASES
    says = "as its group says: learning_rate=0.0025, not 0.005"
    assert all(says in d.closest for d in late.departures)


def test_a_decay_as_a_function_of_t():
    net = runs.network()
    opt = torch.optim.AdamW(net.parameters(), lr=1e-2)
    hyper = {"weight_decay": lambda t: 0.1 / t}

    def decays(step):
        opt.param_groups[0]["weight_decay"] = 0.1 / min(step, 4)

    names = net.named_parameters()
    with shadow(opt, hyper=hyper, on_departure="collect", names=names) as watch:
        runs.train(net, opt, 6, before=decays)
    assert {d.step for d in watch.departures} == {5}


def test_the_schedules_of_wdref_are_functions_of_t():
    eta = wdref.schedules.cosine(10)
    hyper = {"learning_rate": lambda t: 1e-2 * eta(t)}
    watch = watched(hyper, 8, schedule=eta)
    assert leaves(watch) == set()


def resumed(steps=6, more=3, *, load=True, name="AdamW", **options):
    """Train, and go on with another optimizer under a watch."""
    net = runs.network()
    first = getattr(torch.optim, name)(runs.groups(net), lr=1e-2, **runs.OPTIMIZERS[name])
    runs.train(net, first, steps)
    second = getattr(torch.optim, name)(runs.groups(net), lr=1e-2, **runs.OPTIMIZERS[name])
    with shadow(second, on_departure="collect", **options) as watch:
        if load:
            second.load_state_dict(copy.deepcopy(first.state_dict()))
        runs.train(net, second, more, schedule=lambda step: min((step + steps) / 8, 1.0))
    return watch


def test_functions_of_t_go_on_where_the_state_is():
    hyper = {"learning_rate": lambda t: 1e-2 * min(t / 8, 1.0)}
    assert leaves(resumed(hyper=hyper)) == set()
    assert leaves(resumed(hyper=hyper, name="SGD", first_step=7)) == set()
    assert leaves(resumed(hyper=hyper, name="SGD")) == WEIGHTS | BIASES  # it counts no steps


# -- where t begins -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", runs.OPTIMIZERS)
def test_a_run_that_begins_where_it_should(name):
    assert leaves(resumed(name=name, first_step=7)) == set()
    assert leaves(watched(name=name, first_step=1)) == set()


@pytest.mark.parametrize("name", runs.OPTIMIZERS)
def test_a_state_that_was_not_loaded(name):
    watch = resumed(load=False, name=name, first_step=7)
    (d,) = watch.departures
    assert (d.step, d.array, d.got, d.expected) == (1, "step counter", 0.0, 6.0)
    assert d.closest == "its state is fresh, so are 3 others'"
    with pytest.warns(DepartureWarning, match="its state is fresh"):
        warned(load=False, name=name)


def warned(**options):
    net = runs.network()
    opt = getattr(torch.optim, options["name"])(runs.groups(net), lr=1e-2,
                                                **runs.OPTIMIZERS[options["name"]])  # fmt: skip
    with shadow(opt, first_step=7):
        runs.train(net, opt, 1)


def test_a_state_of_another_step():
    watch = resumed(first_step=9)
    (d,) = watch.departures
    assert (d.got, d.expected, d.closest) == (6.0, 8.0, "t begins at 7, not 9, so are 3 others'")


def test_a_state_that_was_loaded_in_part_is_noted():
    net = runs.network()
    opt = torch.optim.AdamW(runs.groups(net), lr=1e-2)
    runs.train(net, opt, 6)
    opt.state.pop(runs.leaf(opt, runs.WEIGHT))
    with shadow(opt, on_departure="raise") as watch:
        runs.train(net, opt, 2)
    assert watch.notes == ["2.weight: a fresh state, while others are at t=7"]
    with (
        shadow(opt, on_departure="raise", first_step=9) as watch,
        pytest.raises(DepartureError, match="t begins at 3, not 9"),
    ):
        runs.train(net, opt, 1)


def test_a_fresh_state_at_a_rate_that_is_not_the_start_s_is_noted():
    net = runs.network()
    opt = torch.optim.AdamW(runs.groups(net), lr=1e-2)
    for group in opt.param_groups:
        group |= {"initial_lr": 1e-2, "lr": 2.5e-3}  # as a scheduler leaves it
    with shadow(opt, on_departure="raise") as watch:
        runs.train(net, opt, 2)
    (note,) = watch.notes
    assert note.startswith(
        "0.weight, 2.weight, 0.bias, …: a fresh state at a rate of 0.0025, of 0.01"
    )
    with shadow(opt, on_departure="raise", first_step=3) as watch:
        runs.train(net, opt, 2)
    assert watch.notes == []


# -- where the state is ---------------------------------------------------------------------------


def test_slots_that_are_not_given_are_asked_for():
    net = runs.network()
    opt = runs.wide(net)
    text = (
        "0.weight: the optimizer's state has n, first, second and no exp_avg, exp_avg_sq: say "
        "where m, v are, slots={'m': …, 'v': …}"
    )
    watch = shadow(opt, claim="adamw", names=net.named_parameters())
    with pytest.raises(ValueError, match=rf"\A{re.escape(text)}\Z"):
        runs.train(net, opt, 1)
    watch.close()


def test_slots_with_another_key_are_asked_for():
    net = runs.network()
    opt = runs.wide(net)
    options = {**runs.OWN, "slots": {"m": "first", "v": "third"}}
    with shadow(opt, **options), pytest.raises(ValueError, match="and no third: say where m, v"):
        runs.train(net, opt, 1)


def test_an_optimizer_that_forgets_its_state_departs():
    class Forgetful(torch.optim.AdamW):
        @torch.no_grad()
        def step(self, closure=None):
            super().step()
            self.state.clear()

    net = runs.network()
    opt = Forgetful(runs.groups(net), lr=1e-2)
    with shadow(opt, on_departure="collect") as watch:
        runs.train(net, opt, 2)
    assert leaves(watch) == WEIGHTS | BIASES


# -- bad use --------------------------------------------------------------------------------------

BAD = [
    ({"hyper": {"lr": 0.1}}, "hyper has lr: wdref's words are learning_rate, beta1, beta2, eps, "
                             "momentum, dampening, weight_decay, clip"),
    ({"hyper": [{"weight_decay": 0.1}]}, "hyper has 1 groups, the optimizer 2"),
    ({"hyper": [{}, {"lr": 0.1}]}, "hyper has lr: wdref's words are learning_rate, beta1, beta2, "
                                   "eps, momentum, dampening, weight_decay, clip"),
    ({"hyper": 3}, "hyper=3: expected a mapping, or one a parameter group"),
    ({"hyper": "lr"}, "hyper='lr': expected a mapping, or one a parameter group"),
    ({"first_step": 0}, "first_step=0: expected a whole number >= 1"),
    ({"slots": {"mu": "exp_avg"}}, "slots has mu: expected m, v, v_max and their keys"),
]  # fmt: skip


@pytest.mark.parametrize(("options", "message"), BAD)
def test_bad_options(options, message):
    opt = torch.optim.AdamW(runs.groups(runs.network()), lr=1e-2)
    with pytest.raises((ValueError, TypeError), match=rf"\A{re.escape(message)}\Z"):
        shadow(opt, **options)


@pytest.mark.parametrize(
    ("name", "theirs", "value"), [("learning_rate", "lr", 1e-3), ("weight_decay", None, 0.2)]
)
def test_one_number_for_groups_that_differ_is_refused(name, theirs, value):
    rows = runs.groups(runs.network())
    rows[1][theirs or name] = value
    first = 0.01 if theirs else 0.1
    text = (
        f"one {name} in hyper for groups that have {first} and {value}: give one mapping a "
        "group, hyper=[{…}, {…}]"
    )
    with pytest.raises(ValueError, match=rf"\A{re.escape(text)}\Z"):
        shadow(torch.optim.AdamW(rows, lr=1e-2), hyper={name: 1e-2})


def test_slots_that_lack_one():
    net = runs.network()
    opt = runs.wide(net)
    with (
        shadow(opt, claim="adamw", slots={"m": "first"}, counter="n"),
        pytest.raises(ValueError, match="slots lacks v: say where the optimizer's state has it"),
    ):
        runs.train(net, opt, 1)


def test_a_group_that_is_added_later():
    net = runs.network()
    rows = runs.groups(net)
    opt = torch.optim.AdamW(rows[:1], lr=1e-2)
    with shadow(opt, hyper=[{}]):
        opt.add_param_group(rows[1])
        with pytest.raises(ValueError, match=r"param_groups\[1\] is one more"):
            runs.train(net, opt, 1)


def test_a_group_without_decay_that_is_added_later_is_not_accused():
    net = runs.network()
    rows = runs.groups(net)
    opt = torch.optim.AdamW(rows[:1], lr=1e-2, weight_decay=0.1)
    with shadow(opt, hyper={"weight_decay": 0.1}, on_departure="raise") as watch:
        opt.add_param_group(rows[1])
        runs.train(net, opt, 2)
    assert watch.leaves == WEIGHTS | BIASES


def test_a_function_that_gives_no_rate():
    with pytest.raises(ValueError, match=r"learning_rate\(1\)=-1: expected a finite number >= 0"):
        watched({"learning_rate": lambda t: -1})
