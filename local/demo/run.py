"""A feed on its way through the deployed stack, until its account balances."""

from collections import Counter
from collections.abc import Callable, Mapping

from local.demo.counts import shared_among, worker_log
from local.demo.feed import Feed
from local.receivers.bus import BusRecorder
from local.receivers.receiver import End
from local.runs.queues import messages_in, new_dead_letters
from local.runs.world import World

# Seconds in which everything that was sent must have come to its end.
PATIENCE = 120.0


class Run:
    """A feed on its way through the deployed stack; its account tells what has become of it."""

    def __init__(
        self, world: World, outputs: Mapping[str, str], bus: BusRecorder, feed: Feed
    ) -> None:
        self._world, self._outputs, self._bus = world, outputs, bus
        self._feed = feed
        world.crm.refusals = dict(feed.refusals.at_the_crm)
        world.webhook.refusals = dict(feed.refusals.at_the_webhook)
        self._straight = list(feed.straight)

    def send(self) -> None:
        """Publish everything, some of it twice, and send others straight to the queue."""
        for _ in self._feed.publish():
            self._send_straight(3)
            self._show()
        self._send_straight(len(self._straight))
        self._wait(lambda: self._feed.late <= _everywhere(self._noted()))
        self._feed.publish_again()

    def finish(self) -> None:
        """Wait until the account balances, or patience is over."""

        def balances() -> bool:
            self._look()
            return all(self._feed.account.checks().values())

        self._wait(balances)

    def _send_straight(self, count: int) -> None:
        for body in self._straight[:count]:
            self._world.aws.client("sqs").send_message(
                QueueUrl=self._outputs["QueueUrl"], MessageBody=body
            )
        del self._straight[:count]

    def _wait(self, done: Callable[[], bool]) -> None:
        self._world.wait(PATIENCE, done, self._show)

    def _show(self) -> None:
        places = ", ".join(
            f"{sum(map(len, noted.values()))} at {place}" for place, noted in self._noted().items()
        )
        refused = self._world.crm.refused.total() + self._world.webhook.refused.total()
        ends = self._feed.expected.total()
        self._world.screen.progress(f"of {ends} ends {places}; {refused} refused")

    def _noted(self) -> dict[str, dict[End, list[float]]]:
        """Return when each end arrived, for each destination."""
        self._bus.collect()
        return {
            "the CRM": dict(self._world.crm.arrivals),
            "the bus": self._bus.arrivals,
            "the webhook": self._world.webhook.arrivals,
        }

    def _look(self) -> None:
        """Bring the account up to date: with what is seen from outside, and the worker's log."""
        account, expected, aws = self._feed.account, self._feed.expected, self._world.aws
        account.worker = worker_log(aws, self._outputs["WorkerFunctionName"])
        account.left = messages_in(aws, self._outputs["QueueUrl"])
        account.dead += Counter(
            letter.reason or "failed too often"
            for letter in new_dead_letters(aws, self._outputs["DeadLetterQueueUrl"])
        )
        # Last, so that once all messages are done nothing can arrive that is not seen here.
        noted = self._noted()
        account.arrived = {
            place: [
                times
                for end, count in expected.items()
                for times in shared_among(count, len(of_place.get(end, ())))
            ]
            for place, of_place in noted.items()
        }
        account.strangers = Counter(
            {place: len(of_place.keys() - expected.keys()) for place, of_place in noted.items()}
        )
        account.forged = self._world.webhook.forged
        account.latencies = [
            max(of_place[end][-1] for of_place in noted.values()) - self._feed.published_at[end]
            for end in expected.keys() & _everywhere(noted)
        ]


def _everywhere(noted: Mapping[str, Mapping[End, object]]) -> set[End]:
    """Return the ends that arrived at every destination."""
    return set.intersection(*(set(of_place) for of_place in noted.values()))
