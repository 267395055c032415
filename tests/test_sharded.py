"""One target as several processes: the whole is what one process gives, a fault is its rank's.

All targets run one after another in one process of a worker, as rows of the matrix do: what one of
them leaves behind, the next would meet.
"""

import os
import time
from pathlib import Path

import numpy as np
import pytest

from wdref.conventions import dialect
from wdref.oracle.cases.shapes import shapes, tensors
from wdref.oracle.cases.suite import regimes
from wdref.oracle.judge.shards import owners
from wdref.oracle.judge.verdict import judge_all, overall
from wdref.oracle.matrix.rows import rows
from wdref.oracle.targets.target_pool import Job, run_all
from wdref.oracle.targets.targets import parse

ADAMW = dialect("adamw", "pytorch")
FAULTS = '''
import os, pathlib, signal, time
from unittest import mock
import numpy as np

PIDS = pathlib.Path(PLACE)


def faulty(name, rank):
    if rank == 1 and name == "dies":
        os._exit(7)
    if rank == 1 and name == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if rank == 1 and name == "hangs":
        time.sleep(10_000)


def plain(name):
    """Ranks without a framework."""
    from wdref.frameworks.sharded.ranks import Ranks

    def begin(rank, folder, beat):
        (PIDS / str(os.getpid())).touch()

        def run(case):
            faulty(name, rank)
            if rank == 1 and name == "raises" and case.theta0.shape == (4,):
                raise ArithmeticError("not by four")
            path = np.cumsum(case.grads, axis=0)
            if rank == 1 and name == "stale" and path.shape[1] > 5:
                path[1:, 5] += 1.0
            return path

        return run

    together = Ranks(begin, 2, patience=600.0)
    return lambda case: together(case)


def torches(name, kind):
    import torch
    from wdref.frameworks import torch as adapter

    class AdamW(torch.optim.AdamW):
        @torch.no_grad()
        def step(self):
            (PIDS / str(os.getpid())).touch()
            params = [p for group in self.param_groups for p in group["params"]]
            before = [p.clone() for p in params]
            super().step()
            faulty(name, torch.distributed.get_rank())
            for p, old in zip(params, before):
                if name == "remainder" and 0 < len(p.to_local()) < -(-len(p) // 2):
                    p.to_local()[-1] = old.to_local()[-1]  # of a shorter shard

    with mock.patch.object(torch.optim, "AdamW", AdamW):
        return adapter.load("AdamW", sharded=kind, patience=6.0 if name == "hangs" else 60.0)


def __getattr__(name):
    fault, _, kind = name.partition("_")
    if not kind or not fault:
        raise AttributeError(name)
    return plain(fault) if kind == "plain" else torches(fault, kind)
'''


def chosen(*dtypes):
    """Cases whose tensors can be halved, cannot, have one element, or none."""
    names = {"exaggerated", "tensors-empty-last", "groups", "late", "gaps"}
    names |= {f"size-{n}" for n in (0, 1, 3, 4, 7, 64, 65)}
    return [
        case
        for dtype in dtypes
        for suite in (regimes, shapes, tensors)
        for case in suite("adamw", ADAMW, dtype)
        if case.id.partition("/")[0] in names
    ]


CASES = chosen("float32")
WHOLE = {
    "torch:AdamW": CASES,
    "torch:AdamW[sharded=fsdp2]": CASES,
    "torch:AdamW[sharded=fsdp2,ranks=3,foreach=True]": CASES[:6],
    "torch:AdamW[foreach=True]": CASES[:6],
    "torch:AdamW[sharded=zero]": CASES,
}
SINGLE = [case for case in CASES if "tensors" not in case.flags]
FAULTY = {
    "dies_zero": CASES,
    "hangs_zero": CASES,
    "remainder_fsdp2": CASES,
    "killed_plain": SINGLE,
    "raises_plain": SINGLE,
    "stale_plain": SINGLE,
}


