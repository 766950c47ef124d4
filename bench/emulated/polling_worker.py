"""The polling worker's process: `python -m bench.emulated.polling_worker QUEUE_URL`.

Each line of its input is a number of events to handle. When they are done, it answers with a line
that holds their latencies.
"""

import json
import os
import sys
from collections import deque
from typing import Any

import boto3

from bench.contenders.poller import poll_once
from bench.emulated.events import milliseconds_since_end
from local.aws.emulator import require_loopback


def main(queue_url: str) -> None:
    """Handle events until the input ends."""
    sqs = boto3.client("sqs", endpoint_url=require_loopback(os.environ["AWS_ENDPOINT_URL"]))
    bodies, latencies = deque[str](), list[int]()

    def received(parsed: Any, **_: Any) -> None:
        bodies.extend(message["Body"] for message in parsed.get("Messages", ()))

    def deleted(**_: Any) -> None:
        latencies.append(milliseconds_since_end(json.loads(bodies.popleft())))

    # The worker handles and deletes messages in the order in which it has received them.
    sqs.meta.events.register("after-call.sqs.ReceiveMessage", received)
    sqs.meta.events.register("after-call.sqs.DeleteMessage", deleted)
    # The worker prints a line for each end.
    answers, sys.stdout = sys.stdout, sys.stderr
    for line in sys.stdin:
        while len(latencies) < int(line):
            poll_once(sqs, queue_url=queue_url)
        print(json.dumps(latencies), file=answers, flush=True)
        latencies.clear()


if __name__ == "__main__":
    main(sys.argv[1])
