"""One step of AdamW and its peers: the cases of `wdref bench`, under pytest-benchmark's rules.

Subjects run one after the other here, not in turn: to compare subjects, use `wdref bench`. These
figures are for comparing one commit with another (``--benchmark-compare``).
"""

import pytest

pytest.importorskip("psutil", reason="the benchmarks need the extra `bench`")
from wdref.analysis.bench.cases import Case, arrays
from wdref.analysis.bench.peers import PEERS
from wdref.analysis.bench.subjects import OWN, Absent

CASES = [
    Case("adamw", dtype, layout)
    for dtype, layout in (
        ("float32", "1e2"),
        ("float32", "1e5"),
        ("float32", "400x256"),
        ("float32", "2e7"),
        ("float32", "resnet50"),
        ("bfloat16", "2e7"),
    )
]
PAIRS = [(case, subject) for case in CASES for subject in (*OWN, *PEERS) if subject.suits(case)]


@pytest.mark.parametrize(
    ("case", "subject"), PAIRS, ids=[f"{case}-{subject.name}" for case, subject in PAIRS]
)
def test_step(benchmark, case, subject):
    try:
        step = subject.start(case, arrays(case))
    except Absent as reason:
        pytest.skip(str(reason))
    benchmark.group = str(case)
    benchmark.extra_info["bytes_per_parameter"] = step.traffic or case.traffic()

    def run():
        step.run()
        step.finish()

    small = case.parameters < 1_000_000
    benchmark.pedantic(run, setup=step.before, rounds=51 if small else 9, warmup_rounds=2)
