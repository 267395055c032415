"""What a shadow costs: a small transformer trained on the CPU, with and without it, in turn.

All trainings clip their gradients by the norm of all; that is judged where the watch is told of it.

The ratios in docs/shadow.md are `python tests/bench/bench_shadow.py`: one training of each kind
after the other in every round, on one thread; the median over the rounds of the CPU time relative
to the unshadowed one of that round, which a busy machine disturbs less than the clock. pytest runs
the same through pytest-benchmark.
"""

import statistics
import sys
import time

import pytest

from wdref.oracle import shadow

torch = pytest.importorskip("torch", reason="torch, installed by the extra `frameworks`")

KINDS = {
    "unshadowed": None,
    "every step": {"every": 1},
    "every step, sample=100": {"every": 1, "sample": 100},
    "every 100th step": {"every": 100},
    "every step, told of the clip": {"every": 1, "clip": 1.0, "clip_by": "tree"},
    "every 100th step, told of the clip": {"every": 100, "clip": 1.0, "clip_by": "tree"},
}
STEPS = 100


class Transformer(torch.nn.Module):
    """Two layers of width 128 over 64 tokens of 256 kinds."""

    def __init__(self):
        super().__init__()
        self.embedding = torch.nn.Embedding(256, 128)
        layer = torch.nn.TransformerEncoderLayer(128, 4, 512, batch_first=True, dropout=0.0)
        self.layers = torch.nn.TransformerEncoder(layer, 2)
        self.head = torch.nn.Linear(128, 256)

    def forward(self, tokens):
        return self.head(self.layers(self.embedding(tokens)))


def trained(options):
    """Train for 100 steps and return the seconds of CPU time that they took."""
    torch.manual_seed(0)
    net = Transformer()
    tokens = torch.randint(256, (16, 65))
    opt = torch.optim.AdamW(net.parameters(), lr=1e-3, weight_decay=0.1)
    watch = options and shadow(opt, on_departure="raise", **options)
    start = time.process_time()
    for _ in range(STEPS):
        opt.zero_grad()
        out = net(tokens[:, :-1]).flatten(0, 1)
        torch.nn.functional.cross_entropy(out, tokens[:, 1:].flatten()).backward()
        if watch and "clip" in options:
            watch.unclipped()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        opt.step()
    took = time.process_time() - start
    if watch:
        watch.close()
    return took


@pytest.mark.benchmark(group="a small transformer, 100 steps", warmup=False)
@pytest.mark.parametrize("kind", KINDS)
def test_shadow(benchmark, kind):
    benchmark.pedantic(trained, args=(KINDS[kind],), rounds=3)


def main(rounds):
    """Print the median ratio of each kind, with the smallest and the largest."""
    torch.set_num_threads(1)
    times = [{kind: trained(options) for kind, options in KINDS.items()} for _ in range(rounds)]
    for kind in KINDS:
        ratios = [row[kind] / row["unshadowed"] for row in times]
        step = 1000 * statistics.median(row[kind] for row in times) / STEPS
        spread = f"{min(ratios):.2f} to {max(ratios):.2f}"
        print(f"{kind}: {step:.1f} ms a step, {statistics.median(ratios):.2f} ({spread})")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
