"""The commands of `queue-ends`."""

import typer

from ops.backfill.command import backfill
from ops.dead_letters.commands import app as dead_letters
from ops.doctor.command import doctor
from ops.ends.find import find
from ops.ends.forget import forget
from ops.ends.send import send
from ops.ends.tail import tail
from ops.filter.command import filter_app
from ops.status.status import status

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


# In the order in which an operator meets them.
app.command()(doctor)
app.command()(status)
app.command()(tail)
app.command()(find)
app.command()(send)
app.command()(backfill)
app.command()(forget)
app.add_typer(dead_letters, name="dlq")
app.add_typer(filter_app, name="filter")
