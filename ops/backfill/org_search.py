"""The search for missing ends in a deployed stack's org and ledger."""

import functools
import logging
import time

from aws_lambda_powertools import Logger

from backfill.expected_ends import CONVERSATION, ExpectedEnd
from backfill.requests import PacedSearch
from backfill.search import Backfill, SendFailed, make_body
from deadline import Deadline, now_ms
from details.request_slots import BURST, SLOT_MS
from dynamodb.reads import TableReader
from dynamodb.request_slots import TableSlots
from genesys.client import GenesysClient
from genesys.conversation_search import PERMISSION, Page, search_conversations
from genesys.credentials import load_credentials
from genesys.errors import GenesysError, LoginRefused
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


def make_backfill(deployed: Deployed, rule: str, deadline: Deadline) -> Backfill:
    """Return a search of the org's analytics and the stack's ledger, which sends nothing."""
    template = read_template(deployed)
    org, queue_ids = template.event_source(), template.queue_ids()
    dynamodb = deployed.aws.client("dynamodb")
    secrets = deployed.aws.client("secretsmanager")
    credentials = load_credentials(secrets, org.secret_name, deadline)
    genesys = GenesysClient(org.login_url, org.api_url, credentials, deadline, retries=False)

    def fetch(begin_ms: int, end_ms: int, page_number: int) -> Page:
        return search_conversations(genesys, queue_ids, begin_ms, end_ms, page_number)

    table = deployed.ledger_table
    # The worker and the watchdog share the budget of requests, so its slots are taken here, too.
    slots = TableSlots(dynamodb, table, slot_ms=SLOT_MS, burst=BURST, now_ms=now_ms)
    reader = TableReader(dynamodb, table)
    return Backfill(PacedSearch(fetch, slots, now_ms), reader, rule, queue_ids)


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
