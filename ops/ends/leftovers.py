"""The places where copies of an end can remain after `forget`, and how to remove them."""

import shlex
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from ops.deployed import Deployed
from ops.stack.resources import StackResources


@dataclass(frozen=True, slots=True)
class Leftover:
    """A place, what it may hold and for how long, and commands that find or remove it."""

    place: str
    text: str
    commands: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def describe_leftovers(
    deployed: Deployed, resources: StackResources, conversation_id: str
) -> list[Leftover]:
    """Return the places in which this stack may still hold something of a conversation."""
    return [
        *_archive(deployed, conversation_id),
        *_logs(resources, conversation_id),
        *_partner_event_archive(resources),
        Leftover(
            "DynamoDB backups",
            "point-in-time recovery can restore the ledger's items for ledger_recovery_days, 35 "
            "by default. Nobody can delete them from it sooner, except by turning it off for the "
            "whole table.",
        ),
        Leftover(
            "Receivers",
            "your CRM, webhook receiver and the consumers of the ends bus keep what they got "
            f"({deployed.worker_variables()['DESTINATIONS'].replace(',', ', ')}). Remove it there.",
        ),
        Leftover(
            "Files of queue-ends dlq drop",
            "they hold the bodies of dropped messages. Search them where the command was run.",
            (f"grep -l {shlex.quote(conversation_id)} *.jsonl",),
        ),
        Leftover("CloudWatch metrics", "they hold counts and queue ids, and nothing to remove."),
    ]


def _archive(deployed: Deployed, conversation_id: str) -> Iterator[Leftover]:
    bucket = deployed.outputs.get("ArchiveBucketName")
    if not bucket:
        return
    # The table is that of docs/athena.md. An id has no quote, but an operator can mistype it.
    literal = conversation_id.replace("'", "''")
    # The operator runs the query, which this module only prints.
    query = (
        'SELECT DISTINCT "$path" FROM conversation_ends '  # noqa: S608
        f"WHERE conversation_id = '{literal}'"
    )
    yield Leftover(
        "Archive (S3)",
        "it keeps each end for archive_expiry_days, or until you delete it. Find the files with "
        "Athena (docs/athena.md has the table), then rewrite each file without the conversation's "
        "lines.",
        (
            f"aws athena start-query-execution --query-string {shlex.quote(query)}",
            f"aws s3 cp s3://{bucket}/ends/DAY/FILE - | gunzip "
            f"| grep -v {shlex.quote(conversation_id)} | gzip > kept.gz",
            f"aws s3 cp kept.gz s3://{bucket}/ends/DAY/FILE",
        ),
    )


def _logs(resources: StackResources, conversation_id: str) -> Iterator[Leftover]:
    pattern = shlex.quote(f'"{conversation_id}"')
    groups = [shlex.quote(group) for group in resources.ids("AWS::Logs::LogGroup")]
    if groups:
        yield Leftover(
            "Logs",
            "lines with the id expire after log_retention_days. CloudWatch Logs deletes no single "
            "lines: find their log streams, and delete these.",
            (
                *(
                    f"aws logs filter-log-events --log-group-name {group} "
                    f"--filter-pattern {pattern} --query 'events[].logStreamName'"
                    for group in groups
                ),
                "aws logs delete-log-stream --log-group-name GROUP --log-stream-name STREAM",
            ),
        )


def _partner_event_archive(resources: StackResources) -> Iterator[Leftover]:
    for name in resources.ids("AWS::Events::Archive"):
        yield Leftover(
            "EventBridge archive",
            "it keeps all events of the partner bus for archive_days. EventBridge deletes no "
            "single events: wait, or delete the archive.",
            (f"aws events delete-archive --archive-name {shlex.quote(name)}",),
        )
