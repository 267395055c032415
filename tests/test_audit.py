"""The audit of torch optimizers: each model is reported as it is, and left as it is."""

import copy
import random

import numpy as np
import pytest
from audit_runs import DECAY, RATE, Transformer, adamw, forms, groups, named, small, torch, trained

import wdref
import wdref.oracle.audit


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)


# -- five models ------------------------------------------------------------------------------


@pytest.mark.parametrize("steps", [0, 3])
def test_the_usual_split(steps):
    net = Transformer()
    audit = wdref.audit(trained(net, adamw(net), steps), names=net.named_parameters())
    assert forms(audit) == {
        n: "none" if small(n) else "decoupled" for n, _ in net.named_parameters()
    }
    for row in audit.rows:
        assert row.decay == pytest.approx(0.0 if small(row.name) else RATE * DECAY, rel=1e-6)
        assert (row.rate, row.groups) == (RATE, ("1",) if small(row.name) else ("0",))
        assert row.shape == tuple(net.get_parameter(row.name).shape)
    assert (audit.findings, audit.notes) == ((), ())
    decaying = sum(p.numel() for n, p in net.named_parameters() if not small(n))
    assert audit.summary["share"] == decaying / sum(p.numel() for p in net.parameters())
    assert audit.summary["decaying_norms"] == audit.summary["decaying_biases"] == 0
    assert audit.summary["decaying_embeddings"] == 1


@pytest.mark.parametrize("by", ["names", "model"])
def test_a_split_that_a_renamed_norm_breaks(by):
    net = Transformer(norm="gain")
    given = {"names": net.named_parameters()} if by == "names" else {"model": net}
    audit = wdref.audit(adamw(net), **given)
    renamed = {"h.0.gain.weight", "h.1.gain.weight"}
    assert named(audit) == {"split": renamed}
    assert {n for n, form in forms(audit).items() if form != "none"} >= renamed
    assert {r.kind for r in audit.rows if r.name in renamed} == {
        "vector" if by == "names" else "norm"
    }
    assert "it may be meant" in str(audit.findings[0])


def test_tied_weights_are_one_row_with_both_names():
    net = Transformer(tied=True)
    audit = wdref.audit(adamw(net), model=net)
    assert audit.rows[0].names == ("wte.weight", "head.weight")
    assert audit.rows[0].kind == "embedding"
    assert len(audit.rows) == len(list(net.parameters()))
    assert audit.rows[0].decay == pytest.approx(RATE * DECAY, rel=1e-6)
    assert audit.findings == ()


def test_a_parameter_in_no_group():
    net = Transformer()
    own = groups(net)
    own[0]["params"] = [p for p in own[0]["params"] if p is not net.head.weight]
    optimizer = torch.optim.AdamW(own, lr=RATE)
    audit = wdref.audit(optimizer, names=net.named_parameters())
    assert named(audit) == {"no-group": {"head.weight"}}
    assert audit.summary["in_no_group"] == 1
    row = audit.rows[-1]
    assert (row.name, row.groups, row.form, row.decay, row.rate) == (
        "head.weight",
        (),
        "none",
        None,
        None,
    )


@pytest.mark.parametrize("rate", [RATE, 0.02])
def test_bfloat16_loses_a_decay_below_half_a_unit(rate):
    """1 - 2⁻⁹ is where half a unit of bfloat16 begins: 1e-4 is lost everywhere, 2e-3 in part."""
    net = Transformer().bfloat16()
    audit = wdref.audit(torch.optim.AdamW(groups(net), lr=rate), names=net.named_parameters())
    decaying = [row for row in audit.rows if not small(row.name)]
    assert named(audit) == {"lost": {row.name for row in decaying}}
    for row in decaying:
        assert row.decay == pytest.approx(rate * DECAY, rel=1e-6)
        theta = net.get_parameter(row.name).detach().flatten()
        after = (theta * (1 - rate * DECAY)).to(torch.bfloat16)
        assert row.lost == pytest.approx(float((after == theta).float().mean()))
        kept = (theta.double().abs() - after.double().abs()).sum() / theta.double().abs().sum()
        assert row.kept == pytest.approx(float(kept))


