"""Builds a conversation step by step, as a list of partner events."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from conversations.topics import TOPIC_PREFIX
from local.traffic.participants import Ids, Participants
from local.traffic.subscription import FINAL_DISCONNECTS, WRAPUP_CODES, iso, random_uuid

Event = dict[str, Any]
MEDIA = {"VOICE": 70, "CHAT": 15, "MESSAGE": 15}
SECOND, MINUTE = 1_000, 60_000


class ConversationBuilder:
    """Builds a conversation. Each step adds events and advances the conversation's clock.

    Parameters
    ----------
    queues, foreign
        The ids of our queues, and of foreign queues in the same org.
    own_share
        The probability that `pick_queue` picks one of our queues.
    """

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
        # When each agent's latest leg began, keyed by agent and media type.
        self._joined_ms: dict[tuple[str, str], int] = {}
        self._participants = Participants()
        self.id = random_uuid(rng)
        self.media = rng.choices(list(MEDIA), list(MEDIA.values()))[0]
        self.direction = "INBOUND"

    def pick_queue(self, *excluded: str) -> str:
        """Return one of our queues or a foreign queue, but none of the excluded ones."""
        pool = self._queues if self.rng.random() < self._own_share else self._foreign
        # If all queues in the pool are excluded, pick from the other pool.
        allowed = [q for q in pool if q not in excluded] or [
            q for q in (*self._queues, *self._foreign) if q not in excluded
        ]
        return self.rng.choice(allowed)

    def new_agent(self) -> str:
        return random_uuid(self.rng)

    def wait(self, least: int, most: int) -> int:
        """Let a random time pass, and return the time in milliseconds."""
        passed = self.rng.randint(least, most)
        self.at_ms += passed
        return passed

    def publish(self, topic: str, **body: Any) -> None:
        """Publish an event, a millisecond or more after the previous event."""
        self.at_ms += 1
        sent = datetime.fromtimestamp(self.at_ms / 1000 + 0.2, UTC)
        event_id = random_uuid(self.rng)
        fresh = Ids(random_uuid(self.rng), random_uuid(self.rng))
        ids = self._participants.identify(topic, self.media, body, fresh)
        fields = {
            "eventTime": self.at_ms,
            "conversationId": self.id,
            "participantId": ids.participant_id,
            "sessionId": ids.session_id,
            "mediaType": self.media,
            "provider": "PureCloud Messaging",
            "direction": self.direction,
        }
        if topic.startswith("customer."):
            fields["externalContactId"] = _external_contact_id(ids.participant_id)
        if self.media == "VOICE":
            fields |= {"provider": "Edge", "ani": "tel:+15555550100", "dnis": "tel:+15555550000"}
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
                    "eventBody": fields | body,
                    "metadata": {"CorrelationId": random_uuid(self.rng)},
                    "timestamp": iso(sent),
                },
            }
        )

    def arrive(self) -> None:
        """The customer arrives. A voice call may go through a menu."""
        self.publish("customer.start")
        if self.media == "VOICE" and self.rng.random() < 0.8:
            self.publish("flow.start", flowType="INBOUNDCALL")
            self.wait(2 * SECOND, 40 * SECOND)
            self.publish("flow.end", flowType="INBOUNDCALL", disconnectType="TRANSFER")

    def wait_in_queue(self, queue_id: str, outcome: str, **more: str) -> None:
        """The customer waits in a queue. `outcome` is the `acdOutcome` of the wait."""
        self.publish("acd.start", queueId=queue_id)
        began = self.at_ms
        self.wait(1 * SECOND, 4 * MINUTE)
        self.publish(
            "acd.end",
            queueId=queue_id,
            acdOutcome=outcome,
            disconnectType="PEER" if outcome == "ABANDON" else "TRANSFER",
            connectedDurationMs=self.at_ms + 1 - began,
            **more,
        )

    def abandon(self, queue_id: str) -> None:
        """The customer waits in a queue and gives up."""
        self.wait_in_queue(queue_id, "ABANDON")
        self.customer_leaves()

    def answer(self, queue_id: str, agent: str) -> None:
        """An agent takes the customer from the queue, and they talk."""
        self.wait_in_queue(queue_id, "ANSWERED", answeredUserId=agent)
        self.talk(queue_id, agent)

    def talk(self, queue_id: str | None, agent: str) -> None:
        """An agent talks to the customer."""
        self.join(queue_id, agent)
        self.wait(10 * SECOND, 15 * MINUTE)

    def join(self, queue_id: str | None, agent: str) -> None:
        """An agent joins the conversation."""
        self.publish("user.start", **({"queueId": queue_id} if queue_id else {}), userId=agent)
        self._joined_ms[agent, self.media] = self.at_ms

    def agent_leaves(
        self, queue_id: str | None, agent: str, how: str = "PEER", *, talk_time: bool = True
    ) -> None:
        """An agent leaves the conversation. Without a talk time, the event has no durations."""
        # The event comes a millisecond after the builder's time.
        took = self.at_ms + 1 - self._joined_ms[agent, self.media]
        held = self.rng.choice((0, took // 4))
        durations = {"interactingDurationMs": took - held} | (
            {"heldDurationMs": held} if held else {}
        )
        self.publish(
            "user.end",
            **({"queueId": queue_id} if queue_id else {}),
            userId=agent,
            disconnectType=how,
            **(durations if talk_time else {}),
        )

    def ring_unanswered(self, queue_id: str, agent: str) -> None:
        """An agent does not answer, and the customer goes back to the queue."""
        self.join(queue_id, agent)
        self.wait(8 * SECOND, 30 * SECOND)
        # They did not talk, so the duration is missing or 0.
        talked = self.rng.choice(({}, {"interactingDurationMs": 0}))
        how = self.rng.choice(("NO_ANSWER_TRANSFER", "CLIENT", "SYSTEM"))
        self.publish(
            "user.end",
            queueId=queue_id,
            userId=agent,
            disconnectType=how,
            alertingDurationMs=self.at_ms + 1 - self._joined_ms[agent, self.media],
            **talked,
        )

    def customer_leaves(self, how: str | None = None) -> None:
        """The customer leaves."""
        self.wait(0, 2 * SECOND)
        self.publish("customer.end", disconnectType=how or self.rng.choice(FINAL_DISCONNECTS))

    def wrap_up(self, queue_id: str, agent: str) -> None:
        """An agent does the after-call work, which sometimes takes more than ten minutes."""
        late = self.rng.random() < 0.1
        took = self.wait(*((10 * MINUTE, 15 * MINUTE) if late else (0, 90 * SECOND)))
        wrapup = {"wrapupCode": self.rng.choice(WRAPUP_CODES), "wrapupDurationMs": took}
        self.publish("acw", queueId=queue_id, userId=agent, **wrapup)
        self.publish("wrapup", queueId=queue_id, **wrapup)

    def finish(self, queue_id: str, agent: str, how: str = "PEER") -> None:
        """The agent leaves, then the customer leaves, then the agent does the after-call work."""
        self.agent_leaves(queue_id, agent, how)
        self.customer_leaves()
        self.wrap_up(queue_id, agent)


def _external_contact_id(participant_id: str) -> str:
    """Return the id of a participant's contact, which no other participant has."""
    return str(UUID(int=UUID(participant_id).int ^ 0xFFFF))
