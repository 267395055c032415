"""The shadow of rules that look at a whole tensor or tree, in torch: clips by a norm, LAMB, …"""

import re
import runpy
from pathlib import Path
from types import SimpleNamespace

import pytest

import wdref
from wdref.oracle import shadow
from wdref.oracle.watch.torch import hooks

torch = pytest.importorskip("torch", reason="torch, installed by the extra `frameworks`")
pytest.importorskip("flint", reason="ball arithmetic, installed by the extra `oracle`")
runs = SimpleNamespace(**runpy.run_path(str(Path(__file__).with_name("shadow_runs.py"))))

one_thread = runs.one_thread
BOUND, STEP = 0.05, 5
LEAVES = {"0.weight", "0.bias", "2.weight", "2.bias"}
clip_norm = torch.nn.utils.clip_grad_norm_


# -- a clip before the step -----------------------------------------------------------------------


def right(params, step):
    """Clip by the norm of all gradients, as trainings do."""
    clip_norm(params, BOUND)


def clipped(
    clip=right, name="AdamW", *, dtype="float32", steps=8, by="tree", watching=True, **settings
):
    """Train with a clip before each step; return the watch and the network."""
    net = runs.network(dtype)
    opt = getattr(torch.optim, name)(runs.groups(net), lr=1e-2, **runs.OPTIMIZERS[name], **settings)
    options = {"clip": BOUND, "clip_by": by, "sample": 50, "on_departure": "collect"}
    watch = shadow(opt, **options) if watching else None
    for step in range(1, steps + 1):
        opt.zero_grad()
        runs.loss_of(net, step).backward()
        if watch:
            watch.unclipped()
        clip(list(net.parameters()), step)
        opt.step()
    if watch:
        watch.close()
    return watch, net


# SGD's fused step leaves half precision where it is: docs/findings.md
RIGHT = [("AdamW", "float32"), ("AdamW", "float64"), ("AdamW", "bfloat16"), ("SGD", "float32")]


@pytest.mark.parametrize("implementation", runs.IMPLEMENTATIONS)
@pytest.mark.parametrize(("name", "dtype"), RIGHT)
def test_a_right_clip_reports_nothing(name, implementation, dtype):
    watch, _ = clipped(name=name, dtype=dtype, **runs.IMPLEMENTATIONS[implementation])
    assert (watch.departures, watch.undecided, watch.watched) == ([], 0, 8)
    assert watch.leaves == LEAVES


@pytest.mark.parametrize("clip", [
    lambda params, step: [clip_norm([p], BOUND) for p in params],
    lambda params, step: torch.nn.utils.clip_grad_value_(params, BOUND),
], ids=["tensor", "gradient"])  # fmt: skip
def test_other_clips_are_right_where_they_are_told(clip, request):
    by = request.node.callspec.id
    assert clipped(clip, by=by)[0].departures == []
    assert {d.leaf for d in clipped(clip)[0].departures} == LEAVES  # told as the tree's


def test_the_training_keeps_its_bits():
    nets = [clipped(watching=watching)[1] for watching in (True, False)]
    pairs = zip(*(net.parameters() for net in nets), strict=True)
    assert all(torch.equal(x, y) for x, y in pairs)


def scaled_by(norm):
    """A clip by another norm of the gradients."""

    def clip(params, step):
        if step != STEP:
            return right(params, step)
        factor = BOUND / (norm([p.grad for p in params]) + 1e-6)
        return [p.grad.mul_(factor.clamp(max=1.0)) for p in params]

    return clip


def per_tensor(params, step):
    for group in [[p] for p in params] if step == STEP else [params]:
        clip_norm(group, BOUND)


WRONG = {
    "per tensor": (per_tensor, "clip=tensor, not tree"),
    "absolute values": (scaled_by(lambda gs: sum(g.abs().sum() for g in gs)),
                        "a norm of absolute values"),
    "without a tensor": (scaled_by(lambda gs: sum((g * g).sum() for g in gs[:-1]).sqrt()),
                         "a sum over the tree without 2.bias"),
    "of squares": (scaled_by(lambda gs: 9 * sum((g * g).sum() for g in gs)), "nothing known"),
    "none": (lambda params, step: step != STEP and right(params, step), "clip=none, not tree"),
}  # fmt: skip