@pytest.fixture(scope="module")
def pids(tmp_path_factory):
    """Where each rank of a faulty target leaves the number of its process."""
    return tmp_path_factory.mktemp("pids")


@pytest.fixture(scope="module")
def outcomes(pids, tmp_path_factory):
    """What came of every target, in one process."""
    distributed = pytest.importorskip("torch.distributed", reason="the extra `frameworks` has it")
    if not (distributed.is_available() and distributed.is_gloo_available()):
        pytest.skip("this PyTorch was built without gloo")
    file = tmp_path_factory.mktemp("target") / "faults.py"
    file.write_text(FAULTS.replace("PLACE", repr(str(pids))))
    suites = {f"{file}:{name}": cases for name, cases in FAULTY.items()} | WHOLE
    jobs = [Job(parse(text), cases) for text, cases in suites.items()]
    found = run_all(jobs, timeout=600.0, memory=8.0)
    return dict(zip((*FAULTY, *WHOLE), found, strict=True))


def messages(outcome):
    assert outcome.error == "", outcome.traceback
    return {result.message for result in outcome.results}


# -- the whole ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sharded", "one"),
    [
        ("torch:AdamW[sharded=fsdp2]", "torch:AdamW"),
        ("torch:AdamW[sharded=zero]", "torch:AdamW"),
        ("torch:AdamW[sharded=fsdp2,ranks=3,foreach=True]", "torch:AdamW[foreach=True]"),
    ],
)
def test_the_whole_has_the_bits_of_one_process(outcomes, same_bits, sharded, one):
    assert messages(outcomes[sharded]) == messages(outcomes[one]) == {""}
    for got, want in zip(outcomes[sharded].results, outcomes[one].results, strict=True):
        for a, b in zip(listed(got.values), listed(want.values), strict=True):
            same_bits(a, b)


def listed(values):
    return values if isinstance(values, list) else [values]


@pytest.mark.parametrize("ranks", [2, 3, 8])
def test_whose_an_element_is(ranks):
    torch = pytest.importorskip("torch", reason="the extra `frameworks` installs it")
    for shape in [(n,) for n in range(1, 40)] + [(5, 3), (2, 2, 2), (3, 0)]:
        chunks = torch.arange(int(np.prod(shape))).reshape(shape).chunk(ranks)
        want = [rank for rank, chunk in enumerate(chunks) for _ in chunk.ravel()]
        assert owners(shape, ranks).tolist() == want


# -- faults ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("dies_zero", "RuntimeError: rank 1 of 2 died with status 7"),
        ("killed_plain", "RuntimeError: rank 1 of 2 was killed by SIGKILL"),
    ],
)
def test_a_rank_that_dies_is_the_end_of_its_row(outcomes, name, words):
    assert messages(outcomes[name]) == {words}


def test_a_rank_that_hangs_is_told_from_one_that_waits_for_it(outcomes):
    (words,) = messages(outcomes["hangs_zero"])
    assert words.startswith("RuntimeError: rank 1 of 2 hangs: silent for ")


def test_what_a_rank_raises_costs_its_case_alone(outcomes):
    said = told(outcomes["raises_plain"])
    words = "RuntimeError: rank 1 of 2: ArithmeticError: not by four"
    assert said.pop("size-4/float32") == words
    assert set(said.values()) == {""}


def test_ranks_that_disagree_say_where(outcomes):
    said = told(outcomes["stale_plain"])
    words = "RuntimeError: ranks 0 and 1 of 2 disagree at step 2, tensor 0, coordinate 5: "
    assert said["size-7/float32"].startswith(words)
    assert said["size-4/float32"] == ""


def told(outcome):
    return {case.id: r.message for case, r in zip(SINGLE, outcome.results, strict=True)}


def test_no_rank_outlives_its_row(outcomes, pids):
    ranks = [int(file.name) for file in pids.iterdir()]
    assert len(ranks) >= 2 * len(FAULTY)
    deadline = time.monotonic() + 300.0
    while any(map(alive, ranks)):  # whose children they became has to reap them
        assert time.monotonic() < deadline
        time.sleep(0.01)


