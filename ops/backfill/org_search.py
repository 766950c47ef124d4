"""The search for missing ends in a deployed stack's org and ledger."""

import functools
import logging
import time

from aws_lambda_powertools import Logger

from backfill.assembly import make_backfill
from backfill.expected_ends import CONVERSATION, ExpectedEnd
from backfill.search import Backfill, SendFailed, make_body
from backfill.windows import DAY_MS
from deadline import Deadline, now_ms
from genesys.client import GenesysClient
from genesys.conversation_search import PERMISSION
from genesys.credentials import load_credentials
from genesys.errors import GenesysError, LoginRefused
from infra.settings.attribute_filter import derive_filter
from intake.sending import send_bodies
from ops.deployed import Deployed
from ops.errors import OpsError, Status
from ops.template import read_template

# A search of a long window in a large org sends thousands of requests.
MAX_SECONDS = 6 * 3600.0


def make_deadline() -> Deadline:
    """Return the time by which a search must be over."""
    ends_at = time.monotonic() + MAX_SECONDS
    return Deadline(lambda: ends_at - time.monotonic())


def end_rule_of(deployed: Deployed) -> str:
    """Return the rule that decides which ends a conversation has in a deployed stack."""
    # Without an end rule, Genesys Cloud itself decides when a conversation ends.
    return deployed.worker_variables().get("END_RULE", CONVERSATION)


def check_sendable(deployed: Deployed) -> None:
    """Raise `OpsError` if the stack has a filter of its own, which can hold ends back.

    Only Genesys Cloud knows which ends it has held back. They look missing, too.
    """
    template = read_template(deployed)
    expression = template.attribute_filter()
    if expression not in (None, derive_filter(template.queue_ids())):
        raise OpsError(
            "The stack's attribute_filter holds ends back, and these look missing, too. Use "
            "--dry-run to see them all.",
            Status.USAGE,
        )


def remembered_since_ms(deployed: Deployed) -> int:
    """Return since when the ledger remembers ends, in epoch milliseconds."""
    return now_ms() - int(deployed.worker_variables()["LEDGER_DAYS"]) * DAY_MS


def make_search(deployed: Deployed, rule: str, deadline: Deadline) -> Backfill:
    """Return a search of the org's analytics and the stack's ledger, which sends nothing."""
    template, secrets = read_template(deployed), deployed.aws.client("secretsmanager")
    org = template.event_source()

    def log_in() -> GenesysClient:
        credentials = load_credentials(secrets, org.secret_name, deadline)
        return GenesysClient(org.login_url, org.api_url, credentials, deadline, retries=False)

    return make_backfill(
        log_in,
        deployed.aws.client("dynamodb"),
        deployed.ledger_table,
        rule=rule,
        queue_ids=template.queue_ids(),
        send=None,
        now_ms=now_ms,
    )


def send_ends(deployed: Deployed, ends: list[ExpectedEnd], deadline: Deadline) -> None:
    """Send ends to the intake queue.

    Raises
    ------
    SendFailed
        The intake queue has not confirmed every message.
    """
    logger = Logger(service="backfill", level=logging.ERROR)
    send = functools.partial(
        send_bodies, deployed.aws.client("sqs"), deployed.queue_url, logger=logger
    )
    bodies = [make_body(end) for end in ends]
    unsent = send(bodies, deadline).count(False)
    if unsent:
        raise SendFailed(f"The intake queue has not confirmed {unsent} of {len(ends)} messages.")


def explain(error: GenesysError) -> OpsError:
    """Return what an operator should know of a search that Genesys Cloud did not answer."""
    match error:
        case LoginRefused():
            advice = "Genesys Cloud refuses the login. Run queue-ends doctor."
        case GenesysError(status=403):
            advice = f"Give the role of the OAuth client the permission {PERMISSION}."
        case _:
            advice = "Genesys Cloud did not answer the search. Try again later."
    return OpsError(f"{advice} {error}.", Status.UNAVAILABLE)
