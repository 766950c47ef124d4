"""The command `send`."""

import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from deadline import now_ms
from ops.command import Command, JsonOption, StageOption, YesOption, command
from ops.deployed import Deployed
from ops.ends.example_end import make_bodies
from ops.errors import OpsError, Status
from ops.logs.events import quote, read_events
from ops.logs.lines import MessageLine, parse_worker_line
from ops.stack.ledger import EndItem, read_end
from ops.stack.names import queue_ids
from ops.times import format_duration
from ops.words import join_words

QueueOption = Annotated[
    str | None, typer.Option("--queue", metavar="ID", help="One of your queues; else the first.")
]
TimeoutOption = Annotated[
    int, typer.Option("--timeout", metavar="SECONDS", min=1, help="How long to wait.")
]

_POLL_SECONDS = 1.0
# Lines of this machine's last minutes, in case its clock is ahead of CloudWatch's.
_CLOCK_MARGIN_MS = 300_000


@dataclass(frozen=True, slots=True)
class Sent:
    """A test end that was sent: its ids, and the ids of its messages."""

    conversation_id: str
    queue_id: str
    message_ids: list[str]
    sent_at_ms: int


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a test end.

    Attributes
    ----------
    outcome
        `processed`, `failed`, `rejected`, or `waiting` if it has no outcome yet.
    text
        A sentence for the operator.
    """

    outcome: str
    text: str
    seconds: float = 0.0
    delivered: tuple[str, ...] = ()
    reason: str = ""


def send(
    queue: QueueOption = None,
    timeout: TimeoutOption = 60,
    yes: YesOption = False,
    stage: StageOption = "dev",
    json: JsonOption = False,
) -> None:
    """Send a test end through the stack, and wait for its outcome.

    The end belongs to a conversation that does not exist. All your destinations get it. Exit status
    0 means that every destination has it.
    """
    with command(stage, json=json) as cmd:
        deployed = cmd.require_deployed()
        variables = deployed.worker_variables()
        queue_id = _choose_queue(queue, variables)
        destinations = join_words(variables["DESTINATIONS"].split(","))
        cmd.confirm(f"Send a test end in queue {queue_id} to {destinations}", yes=yes)
        sent = _send(deployed, variables, queue_id)
        cmd.output.show(
            f"Conversation   {sent.conversation_id}",
            *[f"Message        {message_id}" for message_id in sent.message_ids],
            "",
        )
        result = _wait(cmd, deployed, variables, sent, timeout)
        cmd.output.show(result.text)
        cmd.output.result(
            {
                "conversation_id": sent.conversation_id,
                "queue_id": sent.queue_id,
                "message_ids": sent.message_ids,
                "outcome": result.outcome,
                "reason": result.reason,
                "delivered": list(result.delivered),
                "seconds": round(result.seconds, 1),
            }
        )
        if result.outcome != "processed":
            raise typer.Exit(Status.PROBLEM)


def _choose_queue(queue: str | None, variables: Mapping[str, str]) -> str:
    ours = queue_ids(variables)
    if queue is None:
        return ours[0]
    if queue not in ours:
        listed = "\n  ".join(ours)
        raise OpsError(
            f"--queue {queue}: not one of the stack's queues, which are\n  {listed}", Status.USAGE
        )
    return queue


def _send(deployed: Deployed, variables: Mapping[str, str], queue_id: str) -> Sent:
    conversation_id = str(uuid.uuid4())
    sent_at_ms = now_ms()
    sqs = deployed.aws.client("sqs")
    message_ids = [
        sqs.send_message(QueueUrl=deployed.queue_url, MessageBody=body)["MessageId"]
        for body in make_bodies(variables, conversation_id, queue_id)
    ]
    return Sent(conversation_id, queue_id, message_ids, sent_at_ms)


def _wait(
    cmd: Command, deployed: Deployed, variables: Mapping[str, str], sent: Sent, timeout: int
) -> Result:
    """Wait until the end has an outcome, or the time is over."""
    dynamodb, logs = cmd.aws.client("dynamodb"), cmd.aws.client("logs")
    log_group = deployed.worker_log_group()
    said_that_it_waits = False
    end: EndItem | None = None
    for seconds in _polls(timeout):
        end = read_end(dynamodb, deployed.ledger_table, sent.conversation_id, sent.queue_id)
        if end and end.is_done:
            text = (
                f"Processed: {join_words(end.delivered)} got it within {format_duration(seconds)}."
            )
            return Result("processed", text, seconds, tuple(end.delivered))
        if line := _find_warning(logs, log_group, sent):
            return _result_of(line, sent, seconds, deployed.stage)
        if end and end.details_attempts and not said_that_it_waits:
            cmd.output.note(_waiting_note(variables))
            said_that_it_waits = True
    where = (
        "It waits for its details."
        if end and end.details_attempts
        else "The worker has begun with it."
        if end
        else "The worker has not recorded it. To see whether it works and whether older messages "
        "wait: queue-ends status"
    )
    text = (
        f"No outcome within {timeout} s. {where}\n"
        f"Look again later:\nqueue-ends find {sent.conversation_id} --stage {deployed.stage}"
    )
    return Result("waiting", text, timeout)


def _polls(timeout: int) -> Iterator[float]:
    """Yield the seconds since the start, once for each poll, until the time is over."""
    started_at = time.monotonic()
    while (seconds := time.monotonic() - started_at) < timeout:
        yield seconds
        time.sleep(_POLL_SECONDS)
    yield seconds


def _find_warning(logs: Any, log_group: str, sent: Sent) -> MessageLine | None:
    since_ms = sent.sent_at_ms - _CLOCK_MARGIN_MS
    for message_id in sent.message_ids:
        for event in read_events(logs, log_group, since_ms, pattern=quote(message_id)).events:
            match parse_worker_line(event):
                case MessageLine() as line if line.message_id == message_id:
                    return line
    return None


def _result_of(line: MessageLine, sent: Sent, seconds: float, stage: str) -> Result:
    why = f"{line.reason}{f': {line.detail}' if line.detail else ''}"
    if line.outcome == "rejected":
        text = (
            f"Rejected ({why}). The message is in the dead-letter queue:\n"
            f"queue-ends dlq ls --stage {stage}\n"
            f"To remove all of it:\nqueue-ends forget {sent.conversation_id} --stage {stage}"
        )
    else:
        text = (
            f"Failed ({why}). It comes back after a growing delay. After too many receives, it "
            "goes to the dead-letter queue.\n"
            f"Look again later:\nqueue-ends find {sent.conversation_id} --stage {stage}"
        )
    return Result(line.outcome, text, seconds, reason=line.reason)


def _waiting_note(variables: Mapping[str, str]) -> str:
    wait_seconds = int(variables.get("DETAILS_WAIT_SECONDS", "0"))
    attempts = int(variables.get("DETAILS_ATTEMPTS", "1"))
    longest = format_duration(wait_seconds * max(1, attempts - 1))
    return (
        "It waits for its details. Genesys Cloud does not know this conversation, so it is "
        f"delivered without details after about {longest}."
    )
