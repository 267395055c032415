"""The report: one page that needs nothing else, of whatever was run."""

import json
import re

import pytest

pytest.importorskip("matplotlib", reason="the extra `analysis` installs it")
from click.testing import CliRunner

from wdref.analysis.report.command import report
from wdref.analysis.report.report import collect, page

MADE = {"command": "wdref theory --only '2'", "versions": {"wdref": "0.1.0"}, "machine": "Linux",
        "date": "2026-01-01 00:00 UTC", "seconds": 1.5}  # fmt: skip
CHECK = {"id": "2-scale", "statement": "a <b> & c", "predicted": 0.0, "measured": 1.25e-7,
         "tolerance": 0.5, "reason": "rounding", "source": "arXiv:1", "relation": "<=",
         "holds": True, "control": {"statement": "L2", "measured": 2.0, "fails": True},
         "detail": {"x": [1, 2, 3]}}  # fmt: skip
SVG = """<?xml version="1.0"?>
<!DOCTYPE svg PUBLIC "a" "http://example.com/svg.dtd">
<svg xmlns:xlink="x" width="900pt" viewBox="0 0 900 90">
<metadata>made elsewhere</metadata>
<defs><path id="p1" d="M0 0"/><clipPath id="c"><rect/></clipPath></defs>
<g clip-path="url(#c)"><use xlink:href="#p1"/></g></svg>"""


@pytest.fixture
def folder(tmp_path):
    own = tmp_path / "results"
    own.mkdir()
    write(own, "theory", {"checks": [CHECK], "settings": {"seed": 7}, "made_by": MADE})
    slopes = [{"rule": "AdamW", "slope": 0.0, "holds": False}]
    write(own, "mechanisms", {"slopes": slopes, "made_by": MADE})
    landscape = {"optimizers": {"adamw": {"coupling": -0.1, "interval": [-0.2, 0.0]}}}
    write(own, "landscape", landscape)
    write(own, "another", {"numbers": [1, 2], "word": "x"})
    return own


def write(folder, name, document):
    (folder / f"{name}.json").write_text(json.dumps(document), "utf-8")
    (folder / f"{name}.svg").write_text(SVG, "utf-8")


def run(*args):
    return CliRunner().invoke(report, [str(arg) for arg in args], standalone_mode=False)


def test_each_analysis_is_a_section_in_order(folder):
    text = page(collect(folder))
    assert re.findall(r'<section id="(\w+)">', text) == [
        "theory", "mechanisms", "landscape", "another"]  # fmt: skip
    assert text.count("<svg") == 4


def test_nothing_is_fetched_and_nothing_is_markup(folder):
    text = page(collect(folder))
    for word in ("http:", "https:", "src=", "<link", "@import", "<b> &", "<!DOCTYPE svg"):
        assert word not in text
    assert "a &lt;b&gt; &amp; c" in text


def test_ids_are_unique_and_references_lead_somewhere(folder):
    text = page(collect(folder))
    ids = re.findall(r'\bid="([^"]+)"', text)
    assert len(ids) == len(set(ids))
    used = re.findall(r'href="#([^"]+)"', text) + re.findall(r"url\(#([^)]+)\)", text)
    assert used
    assert set(used) <= set(ids)


def test_what_is_needed_to_make_it_again_is_there(folder):
    text = page(collect(folder))
    assert "wdref theory --only &#x27;2&#x27;" in text
    for word in ("wdref 0.1.0", "2026-01-01", "&quot;seed&quot;: 7", "1 of 1 hold", "0 of 1 hold"):
        assert word in text, word


def test_values_of_a_landscape_are_shown(folder):
    text = page(collect(folder))
    assert "-0.2 … 0" in text
    assert ">adamw<" in text


def test_an_analysis_without_a_figure(folder):
    (folder / "theory.svg").unlink()
    assert page(collect(folder)).count("<svg") == 3


def test_the_command(folder, tmp_path):
    out = tmp_path / "report.html"
    result = run(folder, "--out", out)
    assert result.return_value == 0
    assert out.read_text("utf-8").startswith("<!doctype html>")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["report.html", "results"]


def test_refusals(folder, tmp_path):
    (tmp_path / "empty").mkdir()
    for folder_, words in ((tmp_path / "no", "no such folder"),
                           (tmp_path / "empty", "wdref theory --out")):  # fmt: skip
        result = run(folder_, "--out", tmp_path / "x.html")
        assert result.exit_code == 2
        assert words in result.stderr
    (folder / "theory.json").write_text("{")
    result = run(folder, "--out", tmp_path / "x.html")
    assert result.exit_code == 2
    assert "theory.json: no JSON document" in result.stderr
    assert not (tmp_path / "x.html").exists()


def test_a_page_that_cannot_be_written(folder, tmp_path):
    result = run(folder, "--out", tmp_path / "no" / "x.html")
    assert result.exit_code == 2
    assert "--out" in result.stderr


def test_it_fits_a_screen_and_a_phone(folder, tmp_path, chromium):
    file = tmp_path / "report.html"
    file.write_text(page(collect(folder)), "utf-8")
    for width in (1280, 390):
        size = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 500}
        chromium.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        chromium.get(file.as_uri())
        wide = chromium.execute_script("return document.documentElement.scrollWidth")
        assert wide <= width
        figure = chromium.execute_script(
            "return document.querySelector('figure svg').getBoundingClientRect().width"
        )
        assert 0 < figure <= width
