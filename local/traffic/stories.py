"""What can happen in a conversation, told event by event as Genesys Cloud does to EventBridge."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from conversations.topics import TOPIC_PREFIX
from local.traffic.subscription import WRAPUP_CODES

Event = dict[str, Any]
MEDIA = {"VOICE": 70, "CHAT": 15, "MESSAGE": 15}
GONE = ("ENDPOINT", "ENDPOINT", "PEER", "CLIENT", "SYSTEM")
"""How a customer leaves for good."""
SECOND, MINUTE = 1_000, 60_000


class Telling:
    """A conversation while it is told; each thing that happens moves its clock on."""

    def __init__(
        self,
        rng: random.Random,
        start: datetime,
        queues: Sequence[str],
        foreign: Sequence[str],
        share: float,
    ) -> None:
        self.rng = rng
        self.events: list[Event] = []
        self.at_ms = round(start.timestamp() * 1000)
        self._queues, self._foreign, self._share = queues, foreign, share
        self.id = self._uuid()
        self.media = rng.choices(list(MEDIA), list(MEDIA.values()))[0]
        self.direction = "INBOUND"
        self.customer = self._uuid()

    def queue(self, *but: str) -> str:
        """Pick a queue, of ours or of others; none of those that are named."""
        while True:
            pool = self._queues if self.rng.random() < self._share else self._foreign
            # Where there is one queue alone, its other side has to do.
            left = [q for q in pool if q not in but] or [
                q for q in (*self._queues, *self._foreign) if q not in but
            ]
            return self.rng.choice(left)

    def agent(self) -> str:
        return self._uuid()

    def wait(self, least: int, most: int) -> int:
        """Let time pass, and return how much, in milliseconds."""
        passed = self.rng.randint(least, most)
        self.at_ms += passed
        return passed

    def tell(self, topic: str, **body: Any) -> None:
        """Have an event published; no two are of the same moment."""
        self.at_ms += 1
        sent = datetime.fromtimestamp(self.at_ms / 1000 + 0.2, UTC)
        voice = self.media == "VOICE"
        self.events.append(
            {
                "version": "0",
                "id": self._uuid(),
                "detail-type": f"{TOPIC_PREFIX}{topic}",
                "time": sent.strftime("%Y-%m-%dT%H:%M:%SZ"),
                "resources": [],
                "detail": {
                    "topicName": f"{TOPIC_PREFIX}{topic}".replace("{id}", self.id),
                    "version": "2",
                    "eventBody": {
                        "eventTime": self.at_ms,
                        "conversationId": self.id,
                        "participantId": self._uuid(),
                        "sessionId": self._uuid(),
                        "mediaType": self.media,
                        "provider": "Edge" if voice else "PureCloud Messaging",
                        "direction": self.direction,
                        **(
                            {"ani": "tel:+15555550100", "dnis": "tel:+15555550000"} if voice else {}
                        ),
                        **body,
                    },
                    "metadata": {"CorrelationId": self._uuid()},
                    "timestamp": sent.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
                },
            }
        )

    def opening(self) -> None:
        """The customer arrives, and may have to find the way through a menu."""
        self.tell("customer.start")
        if self.media == "VOICE" and self.rng.random() < 0.8:
            self.tell("flow.start", flowType="INBOUNDCALL")
            self.wait(2 * SECOND, 40 * SECOND)
            self.tell("flow.end", flowType="INBOUNDCALL", disconnectType="TRANSFER")

    def queued(self, queue_id: str) -> int:
        """The customer waits in a queue."""
        self.tell("acd.start", queueId=queue_id)
        return self.wait(1 * SECOND, 4 * MINUTE)

    def answered(self, queue_id: str, agent: str) -> None:
        """An agent takes the customer from the queue."""
        waited = self.queued(queue_id)
        self.tell(
            "acd.end",
            queueId=queue_id,
            acdOutcome="ANSWERED",
            disconnectType="TRANSFER",
            answeredUserId=agent,
            connectedDurationMs=waited,
        )
        self.tell("user.start", queueId=queue_id, userId=agent)
        self.talk()

    def talk(self) -> None:
        self.wait(10 * SECOND, 15 * MINUTE)

    def released(self, queue_id: str | None, agent: str, how: str = "PEER") -> None:
        """An agent is done with the customer."""
        self.tell(
            "user.end",
            **({"queueId": queue_id} if queue_id else {}),
            userId=agent,
            disconnectType=how,
            interactingDurationMs=self.rng.randint(1 * SECOND, 15 * MINUTE),
        )

    def unanswered(self, queue_id: str, agent: str) -> None:
        """An agent lets it ring; it goes back to the queue."""
        self.tell("user.start", queueId=queue_id, userId=agent)
        self.wait(8 * SECOND, 30 * SECOND)
        # What did not happen has no duration, or none that is counted.
        talked = self.rng.choice(({}, {"interactingDurationMs": 0}))
        how = self.rng.choice(("NO_ANSWER_TRANSFER", "CLIENT", "SYSTEM"))
        self.tell(
            "user.end",
            queueId=queue_id,
            userId=agent,
            disconnectType=how,
            alertingDurationMs=8 * SECOND,
            **talked,
        )

    def left(self, how: str | None = None) -> None:
        """The customer leaves."""
        self.wait(0, 2 * SECOND)
        self.tell("customer.end", disconnectType=how or self.rng.choice(GONE))

    def after(self, queue_id: str, agent: str) -> None:
        """An agent writes up what it was about; some do so much later."""
        late = self.rng.random() < 0.1
        spent = self.wait(*((10 * MINUTE, 15 * MINUTE) if late else (0, 90 * SECOND)))
        wrapup = {"wrapupCode": self.rng.choice(WRAPUP_CODES), "wrapupDurationMs": spent}
        self.tell("acw", queueId=queue_id, userId=agent, **wrapup)
        self.tell("wrapup", queueId=queue_id, **wrapup)

    def _uuid(self) -> str:
        return str(UUID(int=self.rng.getrandbits(128), version=4))


def _answered(told: Telling) -> None:
    queue_id, agent = told.queue(), told.agent()
    told.opening()
    told.answered(queue_id, agent)
    told.released(queue_id, agent)
    told.left()
    told.after(queue_id, agent)


def _abandoned(told: Telling) -> None:
    queue_id = told.queue()
    told.opening()
    waited = told.queued(queue_id)
    told.tell(
        "acd.end",
        queueId=queue_id,
        acdOutcome="ABANDON",
        disconnectType="PEER",
        connectedDurationMs=waited,
    )
    told.left()


def _transferred(told: Telling) -> None:
    """From one queue to another, of ours or of others; perhaps back again."""
    first = told.queue()
    second = told.queue(first)
    back = told.rng.random() < 0.3
    told.opening()
    legs = [(queue_id, told.agent()) for queue_id in (first, second, *([first] if back else []))]
    for queue_id, agent in legs[:-1]:
        told.answered(queue_id, agent)
        told.released(queue_id, agent, told.rng.choice(("TRANSFER", "CONSULT_TRANSFER")))
        if told.rng.random() < 0.5:
            # The customer of a transfer without consultation is another session afterwards.
            told.left("TRANSFER")
            told.tell("customer.start")
    told.answered(*legs[-1])
    told.released(*legs[-1])
    told.left()
    for queue_id, agent in told.rng.sample(legs, len(legs)):
        told.after(queue_id, agent)


def _flowed_out(told: Telling) -> None:
    """From a queue where it took too long to another one, and given up there or answered."""
    first = told.queue()
    told.opening()
    waited = told.queued(first)
    told.tell(
        "acd.end",
        queueId=first,
        acdOutcome="FLOW_OUT",
        disconnectType="TRANSFER",
        connectedDurationMs=waited,
    )
    second, agent = told.queue(first), told.agent()
    if told.rng.random() < 0.5:
        told.queued(second)
        told.tell("acd.end", queueId=second, acdOutcome="ABANDON", disconnectType="PEER")
        told.left()
        return
    told.answered(second, agent)
    told.released(second, agent)
    told.left()
    told.after(second, agent)


def _requeued(told: Telling) -> None:
    """Offered to agents who do not answer, and back in the queue; then answered, or given up."""
    queue_id, agent = told.queue(), told.agent()
    told.opening()
    for _ in range(told.rng.randint(1, 2)):
        told.queued(queue_id)
        told.tell("acd.end", queueId=queue_id, acdOutcome="ANSWERED", disconnectType="TRANSFER")
        told.unanswered(queue_id, told.agent())
    if told.rng.random() < 0.3:
        told.queued(queue_id)
        told.tell("acd.end", queueId=queue_id, acdOutcome="ABANDON", disconnectType="PEER")
        told.left()
        return
    told.answered(queue_id, agent)
    told.released(queue_id, agent)
    told.left()
    told.after(queue_id, agent)


def _conference(told: Telling) -> None:
    """A second agent, of the same queue or another one, joins; both leave shortly after."""
    first = told.queue()
    second = first if told.rng.random() < 0.4 else told.queue(first)
    one, other = told.agent(), told.agent()
    told.opening()
    told.answered(first, one)
    told.answered(second, other)
    if told.rng.random() < 0.5:
        told.left("CONFERENCE_TRANSFER")
        told.talk()
    told.released(first, one)
    told.wait(0, 90 * SECOND)
    told.released(second, other)
    told.left()
    told.after(first, one)
    told.after(second, other)


def _callback(told: Telling) -> None:
    """The customer is called back: a session that asks for it, then a call of its own."""
    queue_id, agent = told.queue(), told.agent()
    told.media, told.direction = "CALLBACK", "INBOUND"
    told.tell("customer.start", callbackNumbers=["+15555550100"])
    told.answered(queue_id, agent)
    told.media, told.direction = "VOICE", "OUTBOUND"
    told.tell("customer.start")
    told.tell("user.start", queueId=queue_id, userId=agent)
    told.talk()
    told.released(queue_id, agent)
    told.left()
    told.media, told.direction = "CALLBACK", "INBOUND"
    told.wait(0, 60 * SECOND)
    told.released(queue_id, agent)
    told.left()
    told.after(queue_id, agent)


def _email(told: Telling) -> None:
    """An e-mail that an agent works at in several actions, each with a start and an end."""
    queue_id, agent = told.queue(), told.agent()
    told.media = "EMAIL"
    told.tell("customer.start", addressTo="help@example.com", addressFrom="customer7@example.com")
    told.answered(queue_id, agent)
    told.released(queue_id, agent, "CLIENT")
    told.wait(1 * SECOND, 60 * SECOND)
    told.tell("user.start", queueId=queue_id, userId=agent)
    told.released(queue_id, agent, "CLIENT")
    if told.rng.random() < 0.5:
        told.wait(20 * MINUTE, 40 * MINUTE)
        told.tell("user.start", queueId=queue_id, userId=agent)
        told.released(queue_id, agent, "CLIENT")
    told.left()
    told.after(queue_id, agent)


def _reopened(told: Telling) -> None:
    """A message conversation that ends, and goes on an hour or so later: there or elsewhere."""
    queue_id, agent = told.queue(), told.agent()
    told.media = "MESSAGE"
    told.opening()
    if told.rng.random() < 0.3:
        # What it was transferred from before may be what it comes back to.
        before, queue_id = queue_id, told.queue(queue_id)
        told.answered(before, agent)
        told.released(before, agent, "TRANSFER")
    else:
        before = queue_id
    told.answered(queue_id, agent)
    told.released(queue_id, agent)
    told.left()
    told.after(queue_id, agent)
    for _ in range(told.rng.randint(1, 2)):
        told.wait(30 * MINUTE, 90 * MINUTE)
        again = told.rng.choice((before, queue_id, told.queue()))
        told.tell("customer.start")
        told.answered(again, agent)
        told.released(again, agent)
        told.left()
        told.after(again, agent)


def _without_queue(told: Telling) -> None:
    """A call straight to an agent, perhaps handed on to a queue."""
    agent = told.agent()
    told.opening()
    told.tell("user.start", userId=agent)
    told.talk()
    if told.rng.random() < 0.7:
        told.released(None, agent)
        told.left()
        return
    told.released(None, agent, "TRANSFER")
    queue_id, other = told.queue(), told.agent()
    told.answered(queue_id, other)
    told.released(queue_id, other)
    told.left()
    told.after(queue_id, other)


STORIES: dict[str, tuple[int, Callable[[Telling], None]]] = {
    "answered": (36, _answered),
    "abandoned": (10, _abandoned),
    "transferred": (14, _transferred),
    "flowed out": (4, _flowed_out),
    "requeued": (8, _requeued),
    "conference": (5, _conference),
    "callback": (6, _callback),
    "e-mail": (6, _email),
    "re-opened": (6, _reopened),
    "without a queue": (5, _without_queue),
}
"""What can happen in a conversation: how often of a hundred, and how it is told."""
