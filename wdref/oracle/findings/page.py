"""The findings as a page of the documentation."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .finding import Answer, Finding

INTRODUCTION = """# Findings

Deviations of installed frameworks from their own documentation, from the paper they cite, or from
another implementation of the same formula in the same framework, about optimizers and weight
decay. Each was seen by running it on the version named, on a CPU, and `wdref findings` tries them
on the installed versions: present, fixed, or not installed. `wdref findings --fail-on-present
NAME` is a check for continuous integration. A convention that is documented is none of these;
what each framework means is in `wdref.conventions`.

*Wrong step*: another update than documented or than the paper's. *Lost update*: the formula is
right and rounding takes its effect away. *Precision*: digits are lost in silence. *Crash*: a step
that is documented to work fails. *Documentation*: the text is at fault, or its program. A public
issue is a thread found in a search; "none found" says no more than that.

Written by `wdref findings --markdown`. The function below each finding needs its framework alone.
"""


def page(chosen: "Sequence[Finding]", answers: "Sequence[Answer]") -> str:
    """Return the findings as the page of the documentation."""
    lines = [INTRODUCTION, "| finding | framework | kind | status |", "|---" * 4 + "|"]
    for f, a in zip(chosen, answers, strict=True):
        lines.append(f"{row(f)} {a.status} in {a.version} |")
    for f, a in zip(chosen, answers, strict=True):
        lines += ["", section(f), "", f"Measured: {measured(a)}"]
    return "\n".join(lines)


def row(f: "Finding") -> str:
    """Return the finding's row in the table, without its status."""
    where = f"{f.framework} ({f.backend})" if f.backend else f.framework
    return f"| [{f.title.rstrip('.')}](#{f.name.replace('_', '-')}) | {where} | {f.kind} |"


def section(f: "Finding") -> str:
    """Return the finding's part of the page, without what was measured."""
    backend = f", backend {f.backend}" if f.backend else ""
    return f"""({f.name.replace("_", "-")})=
## {f.framework}: {f.title.rstrip(".")}

- Name: `{f.name}`, seen in {f.framework} {f.seen}{backend}
- Concerns: {f.optimizer}
- Formula: {f.formula}
- Expected: {f.expected}
- Why it matters: {f.why}
- Public issue: {f.issue}

```python
{f.source}


print(reproduce())
```"""


def measured(answer: "Answer") -> str:
    """Return the evidence in one line."""
    if not answer.evidence:
        return answer.message
    return ", ".join(f"`{key}` {_short(value)}" for key, value in answer.evidence.items())


def _short(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key}: {_short(x)}" for key, x in value.items())
    if isinstance(value, list):
        return f"[{', '.join(map(_short, value))}]"
    return f"{value:.6g}" if isinstance(value, float) else str(value)
