"""What the sums cost: the rounds of a step with numba, and its last phase, each timed alone.

With `-s` a line a rule is printed, the two and the step in turn, round after round in one run.
"""

import time
from statistics import median

import numpy as np
import pytest

pytest.importorskip("psutil", reason="the benchmarks need the extra `bench`")
from wdref.analysis.bench.cases import CLIPPED, Case, arrays
from wdref.analysis.bench.subjects import own
from wdref.backends.numba import phased

ROUNDS = 25
NAMES = {"sums": (phased._Loop, "run"), "apply": (phased.Phased, "apply")}


class Watch:
    """Seconds that a step spends in each of its phases."""

    def __init__(self, monkeypatch):
        self.seconds = dict.fromkeys(NAMES, 0.0)
        for name, (kind, method) in NAMES.items():
            monkeypatch.setattr(kind, method, self.timed(name, getattr(kind, method)))

    def timed(self, name, f):
        def run(*args):
            start = time.perf_counter()
            try:
                return f(*args)
            finally:
                self.seconds[name] += time.perf_counter() - start

        return run


@pytest.mark.parametrize("rule", ["lamb", "adamw" + CLIPPED, "lars", "novograd", "stableadamw"])
def test_phases(benchmark, monkeypatch, rule):
    case, watch = Case(rule, "float32", "2e7"), Watch(monkeypatch)
    step = own("numba", "fast").start(case, arrays(case))
    parts = {name: [] for name in NAMES}

    def run():
        watch.seconds.update(dict.fromkeys(NAMES, 0.0))
        step.run()
        for name, seconds in watch.seconds.items():
            parts[name].append(seconds)

    benchmark.group = str(case)
    benchmark.pedantic(run, rounds=ROUNDS, warmup_rounds=3)
    kept = {name: median(values[3:]) for name, values in parts.items()}
    whole = benchmark.stats.stats.median if benchmark.stats else np.nan
    share = kept["sums"] / whole
    benchmark.extra_info.update({"share of the sums": share, **kept})
    print(f"\n{rule}: {1e3 * whole:.1f} ms, of these sums {1e3 * kept['sums']:.1f} ({share:.0%})")
