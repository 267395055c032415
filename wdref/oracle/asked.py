"""What was not asked of a target: counted in the last line, so that no one thinks that it was."""

from collections.abc import Sequence

from .verdict import CaseVerdict
from .worker import LACKS


def not_asked(verdicts: Sequence[CaseVerdict]) -> str:
    """Return how many cases were refused and why, or nothing.

    >>> refused = [CaseVerdict("late", "unsupported", message="run.supports has no 'late'")]
    >>> not_asked(refused)
    "1 case not asked: run.supports has no 'late'"
    """
    return counted([v.message for v in verdicts if v.verdict == "unsupported"])


def counted(messages: Sequence[str]) -> str:
    """Return the number of refusals with their reasons: the words that are lacking in one."""
    if not messages:
        return ""
    lacking = {word for message in messages if message.startswith(LACKS)
               for word in message.removeprefix(LACKS).split(", ")}  # fmt: skip
    reasons = [LACKS + ", ".join(sorted(lacking))] if lacking else []
    reasons += dict.fromkeys(m for m in messages if m and not m.startswith(LACKS))
    count = "1 case" if len(messages) == 1 else f"{len(messages)} cases"
    return f"{count} not asked" + (f": {'; '.join(reasons)}" if reasons else "")
