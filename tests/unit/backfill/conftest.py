"""A backfill between a simulated Genesys Cloud and a worker, in virtual time."""

import functools
import json
import random
from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from aws_lambda_powertools import Logger

from backfill.expected_ends import CONVERSATION
from backfill.passes import PASSES, PassResult, run_pass
from backfill.requests import PacedSearch
from backfill.search import Backfill, Findings
from backfill.table_cursors import TableCursors
from backfill.windows import DAY_MS, MINUTE_MS, Position, Window
from details.request_slots import BURST, SLOT_MS
from dynamodb.reads import TableReader
from dynamodb.request_slots import TableSlots
from genesys.client import GenesysClient
from genesys.conversation_search import search_conversations
from genesys.credentials import Credentials
from intake.sending import send_bodies
from local.genesys.stand_in import GenesysCloud
from local.http.server import HttpServer
from local.traffic.analytics import analytics_of
from local.traffic.both_ways import subscription_events_of
from local.traffic.end_rules import derive_ends
from local.traffic.eventbridge import Conversation, partner_conversations
from local.traffic.recorded_ends import QueueEnd
from local.traffic.subscription import OUR_QUEUES, START
from tests.fakes.aws.dynamodb import TABLE
from tests.fakes.aws.sqs import INTAKE
from tests.fakes.partner_worker import PartnerWorker

RULES = (CONVERSATION, "touched", "last_queue", "queue_leg")
DAY_SECONDS = DAY_MS // 1000
FIVE_MINUTES = 5 * MINUTE_MS
# In these stories, a customer's end does not end the conversation.
GOES_ON = ("callback", "callback elsewhere", "external parties")

End = tuple[str, str, int]
"""An end's conversation id, queue id and time in epoch milliseconds."""


class World:
    """A stack with some end rule, and the org that its events come from.

    Attributes
    ----------
    worker
        The worker, which also has the clock, the ledger and the intake queue.
    genesys
        The org, whose analytics the backfill searches.
    """

    def __init__(self, http: HttpServer, rule: str) -> None:
        self.rule = rule
        worker_rule = "touched" if rule == CONVERSATION else rule
        self.worker = PartnerWorker(worker_rule, queue_ids=OUR_QUEUES)
        self.clock = self.worker.clock
        self.genesys = http.respond = GenesysCloud(clock=self.clock)
        self._url = http.url
        self.dynamodb, self.sqs = self.worker.dynamodb, self.worker.sqs
        self.cursors = TableCursors(self.dynamodb, TABLE)
        self.now_ms = self.worker.batches.now_ms
        self._ends: dict[str, list[QueueEnd]] = {}

    def backfill(self, *, sends: bool = True, seconds: float = 3600) -> Backfill:
        """Return a backfill whose client has some time."""
        credentials = Credentials(self.genesys.client_id, self.genesys.client_secret)
        client = GenesysClient(
            self._url,
            self._url,
            credentials,
            self.clock.deadline(seconds),
            self.clock,
            retries=False,
        )
        slots = TableSlots(self.dynamodb, TABLE, slot_ms=SLOT_MS, burst=BURST, now_ms=self.now_ms)
        search = functools.partial(search_conversations, client, OUR_QUEUES)
        logger = Logger(service=uuid4().hex, level="CRITICAL")
        send = functools.partial(send_bodies, self.sqs, INTAKE, logger=logger)
        return Backfill(
            PacedSearch(search, slots, self.now_ms),
            TableReader(self.dynamodb, TABLE),
            self.rule,
            OUR_QUEUES,
            send if sends else None,
        )

    def search(
        self,
        *,
        sends: bool = True,
        seconds: float = 3600,
        window: Window | None = None,
        start: Position | None = None,
        on_page: Callable[[Findings, Position | None], None] = lambda *_: None,
    ) -> Findings:
        """Search a window, by default for all ends until now."""
        all_ends = Window(self.now_ms() - 10 * DAY_MS, self.now_ms(), max_age_ms=3 * DAY_MS)
        return self.backfill(sends=sends, seconds=seconds).run(
            window or all_ends, self.clock.deadline(seconds), start=start, on_page=on_page
        )

    def run_passes(self, seconds: float = 3600, *, sends: bool = True) -> list[PassResult]:
        """Run the passes that are due."""
        backfill = self.backfill(sends=sends, seconds=seconds)
        deadline = self.clock.deadline(seconds)
        results = [
            run_pass(one, backfill, self.cursors, deadline, now_ms=self.now_ms) for one in PASSES
        ]
        return [result for result in results if result]

    def know(self, conversations: Iterable[Conversation]) -> None:
        """Add conversations to the analytics."""
        for one in conversations:
            self.genesys.analytics.add(analytics_of(one.events))

    def ends_of(self, conversation: Conversation) -> list[QueueEnd]:
        """Return the ends that the delivery reports if nothing is lost."""
        if conversation.id not in self._ends:
            self._ends[conversation.id] = self._find_ends(conversation)
        return self._ends[conversation.id]

    def _find_ends(self, conversation: Conversation) -> list[QueueEnd]:
        rule = "touched" if self.rule == CONVERSATION else self.rule
        ends = derive_ends(rule, [[event] for event in conversation.events], OUR_QUEUES)
        if self.rule != CONVERSATION or conversation.story not in GOES_ON:
            return ends
        # Genesys Cloud reports the end of the conversation, not of a customer's session.
        at_ms = max(
            event["detail"]["eventBody"]["eventTime"]
            for event in conversation.events
            if event["detail-type"].endswith(".end")
        )
        return [QueueEnd(id_, at_ms) for id_ in sorted({end.queue_id for end in ends})]

    def bodies_of(self, conversation: Conversation) -> list[str]:
        """Return the messages that the delivery sends for a conversation."""
        if self.rule != CONVERSATION:
            return [json.dumps(event) for event in conversation.events]
        ends = self.ends_of(conversation)
        return [json.dumps(e.body) for e in subscription_events_of(conversation, ends)]

    def deliver(self, bodies: Sequence[str], batch_size: int = 100) -> None:
        """Let the worker process messages, and what it sends itself."""
        for first in range(0, len(bodies), batch_size):
            self.worker.run(*bodies[first : first + batch_size])
        self.drain()

    def drain(self) -> list[str]:
        """Let the worker process what is on the intake queue; return these bodies."""
        drained: list[str] = []
        while self.sqs.delayed:
            bodies = [entry["MessageBody"] for entry in self.sqs.delayed]
            self.sqs.delayed = []
            drained += bodies
            for first in range(0, len(bodies), 100):
                self.worker.run(*bodies[first : first + 100])
        return drained

    def delivered(self) -> list[End]:
        """Return the ends that the destination got, each as often as it got it."""
        return self.worker.delivered_ends()


