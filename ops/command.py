"""The frame of every command: its options, its account, its errors and its exit status."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated

import typer
from botocore.exceptions import BotoCoreError, ClientError

from infra.settings.checks import check_stage
from ops import aws
from ops.aws import Aws
from ops.deployed import Deployed, require_deployed, stack_name
from ops.errors import OpsError, Status
from ops.output import Output


def _check_stage(stage: str) -> str:
    try:
        return check_stage(stage)
    except ValueError as error:
        raise typer.BadParameter(f"{stage!r} {error}.") from None


def _check_context(context: list[str] | None) -> list[str] | None:
    for each in context or ():
        if "=" not in each:
            raise typer.BadParameter(f"{each!r} must be KEY=VALUE.")
    return context


StageOption = Annotated[
    str,
    typer.Option("--stage", callback=_check_stage, help="The stage, as in make deploy STAGE=…"),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation.")]
ContextOption = Annotated[
    list[str] | None,
    typer.Option(
        "--context",
        "-c",
        metavar="KEY=VALUE",
        callback=_check_context,
        help="Override a setting of settings.toml.",
    ),
]


@dataclass(frozen=True, slots=True)
class Command:
    """A running command: where it acts, and where its results go."""

    stage: str
    aws: Aws
    output: Output

    def require_deployed(self) -> Deployed:
        """Return the stage's stack; raise `OpsError` if there is none."""
        return require_deployed(self.aws, self.stage)

    def confirm(self, change: str, *, yes: bool) -> None:
        """Name the account, and ask the operator whether to make a change.

        Parameters
        ----------
        change
            What the command is about to do, such as `Redrive 12 messages`.
        yes
            Whether the operator has confirmed already, with `--yes`.

        Raises
        ------
        OpsError
            The operator declined, or cannot be asked.
        """
        where = f"{stack_name(self.stage)} in {self.aws}"
        self.check_can_confirm(f"{change}: {where}", yes=yes)
        if yes:
            self.output.note(f"{change}: {where}.")
            return
        try:
            confirmed = typer.confirm(f"{change}: {where}?", err=True)
        except typer.Abort:  # Ctrl-C or Ctrl-D instead of an answer
            self.output.note("")
            confirmed = False
        if not confirmed:
            raise OpsError("Nothing was changed.", Status.DECLINED)

    def check_can_confirm(self, change: str, *, yes: bool) -> None:
        """Raise `OpsError` if a change is not confirmed and the operator cannot be asked.

        A command that works for long before it changes something calls this first.
        """
        if not yes and (self.output.is_json or not sys.stdin.isatty()):
            raise OpsError(f"Nobody can be asked here. Confirm with --yes: {change}.", Status.USAGE)


@contextmanager
def command(stage: str, *, json: bool) -> Iterator[Command]:
    """Run the enclosed command; turn its errors into a message and an exit status.

    Without `--json`, the first line of the output names the stack, the account and the region.
    """
    with command_without_account(json=json) as output:
        account = aws.connect()
        output.show(f"{stack_name(stage)} in {account}", "")
        yield Command(stage, account, output)


@contextmanager
def command_without_account(*, json: bool) -> Iterator[Output]:
    """Run the enclosed command, which can do without an AWS account, in the same frame."""
    output = Output(is_json=json)
    try:
        yield output
    except OpsError as error:
        _fail(output, str(error), error.status)
    except (ClientError, BotoCoreError) as error:
        _fail(output, f"AWS did not do what was asked: {error}", Status.UNAVAILABLE)
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


def _fail(output: Output, message: str, status: Status) -> None:
    output.note(message)
    output.result({"error": message})
    raise typer.Exit(status) from None
