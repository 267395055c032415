"""The interactive page in a real browser: a slider is moved, and NumPy finds the same bits."""

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest

import wdref

DOCS = Path(__file__).resolve().parents[1] / "docs"
START, CENTRE = (-0.75, 0.5), (1.5, -0.75)


@pytest.fixture(scope="module")
def browser(chromium, tmp_path_factory):
    pytest.importorskip("sphinx", reason="the extra `docs` installs it")
    file = tmp_path_factory.mktemp("page") / "paths.html"
    file.write_text(f"<!doctype html><meta charset=utf-8>{extension().paths()}", "utf-8")
    chromium.get(file.as_uri())
    return chromium


def extension():
    spec = importlib.util.spec_from_file_location("printed", DOCS / "_ext" / "printed.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def found(browser):
    """Floats survive JSON: JavaScript and Python both print the shortest text that reads back."""
    return json.loads(browser.execute_script("return JSON.stringify(window.wdrefPaths)"))


def move(browser, slider, keys):
    from selenium.webdriver.common.keys import Keys

    element = browser.find_element("id", slider)
    element.send_keys(*[Keys.ARROW_RIGHT] * keys, *[Keys.ARROW_LEFT] * -keys)


def numpy_path(name, settings):
    """The same training with wdref on NumPy; the gradient in the page's order of operations."""
    alpha, lam = settings["learning_rate"], settings["weight_decay"]
    kind = {"SGD + L2": wdref.SGD, "SGDW": wdref.SGDW, "Adam + L2": wdref.Adam,
            "AdamW": wdref.AdamW}[name]  # fmt: skip
    more = {"betas": (0.9, 0.99)} if "Adam" in name else {"momentum": 0.9}
    decay = lam if "L2" in name else alpha * lam if "Adam" in name else alpha * lam / (1 - 0.9)
    opt = kind(learning_rate=alpha, weight_decay=decay, **more)
    low = 1 / settings["condition"]
    a = 0.8 * 0.8 + 0.6 * 0.6 * low
    b = 0.8 * 0.6 - 0.8 * 0.6 * low
    d = 0.6 * 0.6 + 0.8 * 0.8 * low
    theta = np.array(START)
    state, path = opt.init(theta), [theta.tolist()]
    for _ in range(settings["steps"]):
        u, w = theta[0] - CENTRE[0], theta[1] - CENTRE[1]
        theta, state = opt.update(theta, np.array([a * u + b * w, b * u + d * w]), state)
        path.append(theta.tolist())
    return path


@pytest.mark.parametrize(
    ("slider", "keys"), [("learning_rate", 3), ("weight_decay", 4), ("condition", -5), ("steps", 1)]
)
def test_a_slider_moves_the_paths_and_numpy_finds_their_bits(browser, slider, keys):
    before = found(browser)
    move(browser, slider, keys)
    after = found(browser)
    assert after["settings"][slider] != before["settings"][slider]
    assert after["paths"] != before["paths"]
    for name, path in after["paths"].items():
        assert path == numpy_path(name, after["settings"])


def test_the_table_shows_where_each_ends(browser):
    rows = browser.find_elements("css selector", "#ends tbody tr")
    shown = {row.text.rsplit(" ", 3)[0]: row.text.rsplit(" ", 3)[1:3] for row in rows}
    for name, path in found(browser)["paths"].items():
        assert [float(x) for x in shown[name]] == pytest.approx(path[-1], abs=6e-5)
