"""What was not asked of a target: counted in the last line, so that no one thinks that it was."""

from collections.abc import Sequence

from ..judge.verdict import FAILED, CaseVerdict
from ..targets.worker import LACKS

MOST = 3  # reasons in a line


def not_asked(verdicts: Sequence[CaseVerdict]) -> str:
    """Return how many cases were refused and why, or nothing.

    Where others fail, what was raised in those that may be refused is a failure like theirs.

    >>> refused = [CaseVerdict("late", "unsupported", message="run.supports has no 'late'")]
    >>> not_asked(refused)
    "1 case not asked: run.supports has no 'late'"
    """
    messages = [v.message for v in verdicts if v.verdict == "unsupported"]
    if any(v.verdict in FAILED for v in verdicts):
        messages = [message for message in messages if message.startswith(LACKS)]
    return counted(messages)


def counted(messages: Sequence[str]) -> str:
    """Return the number of refusals with their reasons: the words that are lacking in one."""
    if not messages:
        return ""
    lacking = {word for message in messages if message.startswith(LACKS)
               for word in message.removeprefix(LACKS).split(", ")}  # fmt: skip
    reasons = [LACKS + ", ".join(sorted(lacking))] if lacking else []
    reasons += dict.fromkeys(m for m in messages if m and not m.startswith(LACKS))
    if len(reasons) > MOST:
        reasons[MOST:] = [f"and {len(reasons) - MOST} other reasons"]
    count = "1 case" if len(messages) == 1 else f"{len(messages)} cases"
    return f"{count} not asked" + (f": {'; '.join(reasons)}" if reasons else "")
