"""The shadow of torch trainings: each fault where it is, and how it is told."""

import re
import runpy
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

import wdref.oracle
from wdref.backend import load
from wdref.oracle import shadow
from wdref.oracle.watch.watch import DepartureError, DepartureWarning

torch = pytest.importorskip("torch", reason="torch, installed by the extra `frameworks`")
pytest.importorskip("flint", reason="ball arithmetic, installed by the extra `oracle`")
runs = SimpleNamespace(**runpy.run_path(str(Path(__file__).with_name("shadow_runs.py"))))


one_thread = runs.one_thread


@pytest.mark.parametrize("implementation", runs.IMPLEMENTATIONS)
@pytest.mark.parametrize("fault", runs.FAULTS, ids=lambda fault: fault.__name__)
def test_a_planted_fault_is_reported_where_it_is(fault, implementation):
    watch = runs.shadowed_with(fault, **runs.IMPLEMENTATIONS[implementation])
    leaves, words = runs.FAULTS[fault]
    assert {d.leaf for d in watch.departures} == leaves
    assert {d.step for d in watch.departures} == {runs.STEP}
    assert all(words in d.closest for d in watch.departures)
    assert watch.first.ratio > 4
    assert sum(watch.repeated.values()) == 0


COUPLED = runs.decay_skipped, runs.stale_rate, runs.bfloat16_cast, runs.tail_skipped


@pytest.mark.parametrize("name", ["Adam", "SGD"])
@pytest.mark.parametrize("fault", COUPLED, ids=lambda fault: fault.__name__)
def test_also_of_coupled_optimizers(fault, name):
    watch = runs.shadowed_with(fault, name, "float64")
    leaves, words = runs.FAULTS[fault]
    assert {(d.leaf, d.step) for d in watch.departures} == {(x, runs.STEP) for x in leaves}
    assert all(words in d.closest for d in watch.departures)


@pytest.mark.parametrize("implementation", runs.IMPLEMENTATIONS)
def test_a_shared_step_counter(implementation):
    watch = runs.shadowed_with(runs.counter_shared, **runs.IMPLEMENTATIONS[implementation])
    assert {(d.leaf, d.step) for d in watch.departures} == {
        (runs.WEIGHT, runs.STEP),
        ("0.weight", runs.STEP),
    }
    assert all("counter shared with" in d.closest for d in watch.departures)
    # the loop has stepped 0.weight already when its counter goes up for the second time
    early = [d.leaf for d in watch.departures if d.array == "step counter"]
    assert early == (["0.weight"] if implementation == "loop" else [])
    assert watch.first.leaf == runs.WEIGHT or not early
    assert watch.repeated  # it stays shared


def test_a_fault_of_the_first_step():
    class Undecayed(torch.optim.AdamW):
        def step(self, closure=None):
            for group in self.param_groups:
                group["weight_decay"], old = 0.0, group["weight_decay"]
            super().step()
            for group in self.param_groups:
                group["weight_decay"] = old

    net = runs.network()
    with shadow(Undecayed(net.parameters(), lr=1e-2), on_departure="collect") as watch:
        runs.train(net, watch.optimizer, 1)
    assert watch.first.step == 1
    assert "no decay at all" in watch.first.closest


def test_it_moved_without_a_gradient():
    class Eager(torch.optim.AdamW):
        @torch.no_grad()
        def step(self, closure=None):
            super().step()
            for p in self.param_groups[0]["params"]:
                p.mul_(0.99) if p.grad is None else None

    net = runs.network()
    opt = Eager(net.parameters(), lr=1e-2)
    names = net.named_parameters()
    with shadow(opt, on_departure="collect", names=names) as watch:
        runs.train(net, opt, 3, before=lambda step: setattr(net[2].bias, "grad", None))
    assert (watch.first.leaf, watch.first.step) == (runs.BIAS, 1)
    assert watch.first.closest == "it moved though it has no gradient"


