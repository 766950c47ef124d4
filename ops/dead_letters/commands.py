"""The commands `dlq ls`, `dlq show`, `dlq redrive` and `dlq drop`."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated

import typer

from ops.command import Command, JsonOption, StageOption, YesOption, command
from ops.dead_letters import drop, listing
from ops.dead_letters.last_errors import find_last_errors
from ops.dead_letters.letter import Letter
from ops.dead_letters.move_task import MoveTask
from ops.dead_letters.queue import LetterQueue
from ops.dead_letters.redrive import Redrive
from ops.dead_letters.selection import Selection, describe
from ops.dead_letters.summary import Summary
from ops.dead_letters.work import Work
from ops.errors import OpsError, Status
from ops.stack.resources import list_resources

app = typer.Typer(
    help="Look at dead letters, redrive them, or drop them.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Ids = Annotated[list[str] | None, typer.Argument(metavar="[ID]...", help="Ids of messages.")]
Reasons = Annotated[
    list[str] | None,
    typer.Option("--reason", metavar="REASON", help="Messages with this reason; repeatable."),
]
AllOption = Annotated[bool, typer.Option("--all", help="All messages of the queue.")]
UndeliveredOption = Annotated[
    bool,
    typer.Option("--undelivered", help="Use the undelivered queue, EventBridge's dead letters."),
]


@app.command("ls")
def list_letters(
    stage: StageOption = "dev", undelivered: UndeliveredOption = False, json: JsonOption = False
) -> None:
    """List the dead letters, grouped by reason and error."""
    with command(stage, json=json) as cmd:
        queue = open_queue(cmd, undelivered=undelivered)
        letters = queue.read()
        groups = listing.group(letters, _last_errors(cmd, letters))
        cmd.output.show(f"The {queue.name} holds {describe(letters)}.", "")
        cmd.output.show(listing.groups_table(groups))
        cmd.output.result([group.as_json() for group in groups])


@app.command("show")
def show_letters(
    ids: Ids = None,
    *,
    reason: Reasons = None,
    stage: StageOption = "dev",
    undelivered: UndeliveredOption = False,
    json: JsonOption = False,
) -> None:
    """Show whole dead letters, with their bodies (personal data)."""
    selection = Selection(ids or (), reason or ())
    with command(stage, json=json) as cmd:
        selection.check(has_all_option=False)
        queue = open_queue(cmd, undelivered=undelivered)
        letters = queue.read()
        chosen = selection.choose(letters, queue.name, cmd.output.note)
        errors = _last_errors(cmd, chosen)
        for letter in chosen:
            cmd.output.show(listing.letter_text(letter, errors))
        cmd.output.result([listing.letter_as_json(letter, errors) for letter in chosen])
        if selection.missing(letters):
            raise typer.Exit(Status.PROBLEM)


@app.command("redrive")
def redrive_letters(
    ids: Ids = None,
    *,
    reason: Reasons = None,
    all_: AllOption = False,
    rate: Annotated[
        int,
        typer.Option(min=1, max=500, metavar="N", help="The most messages to move in a second."),
    ] = 50,
    stage: StageOption = "dev",
    undelivered: UndeliveredOption = False,
    yes: YesOption = False,
    json: JsonOption = False,
) -> None:
    """Move dead letters back to the intake queue."""
    selection = Selection(ids or (), reason or (), all_)
    with command(stage, json=json) as cmd:
        selection.check()
        queue = open_queue(cmd, undelivered=undelivered)
        if selection.all and not undelivered:
            _require_letters(queue)
            cmd.confirm(f"Redrive all messages of the {queue.name}", yes=yes)
            if summary := _move_all(cmd, queue, rate):
                summary.print(cmd, method="move_task")
                raise typer.Exit(Status.OK if summary.is_complete else Status.PROBLEM)
            yes = True
        intake_url = cmd.require_deployed().queue_url
        work = Redrive(queue, intake_url, rate).as_work()
        summary = _work_off(cmd, queue, selection, work, "redriven", yes=yes)
        summary.print(cmd, method="receive_and_send")
        raise typer.Exit(Status.OK if summary.is_complete else Status.PROBLEM)


@app.command("drop")
def drop_letters(
    ids: Ids = None,
    *,
    to: Annotated[
        Path, typer.Option("--to", metavar="FILE", help="The new file that keeps the messages.")
    ],
    reason: Reasons = None,
    all_: AllOption = False,
    stage: StageOption = "dev",
    undelivered: UndeliveredOption = False,
    yes: YesOption = False,
    json: JsonOption = False,
) -> None:
    """Write dead letters to a file, then delete them from the queue."""
    selection = Selection(ids or (), reason or (), all_)
    with command(stage, json=json) as cmd:
        selection.check()
        drop.require_new(to)
        queue = open_queue(cmd, undelivered=undelivered)

        def keep(letters: Sequence[Letter]) -> None:
            drop.write(to, letters)
            cmd.output.note(
                f"{to} holds what the messages held, personal data included. Only you can read it; "
                "delete it when you no longer need it."
            )

        work = Work(queue.delete)
        summary = _work_off(cmd, queue, selection, work, "dropped", yes=yes, before=keep)
        summary.print(cmd, file=str(to))
        raise typer.Exit(Status.OK if summary.is_complete else Status.PROBLEM)


def open_queue(cmd: Command, *, undelivered: bool) -> LetterQueue:
    """Return the stage's dead-letter queue, or its undelivered queue.

    Raises
    ------
    OpsError
        There is no stack, or it has no undelivered queue.
    """
    deployed, sqs = cmd.require_deployed(), cmd.aws.client("sqs")
    if not undelivered:
        url = deployed.dead_letter_queue_url
        return LetterQueue(sqs, url, "dead-letter queue", cmd.output.note)
    undelivered_url = list_resources(deployed).undelivered_queue_url
    if not undelivered_url:
        raise OpsError(
            f"The stack {deployed.name} has no undelivered queue. Only stacks with "
            'delivery = "eventbridge" have one; leave --undelivered out.',
            Status.USAGE,
        )
    return LetterQueue(sqs, undelivered_url, "undelivered queue", cmd.output.note)


def _work_off(
    cmd: Command,
    queue: LetterQueue,
    selection: Selection,
    work: Work,
    verb: str,
    *,
    yes: bool,
    before: Callable[[Sequence[Letter]], None] = lambda _: None,
) -> Summary:
    """Choose letters, ask for confirmation, and work the letters off.

    While the operator thinks, no message is hidden.
    """
    letters = queue.read()
    chosen = selection.choose(letters, queue.name, cmd.output.note)
    what = {"redriven": "Redrive", "dropped": "Drop"}[verb]
    cmd.confirm(f"{what} {describe(chosen)} of the {queue.name}", yes=yes)
    before(chosen)
    step = max(1, len(chosen) // 10)
    told = 0

    def progress(done: int) -> None:
        nonlocal told
        if done - told >= step:
            told = done
            cmd.output.note(f"{verb.capitalize()} {done} of {len(chosen)}.")

    result = work.off(
        queue, [letter.id for letter in chosen], [letter.id for letter in letters], progress
    )
    return Summary(
        verb,
        len(result.done),
        len(result.left),
        len(result.came_back),
        result.failed,
        "calls to SQS failed one after the other" if work.is_stopped() else "",
        tuple(selection.missing(letters)),
    )


def _require_letters(queue: LetterQueue) -> None:
    """Raise `OpsError` if a queue has no visible messages."""
    visible, hidden = queue.counts()
    if not visible:
        more = f", and {hidden} that another command reads" if hidden else ""
        raise OpsError(f"The {queue.name} holds no visible messages{more}.", Status.PROBLEM)


def _move_all(cmd: Command, queue: LetterQueue, rate: int) -> Summary | None:
    """Move all letters with a task of SQS; return None if there can be no task."""
    attributes = queue.sqs.get_queue_attributes(
        QueueUrl=cmd.require_deployed().queue_url, AttributeNames=["QueueArn"]
    )
    moved = MoveTask(queue, cmd.output.note).run(attributes["Attributes"]["QueueArn"], rate)
    if moved is None:
        return None
    # SQS dates the task and the messages by the same clock.
    left = queue.read()
    came_back = [letter for letter in left if letter.sent_at_ms >= moved.started_at_ms]
    why = "" if moved.status == "COMPLETED" else moved.why or moved.status
    return Summary("redriven", moved.moved, len(left) - len(came_back), len(came_back), why=why)


def _last_errors(cmd: Command, letters: Sequence[Letter]) -> dict[str, str]:
    """Return the last errors of the letters that SQS moved, by id."""
    exhausted = [letter for letter in letters if letter.is_exhausted]
    if not exhausted:
        return {}
    return find_last_errors(
        cmd.aws.client("logs"),
        cmd.require_deployed().worker_log_group(),
        {letter.id for letter in exhausted},
        min(letter.sent_at_ms for letter in exhausted),
        cmd.output.note,
    )
