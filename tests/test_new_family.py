"""A family that only a contributor knows is a full member: the package of docs/add_rule.md.

Its files are written as they stand on the page, and found by their entry point; no line of wdref
is changed.
"""

import json
import runpy
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import docs_pages
import numpy as np
import pytest

import wdref
from wdref.rules import registry

shared = SimpleNamespace(**runpy.run_path(str(Path(__file__).with_name("command_runs.py"))))
document = shared.document
PAGE = docs_pages.ROOT / "docs" / "add_rule.md"
RIGHT = """
import numpy as np

def right(case, part=1.0):
    h, theta, v, path = case.hyper, case.theta0.copy(), 0 * case.theta0, []
    for g, eta in zip(case.grads, case.eta.tolist()):
        v = h["rho"] * v + (1 - h["rho"]) * np.abs(g)
        u = h["learning_rate"] * (g / (v + h["eps"]))
        theta = theta - eta * (u + part * h["weight_decay"] * theta)
        path.append(theta.copy())
    return np.array(path)

def wrong(case):
    return right(case, 0.5)
"""


def written(folder):
    """Save the page's package in `folder`, installed as `pip install -e .` would."""
    for block in docs_pages.blocks(PAGE):
        if block.file is not None:
            (folder / block.file).write_text(block.text, "utf-8")
        if block.file == "pyproject.toml":
            docs_pages._install(docs_pages.tomllib.loads(block.text)["project"])
    (folder / "mine.py").write_text(RIGHT, "utf-8")