@pytest.mark.parametrize("fault", WRONG)
def test_a_clip_by_another_norm_is_told_where_it_is(fault):
    clip, words = WRONG[fault]
    watch, net = clipped(clip)
    first = watch.first
    assert {d.step for d in watch.departures} == {STEP}
    assert {d.leaf for d in watch.departures} == LEAVES
    (shape,) = [p.shape for name, p in net.named_parameters() if name == first.leaf]
    assert all(0 <= i < n for i, n in zip(first.coordinate, shape, strict=True))
    assert any(words in d.closest for d in watch.departures)


def test_what_is_added_to_the_norm_counts():
    """1e-6 is seen in float64, where a clip without it departs."""

    def bare(params, step):
        norm = sum((p.grad * p.grad).sum() for p in params).sqrt()
        [p.grad.mul_(BOUND / norm) for p in params if norm > BOUND]

    assert clipped(bare, dtype="float64")[0].departures != []
    net = runs.network("float64")
    opt = torch.optim.AdamW(net.parameters(), lr=1e-2)
    with shadow(opt, clip=BOUND, clip_by="tree", on_departure="raise") as watch:
        for step in range(3):
            opt.zero_grad()
            runs.loss_of(net, step).backward()
            watch.unclipped(eps=0.0)
            bare(list(net.parameters()), step)
            opt.step()
    assert watch.watched == 3


@pytest.mark.parametrize("implementation", ["foreach", "fused"])
def test_gradients_that_are_scaled_and_accumulated(implementation):
    net = runs.network()
    opt = torch.optim.AdamW(net.parameters(), lr=1e-2, **runs.IMPLEMENTATIONS[implementation])
    scaler = torch.amp.GradScaler("cpu", init_scale=1024.0, growth_interval=5)
    with shadow(opt, clip=BOUND, clip_by="tree", on_departure="raise") as watch:
        for step in range(10):
            opt.zero_grad()
            for half in (0, 1):
                scaler.scale(runs.loss_of(net, 2 * step + half)).backward()
            if step == 4:
                net[0].weight.grad[0, 0] = torch.inf
            scaler.unscale_(opt)
            watch.unclipped()
            if step != 4:  # whose norm is no number
                clip_norm(net.parameters(), BOUND)
            scaler.step(opt)
            scaler.update()
    # without fused, torch does not even call a step that is skipped
    assert watch.seen == (10 if implementation == "fused" else 9)
    assert (watch.judged > 0, watch.undecided) == (True, 0)


def test_a_clip_inside_of_a_closure():
    net = runs.network()
    opt = torch.optim.AdamW(net.parameters(), lr=1e-2)

    def closure():
        opt.zero_grad()
        loss = runs.loss_of(net, 1)
        loss.backward()
        watch.unclipped()
        clip_norm(net.parameters(), BOUND)
        return loss

    with shadow(opt, clip=BOUND, clip_by="tree", on_departure="raise", every=2) as watch:
        for _ in range(3):
            opt.step(closure)
    assert (watch.seen, watch.watched) == (3, 2)


def test_a_tensor_without_a_gradient_is_no_part_of_the_norm():
    net = runs.network()
    opt = torch.optim.AdamW(net.parameters(), lr=1e-2)
    with shadow(opt, clip=BOUND, clip_by="tree", on_departure="raise") as watch:
        for step in range(6):
            opt.zero_grad()
            runs.loss_of(net, step).backward()
            if step % 2:
                net[0].weight.grad = None
            watch.unclipped()
            right(list(net.parameters()), step)
            opt.step()
    assert len(watch.leaves) == 4


def test_a_step_of_many_numbers_is_told_without_a_name(monkeypatch):
    monkeypatch.setattr(hooks, "KEPT", 0)
    watch, _ = clipped(per_tensor)
    assert {d.leaf for d in watch.departures} == LEAVES
    assert all(d.closest.startswith("not named: more than") for d in watch.departures)


