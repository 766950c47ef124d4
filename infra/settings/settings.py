"""The settings of one stage: every key with its default and its check, and what follows from it."""

from dataclasses import dataclass
from typing import Annotated

from infra.settings import attribute_filter as filters
from infra.settings import checks
from infra.settings.checks import one_of, whole_number
from infra.settings.regions import GENESYS_ACCOUNT
from infra.settings.retries import DEAD_LETTER_DAYS, INTAKE_DAYS, outage_seconds

Texts = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Settings:
    """Checked settings of one stage, and what follows from them.

    A key is a line here: its type, its check where it has one, and its default. A setting may be
    absent where None is its default. settings.toml says what each key means.
    """

    stage: Annotated[str, checks.stage]
    queue_ids: Annotated[Texts, checks.queue_ids]
    genesys_environment: Annotated[str, checks.environment] = "mypurecloud.com"
    genesys_login_url: Annotated[str | None, checks.base_url] = None
    genesys_api_url: Annotated[str | None, checks.base_url] = None
    genesys_secret: Annotated[str, checks.secret_name] = "queue-ends/genesys"  # noqa: S105 (a name)
    genesys_account: Annotated[str, checks.account_id] = GENESYS_ACCOUNT
    delivery: Annotated[str, one_of("subscription", "eventbridge")] = "subscription"
    attribute_filter: str | None = None
    end_rule: Annotated[str, one_of("touched", "last_queue", "queue_leg")] = "touched"
    # SQS delays no message for longer.
    settle_seconds: Annotated[int, whole_number(0, 900)] = 60
    archive_days: Annotated[int, whole_number(0, 3_650)] = 0
    destinations: Annotated[Texts, checks.destinations] = ("actions", "bus")
    webhook_url: Annotated[str | None, checks.webhook_url] = None
    webhook_secret: Annotated[str | None, checks.secret_name] = None
    webhook_allow_private: bool = False
    batch_size: Annotated[int, whole_number(1, 10_000)] = 10
    batching_window_seconds: Annotated[int, whole_number(0, 300)] = 0
    max_concurrency: Annotated[int | None, whole_number(2, 1_000)] = None
    worker_timeout_seconds: Annotated[int, whole_number(5, 900)] = 30
    worker_memory_mb: Annotated[int, whole_number(128, 10_240)] = 256
    max_receive_count: Annotated[int, whole_number(1, 1_000)] = 12
    retry_delay_seconds: Annotated[int, whole_number(1, 900)] = 30
    # No message may outlive what the ledger knows of it.
    ledger_days: Annotated[int, whole_number(INTAKE_DAYS + DEAD_LETTER_DAYS, 3_650)] = 20
    protect: bool = False
    watchdog: Annotated[str, one_of("off", "report", "heal")] = "heal"
    alarm_emails: Annotated[Texts, checks.emails] = ()
    # CloudWatch looks back seven days at most.
    silence_hours: Annotated[int | None, whole_number(1, 168)] = None
    runbook_url: Annotated[str, checks.runbook_url] = "docs/runbook.md"
    log_level: Annotated[str, one_of("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")] = "INFO"
    log_retention_days: Annotated[int, checks.retention_days] = 30
    tracing: bool = False
    packaging: Annotated[str, one_of("lambda", "host")] = "lambda"

    @property
    def stack_name(self) -> str:
        """Name of the CloudFormation stack."""
        return f"QueueEnds-{self.stage}"

    @property
    def subscription_name(self) -> str:
        """Name of the subscription or integration in Genesys Cloud, to find it by again."""
        return f"queue-ends-{self.stage}"

    @property
    def event_source_suffix(self) -> str:
        """End of the name of the partner event source that the integration makes."""
        return self.stack_name

    @property
    def intake_queue_name(self) -> str:
        """Name of the SQS queue that events arrive in."""
        return f"queue-ends-{self.stage}-intake"

    @property
    def dead_letter_queue_name(self) -> str:
        """Name of the SQS queue for messages that could not be processed."""
        return f"queue-ends-{self.stage}-dead"

    @property
    def undelivered_queue_name(self) -> str:
        """Name of the SQS queue for events that EventBridge could not deliver."""
        return f"queue-ends-{self.stage}-undelivered"

    @property
    def settles(self) -> bool:
        """Whether the worker decides about an end some time after it has come."""
        return self.delivery == "eventbridge" and self.end_rule == "last_queue"

    @property
    def login_url(self) -> str:
        """Base URL of Genesys Cloud's login host."""
        return self.genesys_login_url or f"https://login.{self.genesys_environment}"

    @property
    def api_url(self) -> str:
        """Base URL of Genesys Cloud's API host."""
        return self.genesys_api_url or f"https://api.{self.genesys_environment}"

    @property
    def filter_expression(self) -> str:
        """JSONata expression of the subscription: the given one, else the derived one."""
        return self.attribute_filter or filters.derived(self.queue_ids)

    @property
    def visibility_timeout_seconds(self) -> int:
        """Visibility timeout of the intake queue.

        Six times the function's timeout plus the batching window (AWS Lambda Developer Guide,
        "Creating and configuring an Amazon SQS event source mapping"); with the bounds of both
        it stays below the 43,200 s that SQS takes.
        """
        return 6 * self.worker_timeout_seconds + self.batching_window_seconds

    @property
    def outage_seconds(self) -> int:
        """Longest outage of a destination, in seconds, that is ridden out."""
        return outage_seconds(self.retry_delay_seconds, self.max_receive_count)
