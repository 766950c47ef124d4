"""The boto3 clients of the bus and the archive do not retry by themselves."""

from collections.abc import Callable

import pytest

from destinations import archive, bus
from destinations.destination import Destination, Receipt
from local.http.messages import Answer
from local.http.server import HttpServer
from tests.bodies import CANARY
from tests.fakes.aws.eventbridge import BUS
from tests.fakes.aws.firehose import STREAM
from tests.fakes.clock import Clock
from tests.fakes.ends import make_end


@pytest.fixture(
    params=[
        lambda: bus.make_destination({"ENDS_BUS": BUS}),
        lambda: archive.make_destination({"ARCHIVE_STREAM": STREAM}),
    ],
    ids=["bus", "archive"],
)
def destination(aws: HttpServer, request: pytest.FixtureRequest) -> Destination:
    make: Callable[[], Destination] = request.param
    return make()


@pytest.mark.parametrize(
    ("answer", "error", "attempts"),
    [
        (Answer(500, {"__type": "InternalException", "message": CANARY}), "InternalException", 3),
        (Answer(400, {"__type": "Throttling", "message": CANARY}), "Throttling", 3),
        (Answer(400, {"__type": "AccessDenied", "message": CANARY}), "AccessDenied", 1),
        (Answer(fate="lost"), "ConnectionClosedError", 3),
    ],
    ids=str,
)
def test_boto3_adds_no_attempts_to_ours(
    destination: Destination, aws: HttpServer, answer: Answer, error: str, attempts: int
) -> None:
    aws.respond = lambda _: answer
    receipts = list(destination.deliver([make_end()], Clock().deadline(9)))
    assert receipts == [Receipt(0, "failed", error)]
    assert len(aws.requests) == attempts
