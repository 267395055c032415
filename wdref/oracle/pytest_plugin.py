"""The pytest plugin behind `wdref.testing`: its marker, and a line in the summary.

pytest imports this file in every run of an environment that has wdref, so it adds no import.
"""

from typing import Any


def pytest_configure(config: Any) -> None:
    """Register the marker ``wdref``: ``pytest -m wdref`` runs the conformance tests alone."""
    config.addinivalue_line("markers", "wdref: a conformance test made by wdref.testing")


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Say how far the judged cases are from the limit."""
    reports = [
        report
        for outcome in ("passed", "failed", "xfailed")
        for report in terminalreporter.stats.get(outcome, [])
    ]
    properties = [dict(report.user_properties) for report in reports]
    ratios = [p["wdref_ratio"] for p in properties if p.get("wdref_ratio") is not None]
    if ratios:
        terminalreporter.write_line(
            f"wdref: {len(ratios)} cases judged, worst ratio {max(ratios):.3g} (up to 4 conforms)"
        )
