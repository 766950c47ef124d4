"""The resources that hold data, and what is lost with each."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

LIST_HEADER = re.compile(r"Found (\d+) destructive change\(s\)")
"""The line of `cdk diff --fail-on destructive` before its list of resources."""

# A line of the list is "  QueueEnds-dev: AWS::SQS::Queue Intake/Queue IntakeQueue6FB53B87 will be
# destroyed".
_CHANGE = re.compile(
    r"^  \S+: (?P<type>\S+) (?:(?P<path>\S.*) )?(?P<id>\S+) "
    r"(?P<fate>(?:will|may) be (?:replaced|destroyed|orphaned))"
)


@dataclass(frozen=True, slots=True)
class Loss:
    """What a resource is, what is lost with it, and what to do instead or first."""

    what: str
    lost: str
    instead: str


_SET_ASIDE = (
    "First redrive its messages, or save them to a file: `queue-ends dlq`, docs/operate.md."
)
_IN_GENESYS_CLOUD = "Change `delivery`, or destroy the stack, only if you want events to stop."

# Resource type and the end of the construct's path → loss. The longest matching path applies.
_LOSSES = {
    ("AWS::DynamoDB::Table", ""): Loss(
        "the ledger",
        "The stack forgets all ends. An end that arrives again is delivered again, and ends that "
        "wait for a later event are never delivered.",
        "No setting replaces the ledger, so a change in the code does: undo that change.",
    ),
    ("AWS::SQS::Queue", ""): Loss("a queue", "Its messages are gone.", _SET_ASIDE),
    ("AWS::SQS::Queue", "Intake/Queue"): Loss(
        "the intake queue",
        "Ends that wait in it are gone, and events that arrive until the new queue exists.",
        "No setting replaces the intake queue, so a change in the code does: undo that change.",
    ),
    ("AWS::SQS::Queue", "Intake/DeadLetterQueue"): Loss(
        "the dead-letter queue", "Messages that could not be processed are gone.", _SET_ASIDE
    ),
    ("AWS::SQS::Queue", "EventSource/DeadLetterQueue"): Loss(
        "the undelivered queue",
        "Events that EventBridge could not deliver are gone.",
        "First move its messages to the intake queue: docs/runbook.md, alarm `undelivered`.",
    ),
    ("AWS::S3::Bucket", ""): Loss(
        "the archive",
        "Nothing is written to the bucket any more. CloudFormation deletes it if it is empty; "
        "otherwise the bucket stays behind, outside the stack.",
        'Keep "archive" in `destinations`.',
    ),
    ("AWS::KinesisFirehose::DeliveryStream", ""): Loss(
        "the archive's Firehose stream",
        "Ends of the last five minutes may be in the stream and not yet in the bucket.",
        'Keep "archive" in `destinations`, or change it when nothing has ended for five minutes.',
    ),
    ("AWS::Events::EventBus", ""): Loss(
        "the bus of the ends",
        "Your own rules on the bus get no more ends. EventBridge does not delete a bus that has "
        "rules; the bus then stays behind, outside the stack.",
        'Keep "bus" in `destinations`, or first delete your rules.',
    ),
    ("AWS::Events::EventBus", "EventSource/Bus"): Loss(
        "the partner event bus",
        "Events that Genesys Cloud sends while the bus is missing are gone.",
        "Run `queue-ends backfill` for the time of the deploy afterwards (docs/backfill.md).",
    ),
    ("AWS::Events::Archive", ""): Loss(
        "the EventBridge archive",
        "Its events can no longer be replayed.",
        "Keep `archive_days` above 0.",
    ),
    ("AWS::Logs::LogGroup", ""): Loss(
        "a log group",
        "Its log lines are gone; with `protect`, they stay behind in the group, outside the stack.",
        "First export the lines that you need.",
    ),
    ("AWS::SNS::Topic", ""): Loss(
        "the alarms' topic",
        "Chats and pagers that you subscribed by hand get no more alarms, and each e-mail address "
        "must confirm anew.",
        "No setting replaces the topic, so a change in the code does: undo that change.",
    ),
    ("Custom::GenesysSubscription", ""): Loss(
        "the subscription in Genesys Cloud",
        'Genesys Cloud sends no more events with `delivery = "subscription"`.',
        _IN_GENESYS_CLOUD,
    ),
    ("Custom::GenesysEventSource", ""): Loss(
        "the integration in Genesys Cloud",
        'Genesys Cloud sends no more events with `delivery = "eventbridge"`.',
        _IN_GENESYS_CLOUD,
    ),
}

STATEFUL_TYPES = frozenset(resource_type for resource_type, _ in _LOSSES)
"""The types of the resources that a deploy should not lose by accident."""


def find_losses(lines: Sequence[str]) -> list[str]:
    """Return a paragraph for each resource with data that a deploy would replace or remove.

    Parameters
    ----------
    lines
        The output of `cdk diff --fail-on destructive`, without colours.

    Raises
    ------
    ValueError
        If the list has another form than that of the pinned CDK CLI.
    """
    announced = sum(int(match[1]) for match in filter(None, map(LIST_HEADER.search, lines)))
    changes = [match for match in map(_CHANGE.match, lines) if match]
    if len(changes) != announced:
        raise ValueError(
            f"The CDK CLI found {announced} destructive changes, and {len(changes)} could be read: "
            "use the CLI that package.json pins (make setup)."
        )
    return [
        f"{loss.what}, {change['path'] or change['id']}, {change['fate']}.\n"
        f"    {loss.lost}\n    {loss.instead}"
        for change in changes
        if (loss := loss_of(change["type"], change["path"] or ""))
    ]


def loss_of(resource_type: str, path: str) -> Loss | None:
    """Return what is lost with a resource, by its type and its construct's path, if anything is."""
    endings = [
        ending
        for known_type, ending in _LOSSES
        if known_type == resource_type and path.endswith(ending)
    ]
    return _LOSSES[resource_type, max(endings, key=len)] if endings else None
