"""A redrive of chosen letters while SQS fails in part, loses answers and repeats messages."""

from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ReadTimeoutError
from hypothesis import given, settings
from hypothesis import strategies as st

from ops.dead_letters.queue import LetterQueue
from ops.dead_letters.redrive import Redrive
from tests.fakes.aws.queues import FakeQueues
from tests.fakes.aws.sqs import DEAD, INTAKE, client_error
from tests.fakes.clock import Clock

OPERATIONS = ("SendMessageBatch", "DeleteMessageBatch", "ChangeMessageVisibilityBatch")


@settings(deadline=None, max_examples=60)
@given(
    letters=st.integers(1, 35),
    rate=st.sampled_from([1, 7, 50, 500]),
    faults=st.lists(st.sampled_from(["", "refused", "error", "lost", "entries"]), max_size=20),
    repeats=st.booleans(),
)
def test_what_is_deleted_was_sent_whatever_sqs_does(
    letters: int, rate: int, faults: list[str], *, repeats: bool
) -> None:
    clock = Clock()
    queues = FakeQueues(clock)
    queues.repeats = repeats
    ids = {queues.put_rejected(f"{number}", "chosen"): f"{number}" for number in range(letters)}
    others = {queues.put_rejected("other", "other") for _ in range(3)}
    script = iter(faults)
    fault = ""

    def before(operation: str) -> None:
        nonlocal fault
        fault = next(script, "") if operation in OPERATIONS else ""
        if fault == "refused":
            raise client_error("AccessDenied", operation)
        if fault == "error":
            raise client_error("ServiceUnavailable", operation)

    def after(_operation: str) -> None:
        if fault == "lost":
            raise ReadTimeoutError(endpoint_url="https://sqs.eu-west-1.amazonaws.com")

    def refused(_operation: str, entry: Mapping[str, Any]) -> str:
        return "InternalError" if fault == "entries" and entry["Id"] in {"0", "3"} else ""

    queues.before, queues.after, queues.refused = before, after, refused
    notes: list[str] = []
    queue = LetterQueue(queues, DEAD, "dead-letter queue", notes.append)  # type: ignore[arg-type]
    redrive = Redrive(queue, INTAKE, rate, clock=clock, sleep=clock.sleep)

    result = redrive.as_work().off(queue, ids, {*ids, *others}, lambda _: None)

    assert {*queues.bodies(DEAD), *queues.bodies(INTAKE)} >= {*ids.values()}
    assert {ids[id_] for id_ in result.done} <= {*queues.bodies(INTAKE)}
    assert not {ids[id_] for id_ in result.done} & {*queues.bodies(DEAD)}
    assert result.done | result.failed.keys() | result.left == {*ids}
    assert queues.bodies(DEAD).count("other") == 3
    if not faults:
        assert sorted(queues.bodies(INTAKE)) == sorted(ids.values())
        assert clock.now >= (letters - 10) / rate