def alive(pid):
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def test_a_fault_in_an_uneven_last_shard_is_named(outcomes):
    outcome = outcomes["remainder_fsdp2"]
    assert messages(outcome) == {""}
    verdicts = {v.id.partition("/")[0]: v
                for v in judge_all(ADAMW, CASES, outcome.results, {})}  # fmt: skip
    assert overall(list(verdicts.values())) == "deviates"
    for n in (0, 1, 4, 64):
        assert verdicts[f"size-{n}"].verdict == "conforms"
    for n in (3, 7, 65):
        found = verdicts[f"size-{n}"]
        assert (found.verdict, found.coordinate) == ("deviates", n - 1)
        assert found.message == "in the shard of rank 1 of 2 alone"
    assert (verdicts["groups"].tensor, verdicts["groups"].coordinate) in ((0, 4), (2, 6))
    assert overall([v for v in verdicts.values() if v.verdict == "conforms"]) == "conforms"


def test_a_fault_everywhere_is_no_shard_s(outcomes):
    """Of the plain rule, sound ranks are said to deviate, and not where."""
    found = judge_all(
        dialect("adam", "pytorch"), CASES, outcomes["torch:AdamW[sharded=fsdp2]"].results, {}
    )
    assert overall(found) == "deviates"
    assert {v.message for v in found if v.id.startswith(("size-6", "groups"))} == {""}


# -- options -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"sharded": "fsdp3"}, "sharded='fsdp3'; expected one of fsdp2, zero"),
        ({"ranks": 2}, "sharded=None; expected one of fsdp2, zero"),
        ({"sharded": "zero", "ranks": 1}, "ranks=1; expected 2 to 16"),
        ({"sharded": "zero", "ranks": "two"}, "ranks='two'; expected 2 to 16"),
        ({"sharded": "zero", "patience": 0}, "patience=0; expected seconds"),
    ],
)
def test_what_is_asked_wrongly_is_refused(options, words):
    pytest.importorskip("torch", reason="the extra `frameworks` installs it")
    from wdref.frameworks import torch as adapter

    with pytest.raises(ValueError, match=f"torch adapter: {words}"):
        adapter.load("AdamW", **options)


def test_sharded_rows_have_a_process_of_their_own():
    processes = {row.name: row.process for row in rows(["torch", "optax"])}
    assert processes["optax:adamw[sharded=8]"] != processes["optax:adamw"]
    assert processes["torch:AdamW[sharded=zero]"] != processes["torch:AdamW"]
    assert processes["torch:AdamW[sharded=zero]"] == processes["torch:SGD[sharded=zero]"]


# -- JAX ---------------------------------------------------------------------------------------


def test_eight_devices_of_jax_conform(tmp_path):
    """And more devices than JAX has begun with are refused, since that number stays."""
    pytest.importorskip("optax", reason="the extra `frameworks` installs it")
    late = tmp_path / "late.py"
    late.write_text("import jax\njax.devices()\nfrom wdref.frameworks import optax\n"
                    "run = optax.load('adamw', sharded=8)")  # fmt: skip
    claim = dialect("adamw", "optax")
    cases = [case for dtype in ("float64", "float32") for case in regimes("adamw", claim, dtype)
             if "exaggerated" in case.id]  # fmt: skip
    cases += [case for case in tensors("adamw", claim, "float32") if case.id[:4] == "grou"]
    jobs = [Job(parse(text), cases) for text in (f"{late}:run", "optax:adamw[sharded=8]")]
    refused, found = (next(run_all([job], timeout=600.0, memory=16.0)) for job in jobs)
    assert "sharded=8 comes too late, JAX has begun with 1: use a process" in refused.error
    assert overall(judge_all(claim, cases, found.results, found.primitives)) == "conforms"