def test_master_weights_lose_nothing():
    class Master(torch.optim.SGD):
        @torch.no_grad()
        def step(self, closure=None):
            for group in self.param_groups:
                for p in group["params"]:
                    own = self.state[p].setdefault("master", p.float().clone())
                    own.mul_(1 - group["lr"] * group["weight_decay"])
                    p.copy_(own)

    net = Transformer().bfloat16()
    optimizer = Master(groups(net), lr=RATE)
    for _ in range(2):
        audit = wdref.audit(optimizer, names=net.named_parameters())
        assert audit.findings == ()
        row = audit.rows[0]
        assert (row.form, row.lost) == ("either", 0.0)
        assert row.decay == pytest.approx(RATE * DECAY, abs=2.0**-23)  # it computes in float32
        assert "master" in row.note
        optimizer.step()


# -- left as it is ----------------------------------------------------------------------------


def bits(x):
    if isinstance(x, torch.Tensor):
        return x.dtype, tuple(x.shape), x.detach().reshape(-1).view(torch.uint8).tolist()
    if isinstance(x, dict):
        return {key: bits(value) for key, value in x.items()}
    return [bits(value) for value in x] if isinstance(x, list | tuple) else x


class Draws(torch.optim.AdamW):
    """Draws from every generator, prints and warns in a step."""

    def step(self, closure=None):
        torch.rand(3), np.random.random(), random.random()  # noqa: NPY002  # what users' steps do
        print("a step")
        import warnings

        warnings.warn("a step", stacklevel=2)
        return super().step(closure)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("steps", [0, 3])
def test_nothing_is_changed(dtype, steps, capsys):
    net = Transformer(tied=True).to(dtype)
    optimizer = trained(net, torch.optim.AdamW(groups(net), lr=RATE, amsgrad=True), steps)
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda t: 1 / (t + 1))
    hooked = []
    optimizer.register_step_pre_hook(lambda *_: hooked.append(1))
    optimizer.__class__ = Draws
    step = optimizer.step

    def everything():
        grads = [None if p.grad is None else bits(p.grad) for p in net.parameters()]
        own = copy.deepcopy([bits(optimizer.state_dict()), bits(net.state_dict()), grads])
        legacy = [x.tolist() if hasattr(x, "tolist") else x for x in np.random.get_state()]  # noqa: NPY002  # likewise
        return [*own, bits(torch.get_rng_state()), random.getstate(), legacy, scheduler.last_epoch]

    before = everything()
    audit = wdref.audit(optimizer, model=net)
    assert everything() == before
    assert (hooked, optimizer.step) == ([], step)
    assert capsys.readouterr() == ("", "")
    assert audit.rows[0].decays


def test_a_step_that_writes_elsewhere_is_told():
    net = Transformer()
    own = list(net.parameters())

    class Elsewhere(torch.optim.AdamW):
        @torch.no_grad()
        def step(self, closure=None):
            own[0].mul_(0.9)

    with pytest.raises(wdref.oracle.audit.AuditError, match="wrote to the optimizer itself"):
        wdref.audit(Elsewhere(net.parameters()))


# -- large and bad ----------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["AdamW", "Adafactor", "SGD"])
def test_large_tensors_are_sampled_and_said_to_be(name):
    net = torch.nn.Linear(3000, 500)
    optimizer = getattr(torch.optim, name)(net.parameters(), lr=RATE, weight_decay=DECAY)
    for _ in range(2):
        audit = wdref.audit(optimizer, model=net, memory=1e-4, sample=64)
        assert "2 of 2 tensors were sampled, up to 64 elements each" in audit.notes[0]
        assert [row.decay for row in audit.rows] == pytest.approx([RATE * DECAY] * 2, rel=1e-6)
        for p in net.parameters():
            p.grad = torch.ones_like(p)
        optimizer.step()


def test_copies_stay_within_their_memory(monkeypatch):
    """What is copied of ten tensors of 10⁵ elements is ten samples."""
    from wdref.oracle.audit.probes.copies import TorchCopies

    sizes = []
    original = TorchCopies._part

    def part(self, t, p):
        x = original(self, t, p)
        sizes.append(x.numel())
        return x

    monkeypatch.setattr(TorchCopies, "_part", part)
    many = [torch.nn.Parameter(torch.randn(100, 1000)) for _ in range(10)]
    optimizer = torch.optim.AdamW(many, lr=RATE)
    for p in many:
        p.grad = torch.ones_like(p)
    optimizer.step()
    audit = wdref.audit(optimizer, memory=0.0, sample=50)
    assert max(sizes) <= 50
    assert all(row.form == "decoupled" for row in audit.rows)


