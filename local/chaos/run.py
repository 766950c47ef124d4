"""Messages on their way through the deployed stack while faults strike, until none is left."""

import time
from collections.abc import Mapping, Sequence

from local.chaos.account import Account, LedgerItem
from local.chaos.fault_proxy import Death, FaultProxy
from local.chaos.histories import HUNG
from local.chaos.plan import OF_FAILED_ENDS
from local.chaos.sendings import BATCH, Sending, repeats_of
from local.http.messages import Answer, Request
from local.receivers.bus import BusRecorder
from local.receivers.receiver import End
from local.runs.queues import messages_in, new_dead_letters
from local.runs.world import World
from local.traffic.subscription import Event

SLOW = 0.4
"""Seconds for which a slow destination lets its caller wait."""
REFUSED = {"crm": "actions: ConnectionError", "webhook": "webhook: the connection was refused"}
"""What the worker logs when it met that."""


class Run:
    """A run, and the account of what has become of it."""

    def __init__(
        self, world: World, outputs: Mapping[str, str], bus: BusRecorder, proxy: FaultProxy
    ) -> None:
        self._world, self._outputs, self._bus, self._proxy = world, outputs, bus, proxy
        self._faults = proxy.faults
        self._sqs = world.aws.client("sqs")
        self._poison: dict[str, tuple[str, str]] = {}
        world.crm.server.before = self._trouble_at_crm
        world.webhook.server.before = self._trouble_at_webhook

    def send(self, sendings: Sequence[Sending]) -> None:
        """Send all messages, each at its time."""
        waiting, began = list(reversed(sendings)), time.monotonic()
        self._faults.begin()
        while waiting:
            now = time.monotonic() - began
            due: list[Sending] = []
            while waiting and waiting[-1].at <= now and len(due) < BATCH:
                due.append(waiting.pop())
            if due:
                self._send_batch(due)
            if len(due) < BATCH:
                self._tend()
                self._show(f"sent {len(sendings) - len(waiting)}/{len(sendings)}, ")
                time.sleep(0.1)

    def drain(self, patience: float) -> None:
        """Wait until the intake queue is empty."""

        def show() -> None:
            self._tend()
            self._show()

        aws, queue_url = self._world.aws, self._outputs["QueueUrl"]
        self._world.wait(patience, lambda: not messages_in(aws, queue_url), show)

    def account(self, ends: Sequence[Event]) -> Account:
        """Return what can be seen from outside."""
        aws, printed = self._world.aws, self._printed()
        self._bus.collect()
        return Account(
            ends=frozenset((event.conversation_id, event.queue_id) for event in ends),
            at_once=repeats_of(ends),
            later=repeats_of(ends),
            poison=self._poison,
            arrived={
                "actions": self._world.crm.arrivals,
                "bus": self._bus.arrivals,
                "webhook": self._world.webhook.arrivals,
            },
            forged=self._world.webhook.forged,
            ledger=self._ledger(),
            dead=list(new_dead_letters(aws, self._outputs["DeadLetterQueueUrl"])),
            left=messages_in(aws, self._outputs["QueueUrl"]),
            calls=self._proxy.calls,
            deaths=self._proxy.deaths,
            timeouts=printed.count("killing worker"),
            met=printed.count('"reason":"claimed_elsewhere"'),
            struck=self._faults.struck,
            missing=[f"{fault.kind} {fault.place}" for fault in self._faults.missing()],
        )

    def _send_batch(self, due: Sequence[Sending]) -> None:
        answer = self._sqs.send_message_batch(
            QueueUrl=self._outputs["QueueUrl"],
            Entries=[{"Id": str(n), "MessageBody": one.body} for n, one in enumerate(due)],
        )
        for sent in answer["Successful"]:
            one = due[int(sent["Id"])]
            if one.poison:
                self._poison[sent["MessageId"]] = one.poison, one.body

    def _tend(self) -> None:
        """Shut or open what its time has come for, and take what has arrived at the bus."""
        receivers = {"crm": self._world.crm, "webhook": self._world.webhook}
        for place, receiver in receivers.items():
            if self._faults.lasts(f"listener of {place}"):
                receiver.server.shut()
            elif not receiver.server.is_open and REFUSED[place] in self._printed():
                receiver.server.open()
        self._bus.collect()

    def _show(self, sent: str = "") -> None:
        self._world.screen.progress(
            f"{sent}faults {self._faults.struck.total()}, killed {len(self._proxy.deaths)}, in the"
            f" CRM {len(self._world.crm.arrivals)}, at the webhook"
            f" {len(self._world.webhook.arrivals)}"
        )

    def _trouble_at_crm(self, request: Request) -> Answer | None:
        kind = self._faults.strike("crm")
        if kind == "hangs":
            self._proxy.deaths.append(Death(int(request.headers["X-Pid"]), HUNG))
            return Answer(418)
        return _trouble(kind)

    def _trouble_at_webhook(self, _: Request) -> Answer | None:
        # Without an end that fails, those faults would wait in vain.
        in_vain = "refused" if self._faults.waits_at(OF_FAILED_ENDS) else None
        return _trouble(self._faults.strike("webhook") or in_vain)

    def _printed(self) -> str:
        """Return what the emulator has printed, the worker's log lines among it."""
        return self._world.aws.log_file.read_text(errors="replace")

    def _ledger(self) -> dict[End, LedgerItem]:
        pages = self._world.aws.client("dynamodb").get_paginator("scan")
        return {
            (item["conversation_id"]["S"], item["queue_id"]["S"]): LedgerItem(
                item["state"]["S"], frozenset(name["S"] for name in item["delivered"]["L"])
            )
            for page in pages.paginate(TableName=self._outputs["LedgerTableName"])
            for item in page["Items"]
        }


def _trouble(kind: str | None) -> Answer | None:
    if kind == "slow":
        time.sleep(SLOW)
    return Answer(503) if kind in ("refused", "down") else None
