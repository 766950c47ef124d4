"""Batches as Lambda passes them to a function, with ends of conversations that are all new."""

import itertools
import json
import random
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from local.traffic.subscription import END, OUR_QUEUES, conversations, iso

QUEUE_IDS = OUR_QUEUES
_TEMPLATES = 200
_PLACE = "00000000-0000-4000-8000-000000000000"
_TIME_PLACE = "0000-00-00T00:00:00.000Z"
# How long before a batch its conversations ended.
_MIN_AGE_SECONDS, _MAX_AGE_SECONDS = 0.5, 5.0


class Batches:
    """Makes batches of subscription events.

    Parameters
    ----------
    queue_ids
        The queues of the ends, in turn.
    seed
        The same seed gives the same batches, except for their times.
    """

    def __init__(self, queue_ids: Sequence[str] = QUEUE_IDS, seed: int = 1) -> None:
        self._random = random.Random(seed)  # noqa: S311 - no secret depends on it
        ends = (
            event
            for event in conversations(seed, 10**6, queue_ids, own_share=1)
            if event.body["eventType"] == END
        )
        self._bodies = [
            json.dumps({**event.body, "eventTime": _TIME_PLACE}).replace(
                event.conversation_id, _PLACE
            )
            for event in itertools.islice(ends, _TEMPLATES)
        ]

    @property
    def mean_bytes(self) -> int:
        """The mean size of a body."""
        return sum(map(len, self._bodies)) // len(self._bodies)

    def make(self, size: int) -> dict[str, Any]:
        """Return an event with so many records, whose conversations have just ended."""
        return {"Records": [make_record(self._body(), self._id()) for _ in range(size)]}

    def _body(self) -> str:
        age = timedelta(seconds=self._random.uniform(_MIN_AGE_SECONDS, _MAX_AGE_SECONDS))
        body = self._random.choice(self._bodies).replace(_PLACE, self._id())
        return body.replace(_TIME_PLACE, iso(datetime.now(UTC) - age))

    def _id(self) -> str:
        return str(uuid.UUID(int=self._random.getrandbits(128), version=4))


def make_record(body: str, message_id: str) -> dict[str, Any]:
    """Return a message as Lambda passes it to a function."""
    return {
        "messageId": message_id,
        "receiptHandle": "AQEB" + 172 * "x" + "=",
        "body": body,
        "attributes": {
            "ApproximateReceiveCount": "1",
            "SentTimestamp": "1795428000000",
            "SenderId": "AROAEXAMPLE0000000000:genesys",
            "ApproximateFirstReceiveTimestamp": "1795428000005",
        },
        "messageAttributes": {},
        "md5OfBody": "d41d8cd98f00b204e9800998ecf8427e",
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:eu-central-1:123456789012:queue-ends-dev-intake",
        "awsRegion": "eu-central-1",
    }
