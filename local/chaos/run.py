"""A chaos run, which sends messages through the deployed stack while faults strike."""

import time
from collections import Counter
from collections.abc import Mapping, Sequence

from local.chaos.details import ChaoticAnalytics, DetailsAccount
from local.chaos.fault_proxy import Death, FaultProxy
from local.chaos.messages import BATCH, ScheduledMessage, count_repeats
from local.chaos.plan import CALLS_AFTER_FAILURES
from local.chaos.repeats import HANGING_ACTION
from local.chaos.report import LedgerItem, RunReport
from local.http.messages import Answer, Request
from local.receivers.bus import BusRecorder
from local.receivers.receiver import End
from local.runs.queues import count_messages, receive_dead_letters
from local.runs.world import World
from local.traffic.subscription import Event

SLOW_SECONDS = 0.4
"""Seconds by which the fault `slow` delays a receiver's response."""
REFUSED = {"crm": "actions: ConnectionError", "webhook": "webhook: the connection was refused"}
"""What the worker logs when a receiver refuses the connection, keyed by receiver."""


class Run:
    """A run of messages through the stack, and the report on it."""

    def __init__(
        self,
        world: World,
        outputs: Mapping[str, str],
        bus: BusRecorder,
        proxy: FaultProxy,
        analytics: ChaoticAnalytics | None = None,
    ) -> None:
        self._world, self._outputs, self._bus, self._proxy = world, outputs, bus, proxy
        self._analytics = analytics
        self._faults = proxy.faults
        self._sqs = world.aws.client("sqs")
        self._poison: dict[str, tuple[str, str]] = {}
        world.crm.server.intercept = self._crm_fault
        world.webhook.server.intercept = self._webhook_fault

    def send(self, messages: Sequence[ScheduledMessage]) -> None:
        """Send all messages, each at its time."""
        waiting, began = list(reversed(messages)), time.monotonic()
        self._faults.begin()
        while waiting:
            now = time.monotonic() - began
            due: list[ScheduledMessage] = []
            while waiting and waiting[-1].at <= now and len(due) < BATCH:
                due.append(waiting.pop())
            if due:
                self._send_batch(due)
            if len(due) < BATCH:
                self._update()
                self._show(f"sent {len(messages) - len(waiting)}/{len(messages)}, ")
                time.sleep(0.1)

    def drain(self, seconds: float) -> None:
        """Wait until the intake queue is empty."""

        def show() -> None:
            self._update()
            self._show()

        aws, queue_url = self._world.aws, self._outputs["QueueUrl"]
        self._world.wait(seconds, lambda: not count_messages(aws, queue_url), show)

    def report(self, ends: Sequence[Event]) -> RunReport:
        """Return the report, from the receivers, the ledger, the queues, the proxy and the log."""
        aws, printed = self._world.aws, self._printed()
        self._bus.collect()
        return RunReport(
            ends=frozenset((event.conversation_id, event.queue_id) for event in ends),
            repeated_at_once=count_repeats(ends),
            repeated_later=count_repeats(ends),
            poison=self._poison,
            arrived={
                "actions": self._world.crm.arrivals,
                "bus": self._bus.arrivals,
                "webhook": self._world.webhook.arrivals,
            },
            end_ids={
                "actions": self._world.crm.end_ids,
                "bus": self._bus.end_ids,
                "webhook": self._world.webhook.end_ids,
            },
            forged=self._world.webhook.forged,
            ledger=self._ledger(),
            dead_letters=list(receive_dead_letters(aws, self._outputs["DeadLetterQueueUrl"])),
            left_in_queue=count_messages(aws, self._outputs["QueueUrl"]),
            calls=self._proxy.calls,
            deaths=self._proxy.deaths,
            timeouts=printed.count("killing worker"),
            claim_conflicts=printed.count('"reason":"claimed_elsewhere"'),
            struck=self._faults.struck,
            pending=[f"{fault.kind} {fault.target}" for fault in self._faults.pending()],
            details=self._details(self._analytics) if self._analytics else None,
        )

    def _details(self, analytics: ChaoticAnalytics) -> DetailsAccount:
        ends = {
            "actions": self._world.crm.ends,
            "bus": self._bus.details,
            "webhook": self._world.webhook.ends,
        }
        arrived = {
            name: Counter(end["details"] for end in arrivals) for name, arrivals in ends.items()
        }
        return DetailsAccount(
            arrived,
            self._proxy.calls,
            analytics.answered_requests,
            analytics.requests_over_limit,
        )

    def _send_batch(self, due: Sequence[ScheduledMessage]) -> None:
        if self._analytics:
            for message in due:
                self._analytics.add(message.conversation_id)
        answer = self._sqs.send_message_batch(
            QueueUrl=self._outputs["QueueUrl"],
            Entries=[{"Id": str(n), "MessageBody": each.body} for n, each in enumerate(due)],
        )
        for sent in answer["Successful"]:
            message = due[int(sent["Id"])]
            if message.reject_reason:
                self._poison[sent["MessageId"]] = message.reject_reason, message.body

    def _update(self) -> None:
        """Close or open each receiver's listener as scheduled, and collect the ends on the bus.

        A closed listener opens again only after the worker has logged a refused connection.
        """
        receivers = {"crm": self._world.crm, "webhook": self._world.webhook}
        for name, receiver in receivers.items():
            if self._faults.is_on(f"listener of {name}"):
                receiver.server.refuse_connections()
            elif not receiver.server.is_accepting and REFUSED[name] in self._printed():
                receiver.server.accept_connections()
        self._bus.collect()

    def _show(self, sent: str = "") -> None:
        self._world.screen.progress(
            f"{sent}faults {self._faults.struck.total()}, killed {len(self._proxy.deaths)},"
            f" ends in the CRM {len(self._world.crm.arrivals)},"
            f" at the webhook {len(self._world.webhook.arrivals)}"
        )

    def _crm_fault(self, request: Request) -> Answer | None:
        kind = self._faults.strike("crm")
        if kind == "hangs":
            self._proxy.deaths.append(Death(int(request.headers["X-Pid"]), HANGING_ACTION))
            return Answer(418)
        return _fault_answer(kind)

    def _webhook_fault(self, _: Request) -> Answer | None:
        # Some faults strike a call that the worker makes only after a failure. If such a fault is
        # due, make this end fail.
        needed = "refused" if self._faults.is_due_at(CALLS_AFTER_FAILURES) else None
        return _fault_answer(self._faults.strike("webhook") or needed)

    def _printed(self) -> str:
        """Return the emulator's output, which contains the worker's log lines."""
        return self._world.aws.log_file.read_text(errors="replace")

    def _ledger(self) -> dict[End, LedgerItem]:
        pages = self._world.aws.client("dynamodb").get_paginator("scan")
        return {
            (item["conversation_id"]["S"], item["queue_id"]["S"]): LedgerItem(
                item["state"]["S"], frozenset(name["S"] for name in item["delivered"]["L"])
            )
            for page in pages.paginate(TableName=self._outputs["LedgerTableName"])
            for item in page["Items"]
            # The table also has an item that is no end: it spaces requests to Genesys Cloud.
            if not item["conversation_id"]["S"].startswith("#")
        }


def _fault_answer(kind: str | None) -> Answer | None:
    if kind == "slow":
        time.sleep(SLOW_SECONDS)
    return Answer(503) if kind in ("refused", "down") else None
