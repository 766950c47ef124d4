"""The contenders as the benchmark sees them: a queue, and somebody who works on it when told to."""

import json
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol

from local.aws.emulator import Emulator
from local.aws.log_events import log_events
from local.aws.project import ROOT


class Entrant(Protocol):
    """Works on a queue, but only between `start` and `stop`."""

    queue_url: str

    def start(self, count: int) -> None:
        """Begin to work on this many events."""

    def stop(self) -> list[float]:
        """Stop, and return the latencies in milliseconds of the ends since `start`."""


class LambdaFunction:
    """A function that an event source mapping invokes. Its log says how long each end took."""

    def __init__(self, aws: Emulator, queue_url: str, function_name: str) -> None:
        self.queue_url = queue_url
        self._lambda, self._logs = aws.client("lambda"), aws.client("logs")
        mappings = self._lambda.list_event_source_mappings(FunctionName=function_name)
        (self._mapping,) = (mapping["UUID"] for mapping in mappings["EventSourceMappings"])
        configuration = self._lambda.get_function_configuration(FunctionName=function_name)
        default_group = f"/aws/lambda/{function_name}"
        self._log_group = configuration.get("LoggingConfig", {}).get("LogGroup", default_group)
        self._started_at = 0.0
        self._enable(False)

    def start(self, count: int) -> None:
        self._started_at = time.time()
        self._enable(True)

    def stop(self) -> list[float]:
        self._enable(False)
        since = int(self._started_at * 1000)
        events = log_events(self._logs, self._log_group, since=since, pattern="EndToEndLatency")
        return logged_latencies(events, since)

    def mapping_settings(self) -> dict[str, Any]:
        """Return the event source mapping's settings, for another mapping that is the same."""
        names = ("BatchSize", "MaximumBatchingWindowInSeconds", "FunctionResponseTypes")
        mapping = self._lambda.get_event_source_mapping(UUID=self._mapping)
        return {name: mapping[name] for name in (*names, "ScalingConfig") if name in mapping}

    def _enable(self, enabled: bool) -> None:
        self._lambda.update_event_source_mapping(UUID=self._mapping, Enabled=enabled)


class PollingWorker:
    """A process that polls. It answers with the latencies when it has handled all events."""

    def __init__(self, queue_url: str, process: subprocess.Popen[str]) -> None:
        self.queue_url, self._process = queue_url, process

    def start(self, count: int) -> None:
        print(count, file=self._process.stdin, flush=True)

    def stop(self) -> list[float]:
        answer = self._process.stdout.readline() if self._process.stdout else ""
        if not answer:
            raise RuntimeError(f"the polling worker has ended: {self._process.wait()}")
        latencies: list[float] = json.loads(answer)
        return latencies


@contextmanager
def polling_worker(aws: Emulator) -> Iterator[PollingWorker]:
    """Start a polling worker, with a queue of its own."""
    queue_url = aws.client("sqs").create_queue(QueueName="polled")["QueueUrl"]
    with subprocess.Popen(
        [sys.executable, "-m", "bench.emulated.polling_worker", queue_url],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        cwd=ROOT,
        env=aws.child_environment(),
    ) as process:
        try:
            yield PollingWorker(queue_url, process)
        finally:
            process.kill()


def logged_latencies(events: Iterable[Mapping[str, Any]], since: int) -> list[float]:
    """Return the latencies of ends in a log, each line of which has one or a list of them.

    On a busy machine the emulator reads a line too late, and logs it with the function's next
    invocation. An end that is older than `since`, in epoch milliseconds, is therefore left out.
    """
    latencies: list[float] = []
    for event in events:
        logged = json.loads(event["message"])["EndToEndLatency"]
        values = logged if isinstance(logged, list) else [logged]
        latencies += [value for value in values if event["timestamp"] - value >= since]
    return latencies
