"""A conversation while it is told, event by event, as Genesys Cloud does to EventBridge."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from conversations.topics import TOPIC_PREFIX
from local.traffic.subscription import GONE, WRAPUP_CODES, iso, uuid_of

Event = dict[str, Any]
MEDIA = {"VOICE": 70, "CHAT": 15, "MESSAGE": 15}
SECOND, MINUTE = 1_000, 60_000


class Telling:
    """A conversation that can be told on; each thing that happens moves its clock on."""

    def __init__(
        self,
        rng: random.Random,
        start: datetime,
        queues: Sequence[str],
        foreign: Sequence[str],
        own_share: float,
    ) -> None:
        self.rng = rng
        self.events: list[Event] = []
        self.at_ms = round(start.timestamp() * 1000)
        self._queues, self._foreign, self._own_share = queues, foreign, own_share
        self.id = uuid_of(rng)
        self.media = rng.choices(list(MEDIA), list(MEDIA.values()))[0]
        self.direction = "INBOUND"

    def queue(self, *but: str) -> str:
        """Pick a queue, of ours or of others; none of those that are named."""
        pool = self._queues if self.rng.random() < self._own_share else self._foreign
        # Where there is one queue alone, its other side has to do.
        left = [q for q in pool if q not in but] or [
            q for q in (*self._queues, *self._foreign) if q not in but
        ]
        return self.rng.choice(left)

    def agent(self) -> str:
        return uuid_of(self.rng)

    def wait(self, least: int, most: int) -> int:
        """Let time pass, and return how much, in milliseconds."""
        passed = self.rng.randint(least, most)
        self.at_ms += passed
        return passed

    def tell(self, topic: str, **body: Any) -> None:
        """Have an event published; no two are of the same moment."""
        self.at_ms += 1
        sent = datetime.fromtimestamp(self.at_ms / 1000 + 0.2, UTC)
        event_id = uuid_of(self.rng)
        about = {
            "eventTime": self.at_ms,
            "conversationId": self.id,
            "participantId": uuid_of(self.rng),
            "sessionId": uuid_of(self.rng),
            "mediaType": self.media,
            "provider": "PureCloud Messaging",
            "direction": self.direction,
        }
        if self.media == "VOICE":
            about |= {"provider": "Edge", "ani": "tel:+15555550100", "dnis": "tel:+15555550000"}
        self.events.append(
            {
                "version": "0",
                "id": event_id,
                "detail-type": f"{TOPIC_PREFIX}{topic}",
                "time": sent.strftime("%Y-%m-%dT%H:%M:%SZ"),
                "resources": [],
                "detail": {
                    "topicName": f"{TOPIC_PREFIX}{topic}".replace("{id}", self.id),
                    "version": "2",
                    "eventBody": about | body,
                    "metadata": {"CorrelationId": uuid_of(self.rng)},
                    "timestamp": iso(sent),
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

    def queued(self, queue_id: str, outcome: str, **more: str) -> None:
        """The customer waits in a queue: until `ANSWERED`, until it gives up, or moves on."""
        self.tell("acd.start", queueId=queue_id)
        waited = self.wait(1 * SECOND, 4 * MINUTE)
        self.tell(
            "acd.end",
            queueId=queue_id,
            acdOutcome=outcome,
            disconnectType="PEER" if outcome == "ABANDON" else "TRANSFER",
            connectedDurationMs=waited,
            **more,
        )

    def abandoned(self, queue_id: str) -> None:
        """The customer waits in a queue, and leaves."""
        self.queued(queue_id, "ABANDON")
        self.left()

    def answered(self, queue_id: str, agent: str) -> None:
        """An agent takes the customer from the queue."""
        self.queued(queue_id, "ANSWERED", answeredUserId=agent)
        self.talk(queueId=queue_id, userId=agent)

    def talk(self, **of_agent: str) -> None:
        """An agent talks to the customer."""
        self.tell("user.start", **of_agent)
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

    def ended(self, queue_id: str, agent: str, how: str = "PEER") -> None:
        """An agent and the customer are done with each other, and it is written up."""
        self.released(queue_id, agent, how)
        self.left()
        self.after(queue_id, agent)
