"""The commands of `queue-ends`."""

import typer

from ops.dead_letters.commands import app as dead_letters

app = typer.Typer(
    help="Operate a deployed Queue Ends stack.",
    epilog=(
        "Exit status: 0 all is well, 1 a problem was found, 2 wrong command line, "
        "3 the command could not run, 4 you did not confirm."
    ),
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


@app.callback()
def _queue_ends() -> None:
    """Operate a deployed Queue Ends stack."""


app.add_typer(dead_letters, name="dlq")
