"""Batches for the worker's plain code, with everything around it in memory."""

import json
from collections.abc import Callable, Iterable
from typing import Any

from conversations.end import ConversationEnd
from deadline import InvocationContext
from tests.bodies import ENDED, QUEUE
from tests.fakes.clock import Clock
from tests.fakes.sqs import DEAD, INTAKE, FakeSqs
from worker.batch import process
from worker.intake import Intake
from worker.message import Message
from worker.outcome import Report

SECOND_QUEUE = "second-queue"


class Batches:
    """Runs batches, with an action that does as it is told.

    Attributes
    ----------
    acted
        The ends that the action was called with.
    does
        By conversation id, what the action does with its ends: raise this, or call this.
    act
        The action itself, for tests that need one of their own.
    """

    def __init__(self, sqs: FakeSqs, clock: Clock) -> None:
        self.sqs = sqs
        self.clock = clock
        self.acted: list[ConversationEnd] = []
        self.act: Callable[[ConversationEnd], None] = self._act
        self.does: dict[str, BaseException | Callable[[], object]] = {}

    def run(
        self, records: Iterable[dict[str, Any]], context: InvocationContext | None = None
    ) -> Report:
        """Process a batch, by default in an invocation of 30 s."""
        return process(
            map(Message.of, records),
            queue_ids={QUEUE, SECOND_QUEUE},
            intake=Intake(self.sqs, INTAKE, DEAD, retry_delay=30),  # type: ignore[arg-type]
            act=self.act,
            context=context or self.clock.invocation(30),
            now_ms=lambda: int(ENDED.timestamp() * 1000 + self.clock.now * 1000),
        )

    def _act(self, end: ConversationEnd) -> None:
        self.acted.append(end)
        match self.does.get(end.conversation_id):
            case None:
                pass
            case BaseException() as error:
                raise error
            case function:
                function()


def outcomes_of(report: Report) -> dict[str, str]:
    """Return by message id its outcome and reason (`ignored.other_queue`), one for each."""
    words = {o.message.id: f"{o.kind}.{o.reason}".rstrip(".") for o in report.outcomes}
    assert len(words) == len(report.outcomes)
    return words


def reported(report: Report) -> list[str]:
    """Return the message ids in a response, after looking at its shape."""
    response = json.loads(json.dumps(report.response()))
    assert list(response) == ["batchItemFailures"]
    failures = response["batchItemFailures"]
    assert all(list(failure) == ["itemIdentifier"] for failure in failures)
    ids = [failure["itemIdentifier"] for failure in failures]
    assert all(isinstance(id_, str) and id_ for id_ in ids)
    assert len(set(ids)) == len(ids)
    return ids