def test_without_being_told_a_clip_needs_nothing():
    net = runs.network()
    opt = torch.optim.AdamW(net.parameters(), lr=1e-2)
    with shadow(opt, on_departure="raise") as watch:
        runs.train(net, opt, 5, before=lambda step: clip_norm(net.parameters(), BOUND))
    assert watch.watched == 5


# -- optimizers that sum --------------------------------------------------------------------------

RATE = {"learning_rate": 1e-2, "weight_decay": 0.1}
OURS = {
    "AdamW": lambda: wdref.AdamW(**RATE, clip=BOUND, clip_by="tree"),
    "SGD": lambda: wdref.SGD(**RATE, momentum=0.9, clip=BOUND, clip_by="tensor_sum"),
    "LAMB": lambda: wdref.LAMB(**RATE),
    "LARS": lambda: wdref.LARS(**RATE, momentum=0.9),
    "NovoGrad": lambda: wdref.NovoGrad(**RATE),
    "StableAdamW": lambda: wdref.StableAdamW(**RATE),
    "Fromage": lambda: wdref.Fromage(learning_rate=1e-2),
    "MARS": lambda: wdref.MARS(**RATE),
    "CautiousAdamW": lambda: wdref.CautiousAdamW(**RATE),
    "CautiousLion": lambda: wdref.CautiousLion(**RATE),
    "Prodigy": lambda: wdref.Prodigy(weight_decay=0.1),
    "DoG": lambda: wdref.DoG(weight_decay=0.1),
    "DAdaptAdamW": lambda: wdref.DAdaptAdamW(weight_decay=0.1),
    "Lion": lambda: wdref.Lion(**RATE),
}


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("name", OURS)
def test_wdref_s_own_optimizers_say_what_they_are(name, dtype):
    net = runs.network(dtype)
    opt = wdref.interchange.torch_optimizer(OURS[name](), net.parameters())
    with shadow(opt, on_departure="raise", sample=50) as watch:
        runs.train(net, opt, 6, schedule=lambda step: 1 - step / 20)
    assert (watch.watched, watch.undecided) == (6, 0)


def test_groups_of_wdref_s_own():
    made = wdref.LAMB(**RATE, groups={"*.bias": {"weight_decay": 0.0}})
    net = runs.network()
    opt = wdref.interchange.torch_optimizer(made, net.named_parameters())
    with shadow(opt, on_departure="raise") as watch:
        runs.train(net, opt, 4)
    assert watch.leaves == LEAVES


class Lamb(torch.optim.Optimizer):
    """A LAMB as people write it; `wrong` changes one thing in its fifth step."""

    def __init__(self, params, wrong="", **defaults):
        super().__init__(params, defaults)
        self.wrong, self.steps = wrong, 0

    @torch.no_grad()
    def step(self):
        self.steps += 1
        wrong = self.wrong if self.steps == STEP else ""
        for group in self.param_groups:
            (b1, b2), lam = group["betas"], group["weight_decay"]
            for p in group["params"]:
                s = self.state[p]
                if not s:
                    s |= {"n": 0, "m": torch.zeros_like(p), "v": torch.zeros_like(p)}
                s["n"] += 1
                s["m"].mul_(b1).add_(p.grad, alpha=1 - b1)
                s["v"].mul_(b2).addcmul_(p.grad, p.grad, value=1 - b2)
                m, v = s["m"] / (1 - b1 ** s["n"]), s["v"] / (1 - b2 ** s["n"])
                u = m / (v.sqrt() + group["eps"])
                outside = lam * p if wrong == "outside" else 0.0
                u = u if wrong == "outside" else u + lam * p
                size = p.grad.norm() if wrong == "norm of g" else u.norm()
                if wrong == "root mean square":
                    size = u.square().mean().sqrt()
                ratio = p.norm() / size if p.norm() > 0 and size > 0 else 1.0
                p.sub_(group["lr"] * (ratio * u + outside))


