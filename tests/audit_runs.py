"""What tests of the audit of torch share: a small transformer, its usual groups, and a training."""

import pytest

torch = pytest.importorskip("torch", reason="torch, installed by the extra `frameworks`")

RATE, DECAY = 1e-3, 0.1


class Block(torch.nn.Module):
    def __init__(self, width, norm):
        super().__init__()
        self.add_module(norm, torch.nn.LayerNorm(width))
        self.qkv = torch.nn.Linear(width, 3 * width)
        self.proj = torch.nn.Linear(width, width)
        self.norm = norm

    def forward(self, x):
        q, k, v = self.qkv(getattr(self, self.norm)(x)).chunk(3, -1)
        return x + self.proj(torch.softmax(q @ k.transpose(-1, -2), -1) @ v)


class Transformer(torch.nn.Module):
    """Two blocks of attention; `norm` is what the blocks call theirs."""

    def __init__(self, *, norm="ln", tied=False, width=8, tokens=20):
        super().__init__()
        self.wte = torch.nn.Embedding(tokens, width)
        self.h = torch.nn.Sequential(Block(width, norm), Block(width, norm))
        self.ln_f = torch.nn.LayerNorm(width)
        self.head = torch.nn.Linear(width, tokens, bias=False)
        if tied:
            self.head.weight = self.wte.weight

    def forward(self, tokens):
        return self.head(self.ln_f(self.h(self.wte(tokens))))


def small(name):
    return "ln" in name or name.endswith("bias")


def groups(net):
    """The split that most trainings have, by name."""
    named = list(net.named_parameters())
    return [
        {"params": [p for n, p in named if not small(n)], "weight_decay": DECAY},
        {"params": [p for n, p in named if small(n)], "weight_decay": 0.0},
    ]


def trained(net, optimizer, steps=3):
    for _ in range(steps):
        optimizer.zero_grad()
        net(torch.arange(16).reshape(2, 8)).float().square().mean().backward()
        optimizer.step()
    return optimizer


def adamw(net, **options):
    return torch.optim.AdamW(groups(net), lr=RATE, **options)


def forms(audit):
    return {row.name: row.form for row in audit.rows}


def named(audit):
    return {finding.name: set(finding.parameters) for finding in audit.findings}
