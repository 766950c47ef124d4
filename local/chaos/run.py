"""A chaos run, which publishes events through the deployed stack while faults strike."""

import time
from collections import Counter, deque
from collections.abc import Mapping, Sequence

from local.chaos.calls import Death
from local.chaos.clock import HeldClock
from local.chaos.details import ChaoticAnalytics, DetailsAccount
from local.chaos.fault_proxy import FaultProxy
from local.chaos.plan import CALLS_AFTER_FAILURES
from local.chaos.printed import PrintedPhrases, printed_total, unanswered_rejects
from local.chaos.repeats import HANGING_ACTION
from local.chaos.report import LedgerItem, RunReport
from local.chaos.source.account import SourceAccount
from local.chaos.source.deliveries import Source
from local.chaos.source.recovery import Recovery
from local.chaos.source.steps import BATCH, GapStep, Publication, Step, count_repeats, event_key
from local.chaos.source.traffic import Traffic
from local.http.messages import Answer, Request
from local.receivers.bus import BusRecorder
from local.receivers.receiver import End, Receiver, ledger_end
from local.runs.queues import count_messages, receive_dead_letters
from local.runs.watchdog import Watchdog
from local.runs.world import World

SLOW_SECONDS = 0.4
"""Seconds by which the fault `slow` delays a receiver's response."""
REFUSED = {"crm": "actions: ConnectionError", "webhook": "webhook: the connection was refused"}
"""What the worker logs when a receiver refuses the connection, keyed by receiver."""
TIMED_OUT, CLAIMED_ELSEWHERE = "killing worker", '"reason":"claimed_elsewhere"'
"""What the emulator prints when an invocation times out, and the worker for an end that another
worker has claimed."""
MAX_BACKLOG = 1_000
"""The most messages that are visible in the intake queue. Above that, publishing waits: the machine
is too slow."""
RECOVERED = "RecoveredEnds"
"""The metric of the ends that the backfill sends."""
MAX_HEALS = 3
"""The most runs of the watchdog after which it must have healed."""
MAX_PUBLISHED = 50
"""The most events that are published in a call."""
PAUSE_SECONDS = 0.15
"""The pause after all events that are due. Many small calls would cost the machine too much."""
UPDATE_SECONDS = 0.5
"""How long publishing goes on before the receivers and the bus are looked after."""


