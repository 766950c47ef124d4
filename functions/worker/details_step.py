"""The step in which claimed ends get their details, or are put off until the details are there.

The worker imports this module only if the setting `details` is `analytics`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import boto3

from conversations.claim import Marked
from conversations.ledger import Claims
from deadline import Deadline, now_ms
from details.completion import complete_end, give_up_details
from details.details import Details, EndInConversation, read_details
from details.lookup import ConversationLookup
from details.models import Conversation
from details.request_slots import BURST, SLOT_MS
from dynamodb.request_slots import TableSlots
from genesys.analytics import Analytics
from genesys.client import GenesysClient
from genesys.credentials import SECRETS_MANAGER_CONFIG, load_credentials
from intake.delayed_ends import make_delayed_body
from intake.sending import MAX_BYTES
from logs import json_logger
from worker.claimed_end import ClaimedEnd
from worker.intake_queue import IntakeQueue
from worker.report import Outcome
from worker.time_budget import TimeBudget
from worker.variables import WorkerVariables

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


# Without a delay, the message could arrive before the claim is released. It would then come back
# only after the lease.
_MIN_DELAY_SECONDS = 1


class FindsConversations(Protocol):
    """Finds conversations in analytics, as `details.lookup.ConversationLookup` does."""

    def find(
        self, conversation_ids: Sequence[str], deadline: Deadline
    ) -> Mapping[str, Conversation]:
        """Return the conversations that analytics have, keyed by id; never raise an error."""


@dataclass(frozen=True, slots=True)
class DetailsSettings:
    """The settings of the step.

    Attributes
    ----------
    wait_seconds
        The pause before the details are requested again, from 0 to 900; 0 counts as 1.
    max_attempts
        How often an end's details are requested before the end is delivered without them.
    with_personal_data
        Whether the details contain names, addresses and notes.
    ends_are_legs
        Whether a conversation can go on after its end, as under the end rule `queue_leg`.
    """

    wait_seconds: int
    max_attempts: int
    with_personal_data: bool
    ends_are_legs: bool


class DetailsStep:
    """Completes claimed ends with details from analytics.

    An end whose details are not there yet is put off: first a delayed message with the end is sent,
    and then the claim is released. After that, the messages that report the end are done. If the
    invocation crashes in between, these messages come back, and the ledger recognizes the end.

    At the last attempt, the end is not put off, but delivered without details.
    """

    def __init__(
        self, lookup: FindsConversations, intake: IntakeQueue, settings: DetailsSettings
    ) -> None:
        self._lookup = lookup
        self._intake = intake
        self._settings = settings

    def run(
        self, claimed_ends: Sequence[ClaimedEnd], claims: Claims, budget: TimeBudget
    ) -> tuple[list[ClaimedEnd], list[Outcome]]:
        """Return the ends to deliver now, and the outcomes of the messages of all other ends."""
        if not claimed_ends:
            return [], []
        ids = [claimed_end.end.conversation_id for claimed_end in claimed_ends]
        conversations = self._lookup.find(ids, budget.next_step_deadline())
        ready_ends: list[ClaimedEnd] = []
        delayed_bodies: list[str] = []
        delayed_ends: list[ClaimedEnd] = []
        for claimed_end in claimed_ends:
            claimed_end.details_attempts += 1
            details = self._read_details(claimed_end, conversations)
            if details:
                claimed_end.end = complete_end(
                    claimed_end.end,
                    details,
                    with_personal_data=self._settings.with_personal_data,
                )
            elif body := self._make_delayed_body(claimed_end):
                delayed_ends.append(claimed_end)
                delayed_bodies.append(body)
                continue
            else:
                claimed_end.end = give_up_details(
                    claimed_end.end, with_personal_data=self._settings.with_personal_data
                )
            ready_ends.append(claimed_end)
        outcomes = self._put_off(delayed_ends, delayed_bodies, claims, budget)
        return ready_ends, outcomes

    def _put_off(
        self,
        claimed_ends: Sequence[ClaimedEnd],
        bodies: Sequence[str],
        claims: Claims,
        budget: TimeBudget,
    ) -> list[Outcome]:
        """Send delayed messages, release the claims, and return the outcomes of the messages."""
        deadline = budget.next_step_deadline()
        if not claimed_ends:
            return []
        delay_seconds = max(_MIN_DELAY_SECONDS, self._settings.wait_seconds)
        sent_flags = self._intake.send_delayed(bodies, delay_seconds, deadline)
        reason_if_unsent = "no_time" if deadline.passed() else "settling"
        for claimed_end, sent in zip(claimed_ends, sent_flags, strict=True):
            if sent:
                claimed_end.claim.details_attempts = claimed_end.details_attempts
        results = claims.release(
            [claimed_end.claim for claimed_end in claimed_ends], budget.interim_mark_deadline()
        )
        outcomes: list[Outcome] = []
        for claimed_end, sent, result in zip(claimed_ends, sent_flags, results, strict=True):
            messages = claimed_end.messages
            if not sent:
                outcomes += [Outcome(m, "failed", reason_if_unsent) for m in messages]
            elif claimed_end.claim.is_span_extended and not isinstance(result, Marked):
                # The ledger does not have the times of these messages, so they must come back.
                outcomes += [Outcome(m, "failed", "ledger", "span not recorded") for m in messages]
            else:
                outcomes += [Outcome(m, "ignored", "awaiting_details") for m in messages]
        return outcomes

    def _read_details(
        self, claimed_end: ClaimedEnd, conversations: Mapping[str, Conversation]
    ) -> Details | None:
        conversation = conversations.get(claimed_end.end.conversation_id)
        if conversation is None:
            return None
        claim = claimed_end.claim
        part = EndInConversation(
            claim.key.queue_id,
            claim.ended_at,
            claim.previous_end_at,
            is_leg=self._settings.ends_are_legs,
        )
        return read_details(
            conversation,
            part,
            with_personal_data=self._settings.with_personal_data,
            is_last_attempt=claimed_end.details_attempts >= self._settings.max_attempts,
        )

    def _make_delayed_body(self, claimed_end: ClaimedEnd) -> str | None:
        """Return the body of the delayed message; None if the end cannot be put off any more."""
        if claimed_end.details_attempts >= self._settings.max_attempts:
            return None
        body = make_delayed_body(
            claimed_end.end,
            claimed_end.claim.ended_at,
            has_own_time=claimed_end.has_own_time,
            details_attempts=claimed_end.details_attempts,
        )
        return body if body and len(body) <= MAX_BYTES else None


def make_details_step(
    variables: WorkerVariables, dynamodb: "DynamoDBClient", intake: IntakeQueue
) -> DetailsStep:
    """Return the step. The first request reads the credentials and logs in."""
    secrets = boto3.client("secretsmanager", config=SECRETS_MANAGER_CONFIG)

    def make_client(deadline: Deadline) -> GenesysClient:
        return GenesysClient(
            variables.genesys_login_url,
            variables.genesys_api_url,
            load_credentials(secrets, variables.genesys_secret, deadline),
            deadline,
            retries=False,
        )

    slots = TableSlots(
        dynamodb, variables.ledger_table, slot_ms=SLOT_MS, burst=BURST, now_ms=now_ms
    )
    return DetailsStep(
        ConversationLookup(Analytics(make_client), slots, json_logger("worker")),
        intake,
        DetailsSettings(
            wait_seconds=variables.details_wait_seconds,
            max_attempts=variables.details_attempts,
            with_personal_data=variables.details_personal,
            ends_are_legs=variables.end_rule == "queue_leg",
        ),
    )
