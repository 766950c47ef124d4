"""The settings of a stage: a field for each key, and properties derived from the fields."""

from dataclasses import dataclass
from typing import Annotated

from . import attribute_filter as filters
from . import checks, retries
from .account.fields import AccountSettings, Strings
from .checks import Between, OneOf
from .key import Example, OnlyWithDelivery, keys_of
from .regions import GENESYS_ACCOUNT
from .retries import DEAD_LETTER_DAYS, INTAKE_DAYS

EXAMPLE_QUEUE_IDS = (
    "a1b2c3d4-e5f6-7890-1234-567890abcdef",
    "b2c3d4e5-f6a7-4901-8345-67890abcdef1",
)
# DynamoDB's limit for point-in-time recovery, and its default.
MAX_RECOVERY_DAYS = 35


@dataclass(frozen=True, slots=True)
class Settings(AccountSettings):
    """The checked settings of one stage.

    Each field after `stage` declares a key of settings.toml. A field can be annotated with a check,
    an `OnlyWithDelivery` and an `Example`. The string after a field is its help text. A comment
    that ends in a colon begins a section. `python -m infra.settings.reference` writes
    docs/settings.md and the comments in settings.toml from the fields.

    Attributes
    ----------
    deployed_at
        The time of a deploy; None for any other command.
    region
        The AWS region that the stack will be deployed to; None if it is not known.
    """

    stage: str

    # Queues:
    queue_ids: Annotated[Strings, checks.queue_ids, Example(EXAMPLE_QUEUE_IDS)]
    """Ids of the Genesys Cloud queues that interest you. Genesys Cloud shows a queue's id in the
    address of the queue's page (Admin > Contact Center > Queues). The two ids in settings.toml are
    examples: replace them. Each "make deploy" checks that the org has the queues and looks up their
    names. Add new ids at the end of the list. With delivery = "eventbridge" and
    many queues, a new id elsewhere moves the ids after it to other EventBridge rules."""

    # Genesys Cloud:
    genesys_environment: Annotated[str, checks.environment] = "mypurecloud.com"
    """Domain of your org, such as mypurecloud.ie, or the org's AWS region, such as eu-west-1."""
    genesys_secret: Annotated[str, checks.secret_name] = "queue-ends/genesys"  # noqa: S105 (a name)
    """Name of the Secrets Manager secret that holds {"client_id": "...", "client_secret": "..."}"""
    genesys_login_url: Annotated[
        str | None, checks.base_url, Example("https://login.mypurecloud.com")
    ] = None
    """Base URL for logins. Set it only for a proxy or a test. If absent, it is derived from
    genesys_environment."""
    genesys_api_url: Annotated[
        str | None, checks.base_url, Example("https://api.mypurecloud.com")
    ] = None
    """Base URL of the API. Set it only for a proxy or a test. If absent, it is derived from
    genesys_environment."""
    delivery: Annotated[str, OneOf("subscription", "eventbridge")] = "subscription"
    """How events arrive. With "subscription", a Genesys Cloud event subscription sends them to the
    intake queue. With "eventbridge", an Amazon EventBridge integration sends them to a partner
    event bus. docs/genesys.md helps you choose."""
    genesys_account: Annotated[str, checks.account_id, OnlyWithDelivery("subscription")] = (
        GENESYS_ACCOUNT
    )
    """Genesys Cloud's AWS account, from which the subscription sends events. In FedRAMP it is
    "325654371633"."""
    attribute_filter: Annotated[
        str | None, OnlyWithDelivery("subscription"), Example(f"queueId = '{EXAMPLE_QUEUE_IDS[0]}'")
    ] = None
    """JSONata expression that filters events by their attributes. It replaces the filter that is
    derived from queue_ids."""
    end_rule: Annotated[
        str, OneOf("touched", "last_queue", "queue_leg"), OnlyWithDelivery("eventbridge")
    ] = "touched"
    """Decides when a conversation ends in a queue. With "touched", it ends in every queue that it
    was in since its previous end, as soon as the customer has left for good. With "last_queue", it
    ends only in the last of these queues, settle_seconds later. With "queue_leg", the conversation
    ends in a queue each time the customer gives up waiting there, and each time an agent who took
    the conversation from this queue is done with it."""
    settle_seconds: Annotated[int, Between(0, 900), OnlyWithDelivery("eventbridge")] = 60
    """How many seconds the end rule "last_queue" waits for late events before it picks the last
    queue. SQS cannot delay a message for more than 900 seconds."""
    archive_days: Annotated[int, Between(0, 3_650), OnlyWithDelivery("eventbridge")] = 0
    """How many days an EventBridge archive keeps all events of the partner event bus, so that you
    can replay them. With 0 there is no archive."""

    # Details:
    details: Annotated[str, OneOf("none", "analytics")] = "none"
    """With "none", an end has only what its event says. With "analytics", the worker asks Genesys
    Cloud's analytics for each end's participants and metrics. An end whose details are not there
    yet then waits for them."""
    details_wait_seconds: Annotated[int, Between(0, 900)] = 60
    """How many seconds the worker waits before it asks again for details that were not there."""
    details_attempts: Annotated[int, Between(1, 10)] = 3
    """How often the worker asks for an end's details. If they are still not there, it delivers the
    end without them."""
    details_personal: bool = False
    """If true, the details contain personal data: names, phone numbers and addresses, and agents'
    notes."""

    # Destinations:
    destinations: Annotated[Strings, checks.destinations] = ("actions", "bus")
    """Where ends go. "actions" calls your Python code in functions/destinations/actions.py, "bus"
    puts an event on an EventBridge bus, "webhook" posts to a URL, and "archive" writes to an S3
    bucket. Only the destinations in the list are deployed (docs/once.md)."""
    webhook_url: Annotated[
        str | None, checks.webhook_url, Example("https://example.com/conversation-ended")
    ] = None
    """URL of the destination "webhook". It must be https, without a user name or password. The URL
    is not kept secret: the CloudFormation template shows it."""
    webhook_secret: Annotated[str | None, checks.secret_name, Example("queue-ends/webhook")] = None
    """Name of the Secrets Manager secret that holds the signing key of the destination "webhook".
    The secret's value is whsec_ followed by the key in base64."""
    webhook_allow_private: bool = False
    """If true, the host in webhook_url may have a private address. If false, the worker refuses to
    call a private address."""
    ledger_days: Annotated[int, Between(INTAKE_DAYS + DEAD_LETTER_DAYS, 3_650)] = 50
    """How many days the ledger remembers an end. A message can live for 18 days (4 in the intake
    queue, then 14 in the dead-letter queue), so an end must be remembered for at least as long. The
    default adds the 30 days in which Genesys Cloud can re-open a conversation: by default, an
    e-mail thread lives for 30 days, and a callback can be scheduled up to 30 days ahead."""
    ledger_recovery_days: Annotated[int, Between(0, MAX_RECOVERY_DAYS)] = MAX_RECOVERY_DAYS
    """For how many days back you can restore the ledger. DynamoDB keeps deleted and forgotten ends
    that much longer (docs/security.md). With 0 it keeps no copies."""
    archive_expiry_days: Annotated[int, Between(0, 3_650)] = 0
    """How many days the destination "archive" keeps a file. With 0 files never expire."""
    protect: bool = False
    """If true, the ledger, the S3 archive and the logs are kept when the stack is deleted, and
    DynamoDB refuses to delete the ledger. If false, all are deleted with the stack, but you must
    empty the archive first: S3 deletes only an empty bucket. Set protect to true only after the
    first deploy: if that deploy failed, its roll-back would keep an empty ledger."""

    # Worker:
    batch_size: Annotated[int, Between(1, 10_000)] = 10
    """Maximum number of messages in one invocation. A batch_size over 10 needs a
    batching_window_seconds of at least 1. If your action is slow, keep
    batch_size * (seconds per action) at or below worker_timeout_seconds - 3: in the last 3 seconds,
    the worker records and reports the results."""
    batching_window_seconds: Annotated[int, Between(0, 300)] = 0
    """Longest time that Lambda waits for a full batch, in seconds."""
    max_concurrency: Annotated[int | None, Between(2, 1_000), Example(20)] = None
    """Maximum number of worker invocations at the same time. If absent, only the AWS account's
    limit applies."""
    worker_timeout_seconds: Annotated[int, Between(5, 900)] = 30
    """Timeout of one invocation of the worker, in seconds."""
    worker_memory_mb: Annotated[int, Between(128, 10_240)] = 256
    """Memory of the worker, in MB. With more memory the worker also gets more CPU."""
    max_receive_count: Annotated[int, Between(1, 1_000)] = 12
    """Number of receives before a message moves to the dead-letter queue. AWS advises at least 5.
    All receives and the delays between them must fit into the 4 days that the intake queue keeps a
    message."""
    retry_delay_seconds: Annotated[int, Between(1, 900)] = 30
    """Delay between a message's first failure and its next receive, in seconds. The delay doubles
    with each receive, up to 900 seconds."""

    # Monitoring:
    watchdog: Annotated[str, OneOf("off", "report", "heal")] = "heal"
    """The watchdog reads the subscription or integration from Genesys Cloud every five minutes, and
    compares it with the deployed stack (docs/runbook.md). "off" deploys no watchdog. "report"
    raises an alarm if there is a difference. "heal" removes the difference, too, unless the stack
    is being deployed or deleted."""
    backfill: Annotated[str, OneOf("off", "report", "repair")] = "off"
    """Whether the watchdog also looks for ends that never arrived (docs/backfill.md). "off" looks
    for none. "report" counts them and raises an alarm. "repair" also delivers them. Both need the
    permission analytics:conversationDetail:view."""
    alarm_emails: Annotated[Strings, checks.emails, Example(("on-call@example.com",))] = ()
    """Addresses that get an e-mail when an alarm changes its state. Each address first gets an
    e-mail that asks for confirmation."""
    silence_hours: Annotated[int | None, Between(1, 168), Example(24)] = None
    """Raises an alarm if no conversation has ended for this many hours. CloudWatch looks back at
    most seven days."""
    runbook_url: Annotated[
        str,
        checks.runbook_url,
        Example("https://github.example.com/our-team/queue-ends/blob/main/docs/runbook.md"),
    ] = "docs/runbook.md"
    """Where your team reads docs/runbook.md. The alarms and the dashboard link to it."""

    # Logs:
    log_level: Annotated[str, OneOf("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")] = "INFO"
    """Lowest level of the lines in the functions' logs: DEBUG, INFO, WARNING, ERROR or CRITICAL."""
    log_retention_days: Annotated[int, checks.retention_days] = 30
    """How many days logs are kept: 1, 3, 5, 7, 14, 30, 60, 90, 180, 365 or another retention that
    CloudWatch Logs supports."""
    tracing: bool = False
    """If true, AWS X-Ray traces the functions."""

    # The command line sets `stage` and these fields, which are no keys of settings.toml.
    deployed_at: str | None = None
    region: str | None = None

    @property
    def stack_name(self) -> str:
        return f"QueueEnds-{self.stage}"

    @property
    def resource_name(self) -> str:
        """Name that identifies the stack's subscription or integration in Genesys Cloud."""
        return f"queue-ends-{self.stage}"

    @property
    def event_source_suffix(self) -> str:
        """Suffix that the integration gives to its partner event source's name."""
        return self.stack_name

    @property
    def intake_queue_name(self) -> str:
        return f"queue-ends-{self.stage}-intake"

    @property
    def dead_letter_queue_name(self) -> str:
        return f"queue-ends-{self.stage}-dead"

    @property
    def undelivered_queue_name(self) -> str:
        return f"queue-ends-{self.stage}-undelivered"

    @property
    def login_url(self) -> str:
        return self.genesys_login_url or f"https://login.{self.genesys_environment}"

    @property
    def api_url(self) -> str:
        return self.genesys_api_url or f"https://api.{self.genesys_environment}"

    @property
    def filter_expression(self) -> str:
        """JSONata expression that filters the subscription's events."""
        return self.attribute_filter or filters.derive_filter(self.queue_ids)

    @property
    def visibility_timeout_seconds(self) -> int:
        """Visibility timeout of the intake queue.

        AWS advises the batching window plus six times the function's timeout (see "Creating and
        configuring an Amazon SQS event source mapping" in the Lambda Developer Guide). The ranges
        of both settings keep the result below 43,200 s, the maximum that SQS accepts.
        """
        return 6 * self.worker_timeout_seconds + self.batching_window_seconds

    @property
    def details_delay_seconds(self) -> int:
        """How long an end waits between two requests for its details; 0 if it never waits."""
        return self.details_wait_seconds if self.delays_ends else 0

    @property
    def delays_ends(self) -> bool:
        """Whether ends can wait for their details in delayed messages."""
        return self.details == "analytics" and self.details_attempts > 1

    @property
    def outage_seconds(self) -> int:
        """How long a destination may be down before messages move to the dead-letter queue."""
        return retries.outage_seconds(self.retry_delay_seconds, self.max_receive_count)


KEYS = keys_of(Settings)
