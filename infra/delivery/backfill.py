"""What the watchdog needs for the backfill, which finds ends that never arrived."""

from aws_cdk import aws_iam as iam

from ledger_keys import BACKFILL_KEY, REQUEST_SLOTS_KEY

from ..function.requirements import Requirements
from ..intake_queues import IntakeQueues
from ..ledger import Ledger
from ..settings.settings import Settings


def backfill_requirements(
    settings: Settings, backfill_rule: str, ledger: Ledger, intake: IntakeQueues
) -> Requirements:
    """Return the watchdog's requirements for the backfill; nothing if the backfill is off.

    Parameters
    ----------
    backfill_rule
        As in `Source`.
    """
    if settings.backfill == "off":
        return Requirements()
    table = ledger.table
    environment = {"BACKFILL": settings.backfill, "END_RULE": backfill_rule}
    statements = [
        iam.PolicyStatement(
            sid="LookUpEnds", actions=["dynamodb:BatchGetItem"], resources=[table.table_arn]
        ),
        iam.PolicyStatement(
            sid="KeepBackfillCursors",
            actions=["dynamodb:GetItem", "dynamodb:UpdateItem"],
            resources=[table.table_arn],
            # Only the items with the cursors and with the request slots, and no end.
            conditions={
                "ForAllValues:StringEquals": {
                    "dynamodb:LeadingKeys": [BACKFILL_KEY, REQUEST_SLOTS_KEY]
                }
            },
        ),
    ]
    if settings.backfill == "repair":
        statements.append(
            iam.PolicyStatement(
                sid="SendMissedEnds",
                actions=["sqs:SendMessage"],
                resources=[intake.queue.queue_arn],
            )
        )
    return Requirements(environment, statements)
