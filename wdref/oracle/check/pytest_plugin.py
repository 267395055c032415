"""The pytest plugin behind `wdref.testing`: its marker, and a line in the summary.

pytest imports this file in every run of an environment that has wdref, so it adds no import.
"""

from typing import Any


def pytest_configure(config: Any) -> None:
    """Register the marker ``wdref``: ``pytest -m wdref`` runs the conformance tests alone."""
    config.addinivalue_line("markers", "wdref: a conformance test made by wdref.testing")


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Say how far the judged cases are from the limit, and how many were not asked."""
    reports = [
        report
        for outcome in ("passed", "failed", "xfailed", "skipped")
        for report in terminalreporter.stats.get(outcome, [])
    ]
    # a module that is skipped while it is collected has none
    properties = [dict(getattr(report, "user_properties", ())) for report in reports]
    judged = [p for p in properties if p.get("wdref_ratio") is not None]
    if not any("wdref_cases" in p for p in properties):
        return
    lines = []
    if judged:
        worst = max(p["wdref_ratio"] for p in judged)
        count = sum(p["wdref_cases"] for p in judged)
        lines.append(f"{count} cases judged, worst ratio {worst:.3g} (up to 4 conforms)")
    refused = [p for p in properties if "wdref_not_asked" in p]
    if refused:
        from ..report.asked import counted  # wdref.testing has imported it

        lines.append(
            counted([p["wdref_not_asked"] for p in refused for _ in range(p["wdref_cases"])])
        )
    terminalreporter.write_line(f"wdref: {'; '.join(lines)}")
