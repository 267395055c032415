"""The page of the matrix in a real browser: a click on a filter, a click on a head that sorts."""

import pytest

from wdref.oracle.matrix.matrix import ANSWERS
from wdref.oracle.matrix.page import page

DTYPES = ("float64", "float32", "float16", "bfloat16")


def record(framework, optimizer, verdict, ratio, **answers):
    grade = {"verdict": verdict, "worst_ratio": ratio, "case": "first", "message": ""}
    return {
        **dict.fromkeys(ANSWERS), "framework": framework, "version": "1.0", "optimizer": optimizer,
        "target": f"{framework}:{optimizer}", "claim": "adamw", "convention": "paper",
        "verdict": verdict, "worst_ratio": ratio, "precision": dict.fromkeys(DTYPES, grade),
        "seconds": 1.0, "defaults": {"lr": "'<b>'"}, "findings": [], "identified": None,
        "explanations": [], "install": "", "message": "", "form": "lr", "order": "together",
        "eps": "hat", "bias_correction": "both", "denominator": "√v + ε",
        "corrected": "both moments", "words": "Decoupled.", "recurrence": ["θ ← θ"],
        **answers,
    }  # fmt: skip


ROWS = [
    record("one", "a<i>", "conforms", 0.9),
    record("two", "b", "imprecise", 12.0),
    record("two", "c", "conforms", 2.5, form="l2"),
    record("three", "d", "deviates", float("inf"), form=None, recurrence=None, words=None),
    record("four", "", "missing", None, form=None, precision={}, recurrence=None, words=None),
]


@pytest.fixture(scope="module")
def html():
    return page({"date": "2026-01-01", "versions": {"one": "1.0"}, "rows": ROWS})


def test_nothing_is_fetched_and_nothing_is_markup(html):
    for word in ("http:", "https:", "src=", "<link", "@import", "<i>", "<b>", "<!--"):
        assert word not in html
    assert html.count("<tr") == 1 + 3 + 1 + len(ROWS)  # heads, in short, heads, rows


@pytest.fixture(scope="module")
def browser(html, chromium, tmp_path_factory):
    file = tmp_path_factory.mktemp("page") / "matrix.html"
    file.write_text(html, "utf-8")
    chromium.get(file.as_uri())
    return chromium


def select(browser, name):
    return browser.find_element("id", name)


def shown(browser):
    rows = browser.find_elements("css selector", "#rows tbody tr")
    return [row.get_attribute("data-framework") for row in rows if row.is_displayed()]


def test_a_filter(browser):
    support_select = pytest.importorskip("selenium.webdriver.support.select").Select
    assert len(shown(browser)) == len(ROWS)
    verdict = support_select(select(browser, "verdict"))
    verdict.select_by_visible_text("conforms")
    assert sorted(shown(browser)) == ["one", "two"]
    assert select(browser, "shown").text == "2 of 5 rows"
    verdict.select_by_visible_text("all")
    select(browser, "search").send_keys("two impre")
    assert shown(browser) == ["two"]
    select(browser, "search").clear()
    select(browser, "search").send_keys(" ")
    assert len(shown(browser)) == len(ROWS)


def test_a_sort(browser):
    heads = browser.find_elements("css selector", "#rows thead th")
    ratio = next(head for head in heads if head.text.startswith("Ratio"))
    ratio.find_element("tag name", "button").click()
    assert shown(browser) == ["one", "two", "two", "three", "four"]
    assert ratio.get_attribute("aria-sort") == "ascending"
    ratio.find_element("tag name", "button").click()
    assert shown(browser) == ["three", "two", "two", "one", "four"]  # what is empty comes last
    assert ratio.get_attribute("aria-sort") == "descending"
    heads[0].find_element("tag name", "button").click()
    assert ratio.get_attribute("aria-sort") == "none"
    assert shown(browser) == ["four", "one", "three", "two", "two"]


def test_a_row_opens(browser):
    row = browser.find_element("css selector", "#rows tr[data-framework=one]")
    formula = row.find_element("tag name", "pre")
    assert not formula.is_displayed()
    row.find_element("tag name", "summary").click()
    assert formula.text == "θ ← θ"


@pytest.mark.parametrize("width", [1280, 500])
def test_nothing_is_wider_than_the_window(browser, width):
    browser.set_window_size(width, 900)
    wide = "return document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert browser.execute_script(wide) == 0
