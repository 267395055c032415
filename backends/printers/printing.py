"""A rule in another language."""

from collections.abc import Callable

from wdref.conventions import dialect
from wdref.oracle.targets.targets import TargetError, parse_options

from .languages.c import print_c
from .languages.javascript import print_javascript
from .languages.latex import print_latex
from .languages.rust import print_rust
from .listing import Listing, listing
from .words import Words

PRINTERS: dict[str, Callable[[Listing, Words], str]] = {
    "c": print_c,
    "javascript": print_javascript,
    "latex": print_latex,
    "rust": print_rust,
}


def print_rule(
    rule: str, language: str, /, *, convention: str = "paper", dtype: str = "float32"
) -> str:
    r"""Return `rule` as a program in `language`: "c", "rust", "javascript" or "latex".

    `rule` is a claim (sgd, adamw, lamb, …), with other answers in brackets: ``adam[amsgrad=raw]``.
    The program computes the operations of the trace in their order. Raises ValueError for a rule,
    convention, answer, language or dtype that does not exist, and a rule that no program holds.

    >>> print(print_rule("sgdw", "latex"), end="")
    \begin{aligned}
    g_t &= \nabla f_t(\theta_{t-1}) \\
    m_t &= \beta_1 \, m_{t-1} + \eta_t \, \alpha \, g_t \\
    \theta_t &= \theta_{t-1} - m_t - \eta_t \, \lambda \, \theta_{t-1}
    \end{aligned}
    """
    if language not in PRINTERS:
        raise ValueError(f"no language {language!r}: wdref prints {', '.join(sorted(PRINTERS))}")
    if dtype not in ("float32", "float64"):
        raise ValueError(f"dtype={dtype!r}: expected float32 or float64")
    try:
        name, answers = parse_options(rule)
    except TargetError as error:
        raise ValueError(str(error)) from None
    quoted = f"'{rule}'" if answers else rule
    command = f"wdref print {quoted} --as {language}"
    command += f" --convention {convention}" if convention != "paper" else ""
    command += f" --dtype {dtype}" if dtype != "float32" else ""
    found = listing(dialect(name, convention, **answers), dtype)
    return PRINTERS[language](found, Words(name, convention, command))
