"""The command `find`."""

import typer

from deadline import now_ms
from ops.command import JsonOption, StageOption, command
from ops.deployed import Deployed
from ops.ends.conversation import ConversationArgument, contains_id, parse_conversation_id
from ops.ends.messages import QueueMessage, received_messages
from ops.ends.traces import Traces, show
from ops.errors import Status
from ops.logs.events import LogEvents, quote, read_events
from ops.stack.ledger import read_conversation
from ops.stack.names import queue_names
from ops.stack.resources import list_resources
from ops.times import SinceOption, parse_duration

_MAX_LOG_PAGES = 50
# The log has no conversation ids beside message ids, so the lines about messages are asked for by
# the messages' ids.
_MAX_MESSAGES_LOOKED_UP = 5


def find(
    conversation: ConversationArgument,
    since: SinceOption = "14d",
    stage: StageOption = "dev",
    json: JsonOption = False,
) -> None:
    """Say what the stack knows about a conversation.

    Looks in the ledger, in the dead-letter queues and in the worker's log. Exit status 1 means that
    nothing is known.
    """
    with command(stage, json=json) as cmd:
        deployed = cmd.require_deployed()
        traces = _look(deployed, parse_conversation_id(conversation), parse_duration(since))
        cmd.output.show(*show(traces, queue_names(deployed.worker_variables())))
        cmd.output.result(traces.as_json())
        if not traces:
            raise typer.Exit(Status.PROBLEM)


def _look(deployed: Deployed, conversation_id: str, since_seconds: int) -> Traces:
    aws = deployed.aws
    recorded = read_conversation(aws.client("dynamodb"), deployed.ledger_table, conversation_id)
    urls = {"dead-letter": deployed.dead_letter_queue_url}
    if undelivered_queue_url := list_resources(deployed).undelivered_queue_url:
        urls["undelivered"] = undelivered_queue_url
    messages: dict[str, list[QueueMessage]] = {}
    queues_cut_short = False
    for name, url in urls.items():
        with received_messages(aws.client("sqs"), url) as look:
            messages[name] = [one for one in look.messages if one.mentions(conversation_id)]
            queues_cut_short = queues_cut_short or look.cut_short
    message_ids = [one.source_id for found in messages.values() for one in found]
    logs_found = [
        _read_log(deployed, term, since_seconds)
        for term in (conversation_id, *message_ids[:_MAX_MESSAGES_LOOKED_UP])
    ]
    # A line can contain several of the ids.
    events = {event.id: event for found in logs_found for event in found.events}
    return Traces(
        conversation_id=conversation_id,
        now_ms=now_ms(),
        ends=recorded.ends,
        join=recorded.join,
        messages=messages,
        log_events=sorted(events.values(), key=lambda event: event.at_ms),
        queues_cut_short=queues_cut_short,
        logs_cut_short=any(found.cut_short for found in logs_found),
    )


def _read_log(deployed: Deployed, term: str, since_seconds: int) -> LogEvents:
    since_ms = now_ms() - since_seconds * 1000
    found = read_events(
        deployed.aws.client("logs"),
        deployed.worker_log_group(),
        since_ms,
        pattern=quote(term),
        max_pages=_MAX_LOG_PAGES,
    )
    events = [event for event in found.events if contains_id(event.text, term)]
    return LogEvents(events, found.cut_short)
