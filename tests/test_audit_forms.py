"""The forms that the audit names in torch optimizers, and what it finds in them."""

import pytest
from audit_runs import DECAY, RATE, Transformer, adamw, forms, groups, named, small, torch, trained

import wdref


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)


# -- forms ------------------------------------------------------------------------------------

FORMS = {
    "AdamW": ("decoupled", {}),
    "AdamW fused": ("decoupled", {"fused": True}),
    "AdamW amsgrad": ("decoupled", {"amsgrad": True}),
    "Adam": ("l2", {}),
    "NAdam decoupled": ("decoupled", {"decoupled_weight_decay": True}),
    "NAdam": ("l2", {}),
    "RAdam": ("l2", {}),
    "RMSprop": ("l2", {}),
    "Adagrad": ("l2", {}),
    "Adadelta": ("l2", {}),
    "Adamax": ("l2", {}),
    "Adafactor": ("decoupled", {}),
    "SGD": ("either", {}),
    "SGD momentum": ("l2", {"momentum": 0.9}),
    "SGD nesterov": ("l2", {"momentum": 0.5, "nesterov": True}),
    "ASGD": ("either", {}),
}


@pytest.mark.parametrize("steps", [0, 3])
@pytest.mark.parametrize("name", FORMS)
def test_the_form_of_torchs_own(name, steps):
    """Constant norms and zero biases are no excuse: nor is a state that has begun."""
    form, options = FORMS[name]
    net = Transformer()
    cls = getattr(torch.optim, name.partition(" ")[0], None)
    if cls is None:
        pytest.skip(f"{name} came with a later PyTorch")
    optimizer = trained(net, cls(net.parameters(), lr=1e-2, weight_decay=DECAY, **options), steps)
    audit = wdref.audit(optimizer, model=net)
    assert set(forms(audit).values()) == {form}
    if form != "l2":
        extra = 1e-2 * 1e-4 if name == "ASGD" else 0.0  # its own lambd
        assert [r.decay for r in audit.rows] == pytest.approx(
            [1e-2 * DECAY + extra] * len(audit.rows), rel=1e-4
        )


def test_a_fresh_adam_moves_by_its_rate_whatever_the_decay():
    """λθ / √(λθ)² is a sign: the share of θ that it takes is α / |θ|."""
    net = Transformer()
    audit = wdref.audit(torch.optim.Adam(net.parameters(), lr=RATE, weight_decay=DECAY), model=net)
    row = audit.rows[0]
    theta = net.wte.weight.detach().abs()
    assert row.low == pytest.approx(RATE / float(theta.max()), rel=1e-3)
    assert row.high == pytest.approx(RATE / float(theta.min()), rel=1e-2)  # ε shows in the least
    assert "l2" in named(audit)


def test_a_decay_that_no_group_says():
    net = Transformer()
    audit = wdref.audit(torch.optim.ASGD(net.parameters(), lr=1e-2, lambd=0.5), model=net)
    assert "done-not-said" in named(audit)
    assert audit.rows[0].decay == pytest.approx(5e-3, rel=1e-6)


def test_a_decay_that_is_said_and_not_done():
    class Forgets(torch.optim.AdamW):
        def step(self, closure=None):
            kept = [group["weight_decay"] for group in self.param_groups]
            for group in self.param_groups:
                group["weight_decay"] = 0.0
            super().step(closure)
            for group, own in zip(self.param_groups, kept, strict=True):
                group["weight_decay"] = own

    net = Transformer()
    audit = wdref.audit(Forgets(groups(net), lr=RATE), model=net)
    assert named(audit) == {"said-not-done": {n for n, _ in net.named_parameters() if not small(n)}}


def test_a_wrong_sign_and_a_weight_left_out():
    net = Transformer()
    own = groups(net)
    own[0]["weight_decay"] = 0.0
    own.append({"params": [own[0]["params"].pop()], "weight_decay": DECAY})
    audit = wdref.audit(torch.optim.AdamW(own, lr=RATE), model=net)
    assert named(audit) == {"weight-left-out": {n for n, _ in net.named_parameters()
                                               if not small(n) and n[:2] == "h."}}  # fmt: skip
    optimizer = torch.optim.AdamW(groups(net), lr=RATE)
    optimizer.param_groups[0]["weight_decay"] = -DECAY
    assert "grows" in named(wdref.audit(optimizer, model=net))


def test_two_groups_and_a_frozen_parameter():
    net = Transformer()
    optimizer = adamw(net)
    optimizer.param_groups[1]["params"].append(net.head.weight)
    net.wte.weight.requires_grad_(False)
    audit = wdref.audit(optimizer, model=net)
    assert named(audit) == {"two-groups": {"head.weight"}, "frozen": {"wte.weight"}}
    assert forms(audit)["wte.weight"] == "none"
    assert audit.rows[-1].groups == ("0", "1")


def test_a_rate_of_0_hides_no_form():
    net = Transformer()
    optimizer = adamw(net)
    torch.optim.lr_scheduler.LambdaLR(optimizer, lambda t: t / 10)
    audit = wdref.audit(optimizer, model=net)
    row = audit.rows[0]
    assert (row.form, row.decay, row.rate) == ("decoupled", 0.0, 0.0)
    assert "0.0001" in row.note
    assert optimizer.param_groups[0]["lr"] == 0.0


def test_names_without_names():
    net = Transformer()
    assert wdref.audit(adamw(net)).rows[0].name == "param_groups[0]['params'][0]"
    optimizer = torch.optim.AdamW(list(net.named_parameters()), lr=RATE)
    if "param_names" in optimizer.param_groups[0]:
        assert wdref.audit(optimizer).rows[0].name == "wte.weight"