@functools.cache
def make_conversations(
    seed: int, count: int, days: float = 3, **options: Any
) -> list[Conversation]:
    """Return conversations in our queues, spread over some days from `START` on."""
    chunks = max(1, count // 25)
    return [
        conversation
        for chunk in range(chunks)
        for conversation in partner_conversations(
            seed * 1000 + chunk,
            count // chunks,
            own_share=1,
            start=START + timedelta(days=days * chunk / chunks),
            **options,
        )
    ]


def expected_of(world: World, conversations: Iterable[Conversation]) -> list[End]:
    """Return the ends of conversations, sorted."""
    return sorted(
        (one.id, end.queue_id, end.at_ms) for one in conversations for end in world.ends_of(one)
    )


def unmatched(
    ends: Iterable[End], others: Collection[End], *, any_queue: bool = False
) -> list[End]:
    """Return the ends that none of the others is at most five minutes away from."""
    times: dict[tuple[str, str], list[int]] = {}
    for conversation_id, queue_id, at_ms in others:
        times.setdefault((conversation_id, "" if any_queue else queue_id), []).append(at_ms)
    return [
        (conversation_id, queue_id, at_ms)
        for conversation_id, queue_id, at_ms in ends
        if not any(
            abs(other - at_ms) <= FIVE_MINUTES
            for other in times.get((conversation_id, "" if any_queue else queue_id), ())
        )
    ]


def drop(bodies: Iterable[str], share: float, seed: int) -> list[str]:
    """Return messages without a random share of them."""
    rng = random.Random(seed)
    return [body for body in bodies if rng.random() >= share]


def end_in(body: str) -> End:
    """Return the end in a message of the backfill."""
    end = json.loads(body)["queueEndsDelayedEnd"]
    return end["conversationId"], end["queueId"], end["endedAtMs"]


def at_ms(time: datetime) -> int:
    return round(time.timestamp() * 1000)


@pytest.fixture(params=RULES)
def world(request: pytest.FixtureRequest, http: HttpServer) -> World:
    """A world for each rule."""
    return World(http, request.param)


@pytest.fixture
def make(http: HttpServer) -> Callable[[str], World]:
    """Make a world with some rule."""
    return functools.partial(World, http)
