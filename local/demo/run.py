"""A demo run, which sends a feed through the deployed stack until the report balances."""

from collections import Counter
from collections.abc import Callable, Mapping

from local.demo.counts import logged_outcomes
from local.demo.details_report import DetailsReport
from local.demo.feed import Feed
from local.receivers.bus import BusRecorder
from local.receivers.receiver import End
from local.runs.queues import count_messages, count_sent_messages, receive_dead_letters
from local.runs.world import World

MAX_WAIT_SECONDS = 120.0
"""The most seconds that each wait of a run may take."""


class Run:
    """A run of a feed through the stack. It keeps the feed's report up to date."""

    def __init__(
        self, world: World, outputs: Mapping[str, str], bus: BusRecorder, feed: Feed
    ) -> None:
        self._world, self._outputs, self._bus = world, outputs, bus
        self._feed = feed
        world.crm.refusals = dict(feed.refusals.by_crm)
        world.webhook.refusals = dict(feed.refusals.by_webhook)
        self._direct_messages = list(feed.direct_messages)

    def send(self) -> None:
        """Publish all events and their repeats, and send the messages that bypass Genesys Cloud."""
        for _ in self._feed.publish():
            self._send_direct_messages(3)
            self._show()
        self._send_direct_messages(len(self._direct_messages))
        self._wait(lambda: self._feed.repeated_ends <= _ends_at_every_destination(self._arrivals()))
        self._feed.publish_repeats()

    def finish(self) -> None:
        """Wait until the report balances, but at most `MAX_WAIT_SECONDS`."""

        def balances() -> bool:
            self._update_report()
            return all(self._feed.report.checks().values())

        self._wait(balances)

    def _send_direct_messages(self, count: int) -> None:
        for body in self._direct_messages[:count]:
            self._world.aws.client("sqs").send_message(
                QueueUrl=self._outputs["QueueUrl"], MessageBody=body
            )
        del self._direct_messages[:count]

    def _wait(self, done: Callable[[], bool]) -> None:
        self._world.wait(MAX_WAIT_SECONDS, done, self._show)

    def _show(self) -> None:
        counts = ", ".join(
            f"{sum(map(len, ends.values()))} at {name}" for name, ends in self._arrivals().items()
        )
        refused = self._world.crm.refused.total() + self._world.webhook.refused.total()
        ends = self._feed.expected.total()
        self._world.screen.progress(f"of {ends} ends {counts}; {refused} refused")

    def _arrivals(self) -> dict[str, dict[End, list[float]]]:
        """Return the times of arrival, keyed by destination, then by end."""
        self._bus.collect()
        return {
            "the CRM": dict(self._world.crm.arrivals),
            "the bus": self._bus.arrivals,
            "the webhook": self._world.webhook.arrivals,
        }

    def _end_ids(self) -> dict[str, Mapping[End, Counter[str]]]:
        """Return how often each `end_id` arrived, keyed by destination, then by end."""
        return {
            "the CRM": self._world.crm.end_ids,
            "the bus": self._bus.end_ids,
            "the webhook": self._world.webhook.end_ids,
        }

    def _update_report(self) -> None:
        """Update the report from the worker's log, the queues and the receivers."""
        report, expected, aws = self._feed.report, self._feed.expected, self._world.aws
        report.logged = logged_outcomes(aws, self._outputs["WorkerFunctionName"])
        report.left_in_queue = count_messages(aws, self._outputs["QueueUrl"])
        report.dead_letters += Counter(
            letter.reason or "failed too often"
            for letter in receive_dead_letters(aws, self._outputs["DeadLetterQueueUrl"])
        )
        if report.details:
            self._update_details(report.details)
        # Count arrivals last: none follows once the counts above show that all messages are done.
        arrivals = self._arrivals()
        report.arrived = {
            name: [count for end in expected for count in end_ids.get(end, Counter()).values()]
            for name, end_ids in self._end_ids().items()
        }
        report.unexpected = Counter(
            {name: len(ends.keys() - expected.keys()) for name, ends in arrivals.items()}
        )
        report.forged = self._world.webhook.forged
        report.latencies = [
            max(ends[end][-1] for ends in arrivals.values()) - self._feed.published_at[end]
            for end in expected.keys() & _ends_at_every_destination(arrivals)
        ]

    def _update_details(self, details: DetailsReport) -> None:
        report, analytics = self._feed.report, self._world.genesys.analytics
        sent = count_sent_messages(self._world.aws, self._outputs["QueueUrl"])
        details.delayed = sent - report.sent - report.direct_messages
        details.request_count, details.id_count = len(analytics.asks), analytics.id_count
        details.arrived = {
            "the CRM": self._world.crm.ends,
            "the bus": self._bus.details,
            "the webhook": self._world.webhook.ends,
        }


def _ends_at_every_destination(arrivals: Mapping[str, Mapping[End, object]]) -> set[End]:
    """Return the ends that arrived at every destination."""
    return set.intersection(*(set(ends) for ends in arrivals.values()))
