"""The contenders' work whose calls are counted."""

from dataclasses import dataclass

from bench.world.arrivals import Arrivals, eventbridge_arrivals, subscription_arrivals

_BATCHES = (10, 25, 100)
_DESTINATIONS = (["actions"], ["actions", "bus"])
_END_RULES = ("touched", "last_queue", "queue_leg")
# Enough for steady figures. Most conversations are not in our queues.
_ENDS, _CONVERSATIONS = 500, 600
# SQS passes on at most ten messages in a call.
_POLLED_BATCH = 10


@dataclass(frozen=True, slots=True)
class Scenario:
    """A contender and its work, in batches of several sizes.

    `end_rule` is empty for the delivery `subscription`.
    """

    contender: str
    destinations: list[str]
    end_rule: str = ""

    @property
    def delivery(self) -> str:
        return "eventbridge" if self.end_rule else "subscription"

    @property
    def batches(self) -> tuple[int, ...]:
        if self.contender == "poller":
            return (_POLLED_BATCH,)
        return _BATCHES if self.end_rule else (1, *_BATCHES)

    def arrivals(self) -> Arrivals:
        if self.end_rule:
            return eventbridge_arrivals(self.end_rule, _CONVERSATIONS)
        return subscription_arrivals(_ENDS)


def scenarios() -> list[Scenario]:
    """Return all scenarios.

    The peers decide on each event alone, as the end rule `queue_leg` does, and so have no other
    rule. The polling worker always receives ten messages.
    """
    return [
        Scenario(contender, destinations, end_rule)
        for end_rule in ("", *_END_RULES)
        for contender in ("ours", "idempotent", "poller")
        for destinations in _DESTINATIONS
        if contender == "ours" or end_rule in ("", "queue_leg")
    ]