@pytest.fixture
def absprop(tmp_path, monkeypatch):
    """The package, found by this process and by those that it starts."""
    monkeypatch.chdir(tmp_path)
    written(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    registry.forget()
    yield registry.families()["absprop"]
    registry.forget()
    sys.modules.pop("absprop", None)


@pytest.fixture
def call(absprop, tmp_path):
    """Run `wdref` in a process of its own; return its status, what it printed, and its errors."""

    def run(*words):
        done = subprocess.run(
            [sys.executable, "-m", "wdref.cli", *words], cwd=tmp_path, capture_output=True,
            text=True, encoding="utf-8", check=False,
        )  # fmt: skip
        return done.returncode, done.stdout, done.stderr

    return run


@pytest.fixture
def flint():
    pytest.importorskip("flint", reason="needs wdref[oracle]")


@pytest.mark.parametrize("backend", ["numpy", "numba"])
@pytest.mark.parametrize("dtype", ["float32", "float64", "float16"])
def test_the_same_bits_on_every_backend(absprop, same_bits, backend, dtype):
    if backend == "numba":
        pytest.importorskip("numba", reason="the extra `fast` installs it")
    rng, results = np.random.default_rng(0), []
    theta = rng.normal(size=97).astype(dtype)
    grads = rng.normal(size=(5, 97)).astype(dtype)
    for name in ("plain", backend):
        opt = wdref.AbsPropW(learning_rate=0.1, weight_decay=0.1, backend=name)
        params = {"w": theta.copy()}
        state = opt.init(params)
        for g in grads:
            state = opt.step(params, {"w": g}, state)
        results.append(params["w"])
    same_bits(results[1], results[0])


def test_check(call, flint):
    status, out, err = call("check", "mine.py:right", "--claim", "abspropw", "--convention",
                            "paper", "--json")  # fmt: skip
    assert (status, err, document(out)["verdict"]) == (0, "", "conforms")
    status, out, err = call("check", "mine.py:wrong", "--claim", "abspropw", "--convention",
                            "paper", "--json")  # fmt: skip
    assert (status, err, document(out)["verdict"]) == (1, "", "deviates")
    assert "half the decay" in " ".join(document(out)["diagnosis"])


@pytest.mark.parametrize("claim", [(), ("--claim", "abspropw", "--convention", "paper")])
def test_identify(call, flint, claim):
    status, out, err = call("identify", "mine.py:right", *claim, "--json")
    assert (status, err) == (0, "")
    assert document(out)["match"]["names"] == ["paper abspropw"]


def test_mutants(absprop, flint):
    from wdref.oracle.bugs.gallery import gallery
    from wdref.oracle.proof.detection import row_of

    bugs = [bug for bug in gallery() if bug.claim.family == "absprop"]
    rows = [row_of(bug) for bug in bugs]
    assert [row.id for row in rows] == ["clamped", "doubled"]
    assert all(row.caught and row.named and row.agrees for row in rows)


def test_convert(call):
    status, out, _ = call("convert", "abspropw", "--from", "pytorch", "--to", "paper", "lr=0.5",
                          "weight_decay=0.25", "--json")  # fmt: skip
    assert (status, document(out)["hyper"]["weight_decay"]) == (0, 0.125)
    status, _, err = call("convert", "absprop", "--from", "pytorch", "--to", "keras")
    assert (status, "keras has no absprop" in err) == (2, True)


@pytest.mark.parametrize("language", ["c", "rust", "javascript", "latex"])
def test_print(absprop, language):
    from wdref.backends.printing import print_rule

    text = print_rule("abspropw", language)
    assert "rho" in text
    assert {"latex": r"\left|", "rust": "abs()"}.get(language, "abs") in text


def test_vectors(call, flint, tmp_path):
    assert call("vectors", "export", "out", "--claim", "abspropw", "--dtype", "float64")[0] == 0
    file = json.loads((tmp_path / "out" / "abspropw_paper.json").read_text("utf-8"))
    assert file["groups"][0]["source"]["name"] == "An example"
    assert call("vectors", "lint", "out")[0] == 0


@pytest.mark.parametrize("method", ["AbsProp", "AbsPropW"])
def test_a_checkpoint_goes_on_as_if_nothing_had_happened(absprop, same_bits, tmp_path, method):
    pytest.importorskip("safetensors", reason="the extra `checkpoint` installs it")
    opt = getattr(wdref, method)(learning_rate=0.1, weight_decay=0.1)
    params, g = {"w": np.arange(4.0)}, {"w": np.ones(4)}
    state = opt.step(params, g, opt.init(params))
    wdref.save(tmp_path / "x", params, state, optimizer=opt)
    again, there = wdref.load(tmp_path / "x", optimizer=opt)
    states = [opt.step(p, g, s) for p, s in ((params, state), (again, there))]
    same_bits(again["w"], params["w"])
    same_bits(states[1].slots["v"]["w"], states[0].slots["v"]["w"])


def test_the_state_of_another_program(absprop):
    opt = wdref.AbsProp.like("pytorch")
    theirs = {"state": {0: {"step": np.float32(3), "abs_avg": np.full(2, 0.5)}},
              "param_groups": [{"params": [0], "lr": 1e-3, "alpha": 0.9, "eps": 1e-8,
                                "weight_decay": 0.0}]}  # fmt: skip
    state = wdref.states.load(opt, [np.zeros(2)], theirs, "pytorch")
    assert (state.step, state.slots["v"][0].tolist()) == (3, [0.5, 0.5])
    with pytest.raises(ValueError, match="wdref does not know how keras keeps the state of"):
        wdref.states.load(opt, [np.zeros(2)], {}, "keras")


def test_inside_torch(absprop, same_bits):
    torch = pytest.importorskip("torch", reason="the extra `frameworks` installs it")
    opt = wdref.AbsPropW(learning_rate=0.1, weight_decay=0.1)
    p = torch.nn.Parameter(torch.arange(4.0, dtype=torch.float64))
    wrapped = wdref.interchange.torch_optimizer(opt, [p])
    params = {"w": p.detach().numpy().copy()}
    state = opt.init(params)
    for _ in range(3):
        p.grad = torch.ones(4, dtype=torch.float64)
        wrapped.step()
        state = opt.step(params, {"w": np.ones(4)}, state)
    same_bits(p.detach().numpy(), params["w"])


def test_inside_optax(absprop):
    jax = pytest.importorskip("jax", reason="the extra `frameworks` installs it")
    optax = pytest.importorskip("optax", reason="the extra `frameworks` installs it")
    opt = wdref.AbsPropW(learning_rate=0.1, weight_decay=0.1)
    with jax.enable_x64(True):
        wrapped = wdref.interchange.optax_transformation(opt)
        theta = jax.numpy.arange(4.0)
        state = wrapped.init(theta)
        updates, state = wrapped.update(jax.numpy.ones(4), state, theta)
        moved = optax.apply_updates(theta, updates)
    params = {"w": np.arange(4.0)}
    opt.step(params, {"w": np.ones(4)}, opt.init(params))
    np.testing.assert_allclose(np.asarray(moved), params["w"], rtol=1e-15)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("answers = { form = \"l2\" }", "answers = { form = \"ridge\" }"),
         "absprop.toml, paper.absprop: answers: form='ridge': expected one of 'none'"),
        (("answers = { form = \"l2\" }", "answers = { bias = \"none\" }"),
         "answers: absprop has no option 'bias': its options are form, order, eps"),
        (("slots = \"v=abs_avg\"", "slots = \"w=abs_avg\""),
         "pytorch.absprop: slots: it has no name of v"),
        (("[paper.abspropw]", "[theirs.abspropw]"),
         "'paper' lacks a claim, of absprop, abspropw"),
        (("title = ", "title: "), "absprop.toml: Expected '=' after a key"),
    ],
)  # fmt: skip
def test_a_table_that_contradicts_itself_is_left_out(tmp_path, monkeypatch, change, message):
    faulty(tmp_path, monkeypatch, "absprop.toml", *change, message)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (('name="absprop",', 'name="sgd",'), "the name 'sgd' is taken"),
        (('Slot("v", "v", square=True)', 'Slot("w", "w")'), "slots: v is kept and not described"),
        (('("rho", "eps"),\n)', '("rho", "epsilon"),\n)'),
         "options: 'epsilon' is neither a question nor a hyperparameter"),
        (('Claim("absprop", "AbsProp",', 'Claim("absprop", "AdamW",'),
         "claims: AdamW is one of the family 'adam'"),
        (("FAMILY = Family(", "FAMILY = 1 / 0 or Family("), "it raises ZeroDivisionError"),
        (('    family = "absprop"', '    family = "other"'), "dialect: its family is 'other'"),
    ],
)  # fmt: skip
def test_a_record_that_contradicts_itself_is_left_out(tmp_path, monkeypatch, change, message):
    faulty(tmp_path, monkeypatch, "absprop.py", *change, message)


def faulty(folder, monkeypatch, file, old, new, message):
    """The other families work, and one line names the package and what is wrong."""
    monkeypatch.chdir(folder)
    written(folder)
    text = (folder / file).read_text("utf-8")
    assert old in text
    (folder / file).write_text(text.replace(old, new), "utf-8")
    monkeypatch.syspath_prepend(folder)
    registry.forget()
    try:
        with pytest.warns(registry.FamilyWarning) as said:
            names = list(registry.families())
        assert "absprop" not in names
        assert {"sgd", "adam"} <= set(names)
        (warning,) = said
        assert str(warning.message).startswith("the family absprop:FAMILY is left out: ")
        assert message.removeprefix("absprop.toml, ") in str(warning.message)
        assert "\n" not in str(warning.message)
    finally:
        registry.forget()
        sys.modules.pop("absprop", None)
