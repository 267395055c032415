"""The command ``wdref print``: a rule in another language."""

import click

LANGUAGES = ("c", "rust", "javascript", "latex")


@click.command("print")
@click.argument("rule")
@click.option("--as", "language", type=click.Choice(LANGUAGES), required=True,
              help="The language.")  # fmt: skip
@click.option("--convention", default="paper", show_default=True,
              help="Whose: paper, pytorch, keras, …")  # fmt: skip
@click.option("--dtype", type=click.Choice(("float32", "float64")), default="float32",
              show_default=True, help="Of parameters, gradients and state.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def print_command(rule: str, language: str, convention: str, dtype: str, as_json: bool) -> int:
    """Print RULE (adamw, lamb, …) in another language, from wdref's own trace.

    What is printed computes the same operations in the same order, so that it gives the same bits.
    Options of the rule as in adamw[amsgrad=hat] or adamw[clip=tree].
    """
    from wdref.cli import emit_json, fail

    from .printing import print_rule

    document = {"rule": rule, "language": language, "convention": convention, "dtype": dtype}
    try:
        text = print_rule(rule, language, convention=convention, dtype=dtype)
    except ValueError as error:
        fail(str(error), document if as_json else None)
    if as_json:
        emit_json({**document, "text": text})
    else:
        click.echo(text, nl=False)
    return 0