def watched_lamb(wrong="", dtype="float32", **options):
    net = runs.network(dtype)
    opt = Lamb(runs.groups(net), wrong, lr=1e-2, betas=(0.9, 0.99), eps=1e-6)
    told = {"claim": "lamb", "convention": "paper", "slots": {"m": "m", "v": "v"}, "counter": "n"}
    with shadow(opt, **told, on_departure="collect", sample=50, **options) as watch:
        runs.train(net, opt, 8)
    return watch


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_right_lamb_reports_nothing(dtype):
    watch = watched_lamb(dtype=dtype)
    assert (watch.departures, watch.undecided, watch.watched) == ([], 0, 8)


WRONG_LAMBS = {
    "outside": ({"0.weight", "2.weight"}, "the decay is taken outside the trust ratio"),
    "norm of g": (LEAVES, "the gradient's norm in sum 2 of 2"),
    "root mean square": (LEAVES, "a mean in place of a sum in sum 2 of 2"),
}


@pytest.mark.parametrize("wrong", WRONG_LAMBS)
def test_a_wrong_lamb_is_told_where_it_is(wrong):
    watch = watched_lamb(wrong)
    leaves, words = WRONG_LAMBS[wrong]
    assert {(d.leaf, d.step) for d in watch.departures} == {(x, STEP) for x in leaves}
    assert any(words in d.closest for d in watch.departures)
    assert sum(watch.repeated.values()) == 0


def test_a_shorter_chain_of_additions_makes_the_radius_smaller():
    ratios = [watched_lamb("norm of g", chain=chain).worst_ratio for chain in (1, 100)]
    assert ratios[0] > ratios[1]


# -- what is refused ------------------------------------------------------------------------------


def test_what_cannot_be_watched_is_refused():
    net = runs.network()
    ours = wdref.interchange.torch_optimizer
    bad = {
        "a shadow reads sums of whole tensors: adafactor sums along rows and columns":
            lambda: shadow(ours(wdref.Adafactor(weight_decay=0.0), net.parameters())),
        "a shadow reads sums of whole tensors: sm3 asks for the largest number of each row and "
        "column":
            lambda: shadow(ours(wdref.SM3(**RATE), net.parameters())),
        "clip_by='tree' without a bound: give clip=1.0 too":
            lambda: shadow(torch.optim.AdamW(net.parameters()), clip_by="tree"),
        'unclipped: this watch knows of no clip: clip=1.0, clip_by="tree"':
            lambda: shadow(torch.optim.AdamW(net.parameters())).unclipped(),
        "lamb is not torch's: say where the optimizer's state has m, v, slots={'m': …, 'v': …}":
            lambda: shadow(Lamb(net.parameters(), lr=1.0), claim="lamb", convention="paper"),
        "clip=0: expected a finite number > 0":
            lambda: shadow(torch.optim.AdamW(net.parameters()), clip=0, clip_by="tree"),
        "chain=0: expected a whole number >= 1":
            lambda: shadow(torch.optim.AdamW(net.parameters()), chain=0),
    }  # fmt: skip
    for message, made in bad.items():
        with pytest.raises(ValueError, match=rf"\A{re.escape(message)}\Z"):
            made()


def test_a_sum_over_all_tensors_needs_all_of_them():
    table = torch.nn.Embedding(10, 4, sparse=True)
    opt = torch.optim.SGD(table.parameters(), lr=0.1)
    text = "a sum over all tensors has table, which is not judged: its gradient is sparse"
    names = [("table", table.weight)]
    table(torch.tensor([1, 2])).sum().backward()
    with shadow(opt, clip=1.0, clip_by="tree", names=names), pytest.raises(ValueError, match=text):
        opt.step()


def test_a_part_of_a_tensor_tells_no_sum():
    net = runs.network()
    opt = torch.optim.AdamW(net.parameters(), lr=1e-2)
    net[0].weight.to_local = lambda: net[0].weight.detach()  # as DTensor has it
    runs.loss_of(net, 1).backward()
    text = r"0.weight is in shards \(DTensor\): a part of it tells no sum of it"
    names = list(net.named_parameters())
    with shadow(opt, clip=1.0, clip_by="tree", names=names), pytest.raises(ValueError, match=text):
        opt.step()
    with shadow(opt, names=names, on_departure="raise") as watch:
        opt.step()
    assert watch.judged > 0
