"""The ledger, and the worker's permission to read and write it."""

from aws_cdk import RemovalPolicy
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from constructs import Construct

from conversations.ledger_store import REQUEST_SLOTS_KEY

from .function.keys import stack_key
from .function.requirements import Requirements
from .settings.settings import Settings


class Ledger(Construct):
    """The ledger's table, which outlives the stack if the setting `protect` is true.

    Attributes
    ----------
    table
        The DynamoDB table.
    worker_requirements
        The environment variables and permissions that the worker needs to read and write the
        table.
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
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=True
            ),
            encryption=dynamodb.TableEncryption.CUSTOMER_MANAGED if key else None,
            encryption_key=key,
            deletion_protection=settings.protect,
            removal_policy=RemovalPolicy.RETAIN if settings.protect else RemovalPolicy.DESTROY,
        )
        read_write_statement = iam.PolicyStatement(
            sid="KeepLedger",
            # BatchExecuteStatement needs the permission for each kind of statement that it runs.
            actions=["dynamodb:PartiQLInsert", "dynamodb:PartiQLUpdate", "dynamodb:BatchGetItem"],
            resources=[self.table.table_arn],
        )
        environment = {
            "LEDGER_TABLE": self.table.table_name,
            "LEDGER_DAYS": str(settings.ledger_days),
        }
        statements = [read_write_statement]
        if settings.details == "analytics":
            statements.append(_request_slots_statement(self.table))
        self.worker_requirements = Requirements(environment, statements)


def _request_slots_statement(table: dynamodb.Table) -> iam.PolicyStatement:
    """Return the permission to take request slots, which are in an item of the table."""
    return iam.PolicyStatement(
        sid="TakeRequestSlots",
        actions=["dynamodb:UpdateItem"],
        resources=[table.table_arn],
        # Only the item with the request slots, and no end.
        conditions={"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": [REQUEST_SLOTS_KEY]}},
    )


def _string_attribute(name: str) -> dynamodb.Attribute:
    return dynamodb.Attribute(name=name, type=dynamodb.AttributeType.STRING)