def test_a_decay_in_half_precision_with_float32_state():
    net = runs.network("bfloat16")
    opt = runs.wide(net)
    named = {"on_departure": "collect", "names": net.named_parameters()}
    with shadow(opt, **runs.OWN, **named, hyper={"weight_decay": 10.0}) as watch:
        runs.train(net, opt, 1)
    assert {d.step for d in watch.departures} == {1}
    assert "0.weight" in {d.leaf for d in watch.departures}


# -- how it is told -------------------------------------------------------------------------------


def test_the_first_departure_may_raise():
    net = runs.network()
    opt = runs.planted(runs.bfloat16_cast)(runs.groups(net), lr=1e-2)
    with shadow(opt, on_departure="raise", sample=7), pytest.raises(DepartureError) as caught:
        runs.train(net, opt, runs.STEP + 1)
    assert (caught.value.departure.leaf, caught.value.departure.step) == (runs.WEIGHT, runs.STEP)
    assert str(caught.value).startswith(f"step {runs.STEP}: 2.weight[")


def test_a_warning_comes_once_a_leaf():
    net = runs.network()
    opt = runs.planted(runs.counter_shared)(runs.groups(net), lr=1e-2)
    with shadow(opt), pytest.warns(DepartureWarning) as caught:
        runs.train(net, opt, runs.STEP + 5)
    assert len(caught) == 2


def test_the_report_is_one_line_a_leaf():
    watch = runs.shadowed_with(runs.counter_shared)
    head, *lines = watch.report().splitlines()
    assert head.startswith(f"{runs.STEP + 3} of {runs.STEP + 3} steps watched, 4 leaves")
    assert len(lines) == 2
    assert all(f"step {runs.STEP}: " in line and "again in 3 later steps" in line for line in lines)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"on_departure": "stop"}, "on_departure='stop': expected 'raise', 'warn' or 'collect'"),
        ({"sample": 0}, "sample=0: expected a whole number >= 1"),
        ({"every": 0}, "every=0: expected a whole number >= 1"),
        ({"claim": "lamb"}, "has no 'lamb'"),
        ({"convention": "perl"}, "no convention 'perl'"),
    ],
)
def test_bad_options(options, message):
    opt = torch.optim.AdamW(runs.network().parameters())
    with pytest.raises(ValueError, match=message):
        shadow(opt, **options)


def test_an_optimizer_that_claims_nothing():
    with pytest.raises(ValueError, match=r'Rprop is none of torch\'s .*claim="adamw"'):
        shadow(torch.optim.Rprop(runs.network().parameters()))


def test_a_counter_that_is_not_there():
    net = runs.network()
    opt = runs.wide(net)
    watch = shadow(opt, **{**runs.OWN, "counter": "step"}, on_departure="collect")
    runs.train(net, opt, 1)
    with pytest.raises(ValueError, match="state has no 'step'"):
        runs.train(net, opt, 1)
    watch.close()


def test_neither_torch_nor_optax():
    with pytest.raises(TypeError, match="torch optimizers and optax transformations: dict"):
        shadow({})


def test_ball_arithmetic_is_asked_for_at_once(monkeypatch):
    monkeypatch.setitem(sys.modules, "flint", None)
    for name in ("wdref.backends.exact.backend", "wdref.backends.exact.balls"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    load.cache_clear()
    try:
        with pytest.raises(ImportError, match=r"ball arithmetic: pip install 'wdref\[oracle\]'"):
            shadow(torch.optim.AdamW(runs.network().parameters()))
    finally:
        load.cache_clear()


def test_the_page_prints_what_it_says(capsys):
    page = (Path(__file__).resolve().parents[1] / "docs" / "shadow.md").read_text("utf-8")
    source, said = re.search(r"```python\n(.*?)```.*?```text\n(.*?)```", page, re.DOTALL).groups()
    exec(compile(source, "docs/shadow.md", "exec"), {"__name__": "__page__"})

    def words(text):  # the numbers are those of one machine
        return re.sub(r"[\d.e+-]+", "#", text)

    assert words(capsys.readouterr().out) == words(said)


def test_it_is_exported_and_nothing_else_is():
    assert wdref.oracle.shadow is shadow
    with pytest.raises(AttributeError, match="no attribute 'light'"):
        _ = wdref.oracle.light