class Run:
    """A run of events through the stack, and the report on it."""

    def __init__(
        self,
        world: World,
        outputs: Mapping[str, str],
        *,
        bus: BusRecorder,
        proxy: FaultProxy,
        clock: HeldClock,
        source: Source,
        traffic: Traffic,
        watchdog: Watchdog,
        analytics: ChaoticAnalytics | None = None,
    ) -> None:
        self._world, self._outputs, self._bus, self._proxy = world, outputs, bus, proxy
        self._clock, self._source, self._traffic = clock, source, traffic
        self._watchdog, self._analytics = watchdog, analytics
        self._faults = proxy.faults
        self._sqs = world.aws.client("sqs")
        self._poison: dict[str, tuple[str, str]] = {}
        self._dropped: set[str] = set()
        self._account = SourceAccount()
        self._gap = ""
        phrases = [*REFUSED.values(), TIMED_OUT, CLAIMED_ELSEWHERE]
        self._printed = PrintedPhrases(world.aws.log_file, phrases)
        self._updated_at = 0.0
        world.crm.server.intercept = self._crm_fault
        world.webhook.server.intercept = self._webhook_fault
        world.genesys.loses = lambda event: event_key(event) in self._dropped
        for receiver in (world.crm, world.webhook):
            receiver.server.records = False
        for recorder in (world.crm, world.webhook, bus):
            recorder.identify, recorder.keeps_ends = ledger_end, False

    def send(self, steps: Sequence[Step]) -> None:
        """Take all steps, each at its time."""
        waiting, count = deque(steps), len(steps)
        self._clock.start()
        self._faults.begin()
        while waiting:
            now = self._clock()
            due: list[Publication] = []
            while waiting and waiting[0].at <= now and len(due) < MAX_PUBLISHED:
                step = waiting[0]
                if isinstance(step, GapStep):
                    break
                due.append(step)
                waiting.popleft()
            if due:
                self._publish(due)
            elif waiting[0].at <= now and isinstance(step := waiting.popleft(), GapStep):
                self._take(step)
            if len(due) < MAX_PUBLISHED or time.monotonic() - self._updated_at > UPDATE_SECONDS:
                self._update()
                self._show(f"sent {count - len(waiting)}/{count}, ")
                time.sleep(PAUSE_SECONDS)
                self._wait_for_worker()

    def drain(self, seconds: float) -> None:
        """Wait until the intake queue is empty."""

        def show() -> None:
            self._update()
            self._show()

        aws, queue_url = self._world.aws, self._outputs["QueueUrl"]
        self._world.wait(seconds, lambda: not count_messages(aws, queue_url), show)

    def recover(self, recovery: Recovery, drain_seconds: float) -> None:
        """Let the watchdog's backfill find the ends that were missed, then let it look again."""
        account = self._account
        missed = self._traffic.ends - self._ledger().keys()
        account.missed = len(missed)
        recovery.add_conversations(missed)
        for _ in range(2):
            account.finished += recovery.run(self._update)
            total = printed_total(self._world.aws.log_file, RECOVERED)
            account.sent.append(total - sum(account.sent))
            self.drain(drain_seconds)

    def report(self) -> RunReport:
        """Return the report, from the receivers, the ledger, the queues, the proxy and the log."""
        aws = self._world.aws
        self._bus.collect()
        receivers: dict[str, Receiver | BusRecorder] = {
            "actions": self._world.crm,
            "bus": self._bus,
            "webhook": self._world.webhook,
        }
        kinds = {name: receiver.kinds for name, receiver in receivers.items()}
        self._account.recovered = {
            name: sum(n for (_, source), n in counts.items() if source == "backfill")
            for name, counts in kinds.items()
        }
        return RunReport(
            ends=self._traffic.ends,
            published=len(self._traffic.events),
            repeated_at_once=count_repeats(self._traffic),
            repeated_later=count_repeats(self._traffic),
            poison=self._poison,
            arrived={name: receiver.arrivals for name, receiver in receivers.items()},
            end_ids={name: receiver.end_ids for name, receiver in receivers.items()},
            forged=self._world.webhook.forged,
            ledger=self._ledger(),
            dead_letters=list(receive_dead_letters(aws, self._outputs["DeadLetterQueueUrl"])),
            left_in_queue=count_messages(aws, self._outputs["QueueUrl"]),
            calls=self._proxy.calls,
            deaths=self._proxy.deaths,
            timeouts=self._printed[TIMED_OUT],
            unanswered_rejects=unanswered_rejects(aws.log_file),
            claim_conflicts=self._printed[CLAIMED_ELSEWHERE],
            struck=self._faults.struck,
            pending=[f"{fault.kind} {fault.target}" for fault in self._faults.pending()],
            details=self._details(self._analytics, kinds) if self._analytics else None,
            source=self._account,
        )

    def _details(
        self, analytics: ChaoticAnalytics, kinds: Mapping[str, Mapping[tuple[str, str], int]]
    ) -> DetailsAccount:
        arrived: dict[str, Counter[str]] = {name: Counter() for name in kinds}
        for name, counts in kinds.items():
            for (details, _), count in counts.items():
                arrived[name][details] += count
        return DetailsAccount(
            arrived,
            self._proxy.calls,
            analytics.answered_requests,
            analytics.requests_over_limit,
        )

    def _publish(self, due: Sequence[Publication]) -> None:
        events = [each for each in due if each.event is not None]
        if self._analytics:
            for each in events:
                self._analytics.add(each.conversation_id)
        self._dropped = {event_key(each.event or {}) for each in events if each.is_dropped}
        if self._gap:
            self._account.lost_while[self._gap] += len(events)
        else:
            self._account.dropped += len(self._dropped)
        self._source.publish([each.event for each in events if each.event is not None])
        poison = [each for each in due if each.event is None]
        for start in range(0, len(poison), BATCH):
            self._send_poison(poison[start : start + BATCH])

    def _send_poison(self, due: Sequence[Publication]) -> None:
        answer = self._sqs.send_message_batch(
            QueueUrl=self._outputs["QueueUrl"],
            Entries=[{"Id": str(n), "MessageBody": each.body} for n, each in enumerate(due)],
        )
        for sent in answer["Successful"]:
            message = due[int(sent["Id"])]
            self._poison[sent["MessageId"]] = message.reject_reason, message.body

    def _take(self, step: GapStep) -> None:
        """Begin a gap, or end it: the run stands still until the watchdog has healed."""
        self._gap = step.gap.kind if step.begins else ""
        if step.begins:
            self._source.strike(step.gap.kind)
            return
        with self._clock.held():
            for _ in range(MAX_HEALS):
                self._watchdog.run(self._update)
                if self._source.is_sending:
                    self._account.healed[step.gap.kind] += 1
                    break

    def _wait_for_worker(self) -> None:
        """Wait while the intake queue is long. Messages that wait for a retry do not count."""
        aws, queue_url = self._world.aws, self._outputs["QueueUrl"]
        while count_messages(aws, queue_url, only_visible=True) > MAX_BACKLOG:
            self._update()
            self._show("waiting for the worker, ")
            time.sleep(0.25)

    def _update(self) -> None:
        """Close or open each receiver's listener as scheduled, and collect the ends on the bus.

        A closed listener opens again only after the worker has logged a refused connection.
        """
        self._updated_at = time.monotonic()
        receivers = {"crm": self._world.crm, "webhook": self._world.webhook}
        for name, receiver in receivers.items():
            if self._faults.is_on(f"listener of {name}"):
                receiver.server.refuse_connections()
            elif not receiver.server.is_accepting and self._printed[REFUSED[name]]:
                receiver.server.accept_connections()
        self._bus.collect()

    def _show(self, sent: str = "") -> None:
        self._world.screen.progress(
            f"{sent}faults {self._faults.struck.total()}, killed {len(self._proxy.deaths)},"
            f" ends in the CRM {self._world.crm.end_count},"
            f" at the webhook {self._world.webhook.end_count}"
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

    def _ledger(self) -> dict[End, LedgerItem]:
        pages = self._world.aws.client("dynamodb").get_paginator("scan")
        return {
            (item["conversation_id"]["S"], item["queue_id"]["S"]): LedgerItem(
                item["state"]["S"], frozenset(name["S"] for name in item["delivered"]["L"])
            )
            for page in pages.paginate(TableName=self._outputs["LedgerTableName"])
            for item in page["Items"]
            # The table also has items that are no ends: one spaces requests to Genesys Cloud, some
            # join the events of a conversation, some are the backfill's.
            if not item["conversation_id"]["S"].startswith("#")
            and not item["queue_id"]["S"].startswith("#")
        }


def _fault_answer(kind: str | None) -> Answer | None:
    if kind == "slow":
        time.sleep(SLOW_SECONDS)
    return Answer(503) if kind in ("refused", "down") else None
