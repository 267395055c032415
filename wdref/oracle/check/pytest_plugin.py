"""The pytest plugin behind `wdref.testing`: its marker, its options, a line in the summary.

pytest imports this file in every run of an environment that has wdref, so it adds no import.
"""

import os
from typing import Any

DTYPES = ("float64", "float32", "float16", "bfloat16")
SLOW = ("ordinary", "counter", "sizes")  # a thousand steps and more, and 85 sizes


def pytest_addoption(parser: Any) -> None:
    """Add the options of the conformance tests; other tests are left as they are."""
    group = parser.getgroup("wdref", "conformance tests of optimizers (wdref.testing)")
    group.addoption(
        "--wdref-dtype", action="append", choices=DTYPES, metavar="DTYPE",
        help="only the conformance tests in this dtype, of those that the suite asks; may be "
        "repeated",
    )  # fmt: skip
    group.addoption(
        "--wdref-quick", action="store_true",
        help="leave out the conformance tests of a thousand steps and of every size: for work, "
        "not for CI",
    )  # fmt: skip
    group.addoption(
        "--wdref-badge", metavar="FILE",
        help="write a badge of the conformance tests: the JSON of shields.io's endpoint",
    )  # fmt: skip


def pytest_configure(config: Any) -> None:
    """Register the marker ``wdref``: ``pytest -m wdref`` runs the conformance tests alone."""
    config.addinivalue_line("markers", "wdref: a conformance test made by wdref.testing")
    badge = config.getoption("wdref_badge")
    if badge and not os.path.isdir(os.path.dirname(badge) or "."):  # noqa: PTH112, PTH120  # no import
        import pytest

        raise pytest.UsageError(f"--wdref-badge {badge}: no such folder")


def pytest_collection_modifyitems(config: Any, items: list[Any]) -> None:
    """Leave out the conformance tests that the options leave out."""
    dtypes, quick = config.getoption("wdref_dtype"), config.getoption("wdref_quick")
    if not (dtypes or quick):
        return
    left_out = [item for item in items if _left_out(item, dtypes or DTYPES, quick)]
    items[:] = [item for item in items if item not in left_out]
    config.hook.pytest_deselected(items=left_out)


def _left_out(item: Any, dtypes: Any, quick: bool) -> bool:
    if item.get_closest_marker("wdref") is None or not hasattr(item, "callspec"):
        return False
    name, _, dtype = item.callspec.params.get("case_id", "").partition("/")
    return dtype not in dtypes or (quick and name in SLOW)


def pytest_terminal_summary(terminalreporter: Any, config: Any) -> None:
    """Say how far the judged cases are from the limit, and how many were not asked."""
    stats = terminalreporter.stats
    properties = _properties(stats, "passed", "failed", "xfailed", "skipped")
    if config.getoption("wdref_badge"):
        _write_badge(terminalreporter, config.getoption("wdref_badge"), properties)
    if not properties:
        return
    judged = [p for p in properties if p.get("wdref_ratio") is not None]
    lines = []
    if judged:
        worst = max(p["wdref_ratio"] for p in judged)
        count = sum(p["wdref_cases"] for p in judged)
        lines.append(f"{count} cases judged, worst ratio {worst:.3g} (up to 4 conforms)")
    refused = [p for p in properties if "wdref_not_asked" in p]
    if refused:
        from ..report.asked import counted  # wdref.testing has imported it

        lines.append(counted([message for p in refused for message in p["wdref_not_asked"]]))
    terminalreporter.write_line(f"wdref: {'; '.join(lines)}")


def _properties(stats: Any, *outcomes: str) -> list[dict[str, Any]]:
    """What the conformance tests with these outcomes recorded."""
    reports = [report for outcome in outcomes for report in stats.get(outcome, [])]
    # a module that is skipped while it is collected has none
    found = [dict(getattr(report, "user_properties", ())) for report in reports]
    return [properties for properties in found if "wdref_cases" in properties]


def _write_badge(terminalreporter: Any, path: str, properties: list[dict[str, Any]]) -> None:
    from pathlib import Path

    from ...cli import json_text
    from ...common.whole import write_text
    from ..report.badge import shield

    stats, verdict = terminalreporter.stats, "not asked"
    if any(p.get("wdref_ratio") is not None for p in properties):
        verdict = "known failures" if _properties(stats, "xfailed") else "conforms"
    if _properties(stats, "failed", "error"):
        verdict = "fails"
    try:
        write_text(Path(path), json_text(shield("wdref", verdict)))
    except OSError as error:
        terminalreporter.write_line(f"wdref: --wdref-badge {path}: {error.strerror}")
