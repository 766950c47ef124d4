"""Gives a contender its turns, in a process of its own: `python -m bench.contenders.turns`.

A line on stdin asks for a turn; a line on stdout reports on it. In a process of its own, a
contender has the garbage collection and the memory that it has in Lambda.
"""

import json
import os
import sys
import time
from pathlib import Path
from typing import Any, TextIO

from bench.contenders.setup import Setup, make_contender
from bench.world.events import Batches
from bench.world.invocation import Context, Handler


def serve(setup: Setup, requests: TextIO, answers: TextIO) -> None:
    """Take a turn for each line of `requests`: a batch's size and how often, or a file."""
    handler = make_contender(setup)
    print("ready", file=answers, flush=True)
    batches: Batches | None = None
    for line in requests:
        request = json.loads(line)
        if isinstance(request, str):
            seconds = _invoke_with_payload(handler, request)
        else:
            batches = batches or Batches()
            size, times = request
            seconds = _time(handler, *(batches.make(size) for _ in range(times)))
        print(json.dumps(seconds), file=answers, flush=True)


def _time(handler: Handler, *events: dict[str, Any]) -> tuple[float, float]:
    """Return the seconds of CPU time and of wall-clock time that batches take."""
    wall, cpu = time.perf_counter(), time.process_time()
    responses = [handler(event, Context()) for event in events]
    seconds = time.process_time() - cpu, time.perf_counter() - wall
    if any(response["batchItemFailures"] for response in responses):
        raise RuntimeError("The contender has reported messages as failed.")
    return seconds


def _invoke_with_payload(handler: Handler, path: str) -> tuple[float, float]:
    """Invoke a handler as Lambda's runtime does: it keeps the payload meanwhile."""
    payload = Path(path).read_bytes()
    return _time(handler, json.loads(payload))


def _main() -> None:
    # Contenders print their logs. These go nowhere, and stdout remains for the answers.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    serve(Setup(**json.loads(sys.argv[1])), sys.stdin, answers)


if __name__ == "__main__":
    _main()
