"""The settings of a stage: a row for each key, and the values that follow from them."""

from dataclasses import dataclass
from typing import Annotated

from infra.settings import attribute_filter as filters
from infra.settings import checks
from infra.settings.checks import Between, OneOf
from infra.settings.key import Example, OnlyWith, keys_of
from infra.settings.regions import GENESYS_ACCOUNT
from infra.settings.retries import DEAD_LETTER_DAYS, INTAKE_DAYS, outage_seconds

Texts = tuple[str, ...]

EXAMPLE_QUEUES = (
    "a1b2c3d4-e5f6-7890-1234-567890abcdef",
    "b2c3d4e5-f6a7-4901-8345-67890abcdef1",
)


@dataclass(frozen=True, slots=True)
class Settings:
    """The checked settings of one stage.

    A row declares a key: its type, check, other marks (see key.py) and default, then the text that
    explains it. A comment that ends in a colon begins a section. settings.toml and docs/settings.md
    are written from the rows: `python -m infra.settings.reference`.
    """

    stage: str

    # Queues:
    queue_ids: Annotated[Texts, checks.queue_ids, Example(EXAMPLE_QUEUES)]
    """Ids of the Genesys Cloud queues whose conversation ends you want (Admin > Contact Center >
    Queues; the id is in the address of the queue's page). The two in settings.toml are examples:
    put your own there. Add new ones at the end: with many queues and eventbridge, one in between
    moves others to another rule."""

    # Genesys Cloud:
    genesys_environment: Annotated[str, checks.environment] = "mypurecloud.com"
    """Domain of your org (mypurecloud.ie, usw2.pure.cloud, ...) or the name of its AWS region."""
    genesys_secret: Annotated[str, checks.secret_name] = "queue-ends/genesys"  # noqa: S105 (a name)
    """Name of the Secrets Manager secret with JSON: {"client_id": "...", "client_secret": "..."}"""
    genesys_login_url: Annotated[
        str | None, checks.base_url, Example("https://login.mypurecloud.com")
    ] = None
    """The org's login host, for proxies and tests; it follows from genesys_environment."""
    genesys_api_url: Annotated[
        str | None, checks.base_url, Example("https://api.mypurecloud.com")
    ] = None
    """The org's API host, for proxies and tests; it follows from genesys_environment."""
    delivery: Annotated[str, OneOf("subscription", "eventbridge")] = "subscription"
    """How events arrive: "subscription", through an event subscription that sends to the intake
    queue, or "eventbridge", through an Amazon EventBridge integration and its partner event bus.
    docs/genesys.md helps to choose."""
    genesys_account: Annotated[str, checks.account_id, OnlyWith("subscription")] = GENESYS_ACCOUNT
    """AWS account that a subscription sends from; FedRAMP: "325654371633"."""
    attribute_filter: Annotated[
        str | None, OnlyWith("subscription"), Example(f"queueId = '{EXAMPLE_QUEUES[0]}'")
    ] = None
    """JSONata expression on the event's attributes, in place of the one made from queue_ids."""
    end_rule: Annotated[
        str, OneOf("touched", "last_queue", "queue_leg"), OnlyWith("eventbridge")
    ] = "touched"
    """What counts as an end: "touched", the end of a conversation, for each queue that it was in;
    "last_queue", the same for the last of them alone; "queue_leg", each time that an agent is done
    with it, or that the customer gives up waiting, in a queue."""
    settle_seconds: Annotated[int, Between(0, 900), OnlyWith("eventbridge")] = 60
    """For "last_queue": seconds to wait for events that are under way before it decides; SQS
    delays no message for longer than 900."""
    archive_days: Annotated[int, Between(0, 3_650), OnlyWith("eventbridge")] = 0
    """For how many days an EventBridge archive keeps all events of the bus, so that they can be
    replayed; with 0 there is no archive."""

    # Destinations:
    destinations: Annotated[Texts, checks.destinations] = ("actions", "bus")
    """Where ends go, in this order; only those named are deployed (docs/once.md). "actions" calls
    your Python in functions/destinations/actions.py, "bus" puts an event on an EventBridge bus of
    the stack, "webhook" posts to a URL, "archive" writes to an S3 bucket of the stack."""
    webhook_url: Annotated[
        str | None, checks.webhook_url, Example("https://example.com/conversation-ended")
    ] = None
    """For "webhook": https, without a user name or password. It is no secret: the template shows
    it."""
    webhook_secret: Annotated[str | None, checks.secret_name, Example("queue-ends/webhook")] = None
    """For "webhook": name of the Secrets Manager secret whose text is the key that signs: whsec_
    and base64."""
    webhook_allow_private: bool = False
    """For "webhook": private addresses are refused unless this is set."""
    ledger_days: Annotated[int, Between(INTAKE_DAYS + DEAD_LETTER_DAYS, 3_650)] = 20
    """For how many days ends are remembered; a message can live for 18."""
    protect: bool = False
    """Keep the ledger and the archive when the stack is deleted, and refuse to delete the ledger.
    Otherwise both go with it, but an archive must be emptied first: S3 deletes no bucket with
    objects in it. Set it after the first deploy: a deploy that fails would leave an empty ledger
    behind."""

    # Worker:
    batch_size: Annotated[int, Between(1, 10_000)] = 10
    """Messages in one invocation; over 10 need batching_window_seconds of at least 1. If your
    action is slow, its whole batch must fit: batch_size times its seconds into the worker's
    timeout, less 3 s, divided by the number of destinations."""
    batching_window_seconds: Annotated[int, Between(0, 300)] = 0
    """Seconds to wait for a full batch."""
    max_concurrency: Annotated[int | None, Between(2, 1_000), Example(20)] = None
    """Most invocations at a time; no limit of its own unless set."""
    worker_timeout_seconds: Annotated[int, Between(5, 900)] = 30
    """Seconds that one invocation may take."""
    worker_memory_mb: Annotated[int, Between(128, 10_240)] = 256
    """Memory of one invocation; its share of a processor grows with it."""
    max_receive_count: Annotated[int, Between(1, 1_000)] = 12
    """Receives before a message goes to the dead-letter queue; better 5 or more."""
    retry_delay_seconds: Annotated[int, Between(1, 900)] = 30
    """First delay of a message that failed, in seconds; it doubles with each receive, up to 900."""

    # Watch:
    watchdog: Annotated[str, OneOf("off", "report", "heal")] = "heal"
    """Every five minutes a watchdog reads the subscription, or integration, back from Genesys Cloud
    and compares it with the deployed one (docs/runbook.md). "off" deploys no watchdog, "report"
    raises an alarm on a difference; "heal" is meant to mend it too, but does the same as "report"
    for now."""
    alarm_emails: Annotated[Texts, checks.emails, Example(("on-call@example.com",))] = ()
    """Who is mailed when an alarm changes its state; each address gets a mail to confirm that
    first."""
    silence_hours: Annotated[int | None, Between(1, 168), Example(24)] = None
    """Alarm when no conversation ended for so many hours; CloudWatch looks back seven days at
    most."""
    runbook_url: Annotated[
        str,
        checks.runbook_url,
        Example("https://github.example.com/our-team/queue-ends/blob/main/docs/runbook.md"),
    ] = "docs/runbook.md"
    """Where your team reads docs/runbook.md: alarms and the dashboard link there."""

    # Logs:
    log_level: Annotated[str, OneOf("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")] = "INFO"
    """The functions' logs hold lines of this level and above: DEBUG, INFO, WARNING, ERROR or
    CRITICAL."""
    log_retention_days: Annotated[int, checks.retention_days] = 30
    """For how many days logs are kept: 1, 3, 5, 7, 14, 30, 60, 90, 180, 365 or another number that
    CloudWatch Logs knows."""
    tracing: bool = False
    """X-Ray active tracing of the functions."""

    # Packaging:
    packaging: Annotated[str, OneOf("lambda", "host")] = "lambda"
    """What the functions are packed for: "lambda", or "host" to run on this machine in an emulator
    of AWS."""

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
    def login_url(self) -> str:
        """Base URL of Genesys Cloud's login host."""
        return self.genesys_login_url or f"https://login.{self.genesys_environment}"

    @property
    def api_url(self) -> str:
        """Base URL of Genesys Cloud's API host."""
        return self.genesys_api_url or f"https://api.{self.genesys_environment}"

    @property
    def filter_expression(self) -> str:
        """JSONata expression of the subscription: the setting, or else the derived one."""
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


KEYS = keys_of(Settings)