def test_a_state_of_another_shape_asks_for_a_whole_copy():
    class Flat(torch.optim.SGD):
        @torch.no_grad()
        def step(self, closure=None):
            for p in self.param_groups[0]["params"]:
                own = self.state[p].setdefault("flat", torch.zeros(p.numel() + 1, dtype=p.dtype))
                own[1:].mul_(0.9).add_(p.grad.flatten())
                p.mul_(0.99).sub_(own[1:].view_as(p))

    net = torch.nn.Linear(300, 50, bias=False)
    optimizer = Flat(net.parameters(), lr=RATE)
    net.weight.grad = torch.ones_like(net.weight)
    optimizer.step()
    row = wdref.audit(optimizer, model=net, memory=7e-4, sample=50).rows[0]
    assert (row.form, row.decay) == ("decoupled", pytest.approx(0.01, rel=1e-4))
    row = wdref.audit(optimizer, model=net, memory=1e-5, sample=50).rows[0]
    assert row.form == "unknown"
    assert "give more memory" in row.note


class Locked(torch.optim.AdamW):
    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        import threading

        self.lock = threading.Lock()


class Refuses(torch.optim.AdamW):
    def __deepcopy__(self, memo):
        raise TypeError("no copies of me")


class Raises(torch.optim.AdamW):
    def step(self, closure=None):
        raise RuntimeError("first line\nsecond line")


@pytest.mark.parametrize(
    ("cls", "message"),
    [
        (Locked, r"Locked cannot be copied, its attribute 'lock' refuses copy.deepcopy: TypeError: "
                 r".*; audit an optimizer without it, or give its class a __deepcopy__"),
        (Refuses, r"Refuses cannot be copied, it refuses copy.deepcopy: TypeError: no copies"),
        (Raises, r"Raises cannot be stepped with zero gradients: RuntimeError: first line$"),
    ],
)  # fmt: skip
def test_what_cannot_be_copied_or_stepped(cls, message):
    with pytest.raises(wdref.oracle.audit.AuditError, match=message) as caught:
        wdref.audit(cls(Transformer().parameters()))
    assert "\n" not in str(caught.value)


def test_an_optimizer_that_wants_a_closure():
    net = Transformer()
    audit = wdref.audit(torch.optim.LBFGS(net.parameters()), model=net)
    assert set(forms(audit).values()) == {"none"}
    assert audit.notes == ("LBFGS steps with a closure: it got one whose loss is 0",)


def test_numbers_that_are_not_finite():
    net = Transformer()
    optimizer = trained(net, adamw(net))
    with torch.no_grad():
        net.wte.weight[3, 2] = float("nan")
        net.wte.weight[4, 1] = 0.0
    optimizer.state[net.head.weight]["exp_avg"].fill_(float("inf"))
    rows = {row.name: row for row in wdref.audit(optimizer, model=net).rows}
    assert rows["wte.weight"].decay == pytest.approx(RATE * DECAY, rel=1e-6)
    assert rows["head.weight"].form == "unknown"
    assert "not finite" in rows["head.weight"].note


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"names": ["wte"]}, "expected pairs of a name and a tensor"),
        ({"params": {}}, "params is for optax"),
        ({"rate": 0.1}, "rate is for optax"),
        ({"sample": 1}, "sample=1: expected a whole number >= 2"),
        ({"memory": -1}, "memory=-1: expected a finite number >= 0"),
    ],
)
def test_wrong_arguments(given, message):
    with pytest.raises(ValueError, match=message):
        wdref.audit(adamw(Transformer()), **given)


@pytest.mark.parametrize("thing", [None, 3, object(), Transformer()])
def test_what_is_no_optimizer(thing):
    with pytest.raises(wdref.oracle.audit.AuditError, match="is none of them"):
        wdref.audit(thing)
