"""The ledger, and the permissions of the functions that use it."""

from aws_cdk import RemovalPolicy
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from constructs import Construct

from ledger_keys import REQUEST_SLOTS_KEY, WATCHDOG_KEY

from .findings import acknowledge
from .function.keys import stack_key
from .function.requirements import Requirements
from .settings.settings import MAX_RECOVERY_DAYS, Settings


class Ledger(Construct):
    """The ledger's table, which outlives the stack if the setting `protect` is true.

    Attributes
    ----------
    table
        The DynamoDB table.
    worker_requirements
        The environment variables and permissions that the worker needs to read and write the
        table.
    watchdog_requirements
        The environment variable and the permission that the watchdog needs to take its lease.
    """

    def __init__(self, scope: Construct, construct_id: str, *, settings: Settings) -> None:
        super().__init__(scope, construct_id)
        key = stack_key(self, settings)
        self.table = dynamodb.Table(
            self,
            "Table",
            partition_key=_string_attribute("conversation_id"),
            sort_key=_string_attribute("queue_id"),
            billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
            time_to_live_attribute="expires_at",
            point_in_time_recovery_specification=_recovery(settings.ledger_recovery_days),
            encryption=dynamodb.TableEncryption.CUSTOMER_MANAGED if key else None,
            encryption_key=key,
            deletion_protection=settings.protect,
            removal_policy=RemovalPolicy.RETAIN if settings.protect else RemovalPolicy.DESTROY,
        )
        if not settings.ledger_recovery_days:
            reason = "The setting `ledger_recovery_days` is 0: no copies of ends are to be kept."
            acknowledge(self.table, {"AwsSolutions-DDB3": reason})
        read_write_statement = iam.PolicyStatement(
            sid="KeepLedger",
            # BatchExecuteStatement needs the permission for each kind of statement that it runs.
            actions=["dynamodb:PartiQLInsert", "dynamodb:PartiQLUpdate", "dynamodb:BatchGetItem"],
            resources=[self.table.table_arn],
        )
        environment = {"LEDGER_TABLE": self.table.table_name}
        statements = [read_write_statement]
        if settings.details == "analytics":
            statements.append(
                _item_statement("TakeRequestSlots", self.table, key=REQUEST_SLOTS_KEY)
            )
        self.worker_requirements = Requirements(
            environment | {"LEDGER_DAYS": str(settings.ledger_days)}, statements
        )
        self.watchdog_requirements = Requirements(
            environment, [_item_statement("TakeLease", self.table, key=WATCHDOG_KEY)]
        )


def _recovery(days: int) -> dynamodb.PointInTimeRecoverySpecification:
    return dynamodb.PointInTimeRecoverySpecification(
        point_in_time_recovery_enabled=days > 0,
        # Without a number, DynamoDB takes the most days possible.
        recovery_period_in_days=days if 0 < days < MAX_RECOVERY_DAYS else None,
    )


def _item_statement(sid: str, table: dynamodb.Table, *, key: str) -> iam.PolicyStatement:
    """Return the permission to update the item with a fixed key, and no end."""
    return iam.PolicyStatement(
        sid=sid,
        actions=["dynamodb:UpdateItem"],
        resources=[table.table_arn],
        conditions={"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": [key]}},
    )


def _string_attribute(name: str) -> dynamodb.Attribute:
    return dynamodb.Attribute(name=name, type=dynamodb.AttributeType.STRING)
