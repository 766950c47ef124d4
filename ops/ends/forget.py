"""The command `forget`."""

from typing import Any

import typer

from ops.command import Command, JsonOption, StageOption, YesOption, command
from ops.deployed import Deployed
from ops.ends.conversation import ConversationArgument, parse_conversation_id
from ops.ends.leftovers import describe_leftovers
from ops.ends.messages import delete, received_messages
from ops.errors import OpsError, Status
from ops.stack.ledger import query_items
from ops.stack.queues import count_messages
from ops.stack.resources import StackResources, list_resources
from ops.words import count_of, join_words

# Only a worker that is writing at the same moment makes more than one round necessary.
_MAX_ROUNDS = 10


def forget(
    conversation: ConversationArgument,
    yes: YesOption = False,
    stage: StageOption = "dev",
    json: JsonOption = False,
) -> None:
    """Remove what the stack keeps of a conversation.

    Deletes its items in the ledger, and its messages in the dead-letter queues. Then says where
    copies may remain, and how to remove them.
    """
    with command(stage, json=json) as cmd:
        deployed = cmd.require_deployed()
        conversation_id = parse_conversation_id(conversation)
        cmd.confirm(f"Forget conversation {conversation_id}", yes=yes)
        _forget(cmd, deployed, list_resources(deployed), conversation_id)


def _forget(
    cmd: Command, deployed: Deployed, resources: StackResources, conversation_id: str
) -> None:
    sqs = cmd.aws.client("sqs")
    urls = {"dead-letter": deployed.dead_letter_queue_url}
    if resources.undelivered_queue_url:
        urls["undelivered"] = resources.undelivered_queue_url
    deleted: dict[str, int] = {}
    mentioned: dict[str, list[str]] = {}
    cut_short: list[str] = []
    held: dict[str, int] = {}
    # The queues come first: a message that is redriven meanwhile would be recorded again.
    for queue, url in urls.items():
        held[queue] = count_messages(sqs, url).in_flight
        with received_messages(sqs, url) as look:
            own = [message for message in look.messages if message.is_about(conversation_id)]
            others = [m for m in look.messages if m not in own and m.mentions(conversation_id)]
            for message in own:
                delete(sqs, url, message)
            look.messages = [message for message in look.messages if message not in own]
        deleted[queue] = len(own)
        mentioned[queue] = [message.id for message in others]
        if look.cut_short:
            cut_short.append(queue)
    items = _delete_items(cmd.aws.client("dynamodb"), deployed.ledger_table, conversation_id)
    waiting = count_messages(sqs, deployed.queue_url).total
    warnings = _warnings(mentioned, cut_short, held, waiting)
    leftovers = describe_leftovers(deployed, resources, conversation_id)
    counts = [f"{count_of(items, 'item')} from the ledger"]
    counts += [f"{count_of(n, 'message')} from the {queue} queue" for queue, n in deleted.items()]
    cmd.output.show(
        f"Deleted {join_words(counts)}.",
        *warnings,
        "\nCopies may remain in these places:",
    )
    for leftover in leftovers:
        cmd.output.show(f"\n{leftover.place}: {leftover.text}")
        for line in leftover.commands:
            cmd.output.show_command(line)
    cmd.output.result(
        {
            "conversation_id": conversation_id,
            "deleted": {"ledger": items, **deleted},
            "messages_that_mention_it": mentioned,
            "queues_cut_short": cut_short,
            "messages_held_by_others": held,
            "messages_in_intake_queue": waiting,
            "leftovers": [leftover.as_dict() for leftover in leftovers],
        }
    )
    if cut_short or any(held.values()):
        raise typer.Exit(Status.PROBLEM)


def _delete_items(dynamodb: Any, table: str, conversation_id: str) -> int:
    """Delete a conversation's items until there are none; return the number of deleted ones."""
    deleted = 0
    for _ in range(_MAX_ROUNDS):
        items = list(query_items(dynamodb, table, conversation_id))
        if not items:
            return deleted
        for item in items:
            key = {name: item[name] for name in ("conversation_id", "queue_id")}
            dynamodb.delete_item(TableName=table, Key=key)
        deleted += len(items)
    raise OpsError(
        f"The worker goes on recording {conversation_id}. Forget it again when its events are "
        "processed.",
        Status.PROBLEM,
    )


def _warnings(
    mentioned: dict[str, list[str]], cut_short: list[str], held: dict[str, int], waiting: int
) -> list[str]:
    warnings = []
    for queue, ids in mentioned.items():
        if ids:
            warnings.append(
                f"Kept in the {queue} queue: {count_of(len(ids), 'message')} with the id, but not "
                "as the id of their conversation: " + ", ".join(ids)
            )
    warnings += [
        f"The {queue} queue has more messages than were looked through. Forget it again when there "
        "are fewer."
        for queue in cut_short
    ]
    warnings += [
        f"Somebody else is reading {count_of(count, 'message')} of the {queue} queue. Forget the "
        "conversation again in some minutes."
        for queue, count in held.items()
        if count
    ]
    if waiting:
        warnings.append(
            f"The intake queue has {count_of(waiting, 'message')}. They cannot be searched without "
            "disturbing the worker. If one of them is about this conversation, the worker records "
            "it again: forget it once more when the queue is empty."
        )
    warnings.append(
        "If an event of this conversation arrives again, or a backfill finds it, it counts as a "
        "new end."
    )
    return warnings
