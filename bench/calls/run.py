"""Runs a scenario, and counts its calls and the units that AWS bills."""

import contextlib
import io
import json
import os
import statistics
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from bench.calls.scenarios import Scenario
from bench.contenders.setup import LATENCY_SECONDS
from bench.world.aws import StubbedAws, chunks_of
from bench.world.events import QUEUE_IDS, make_record
from bench.world.invocation import Context, environment
from bench.world.table import StubbedTable

MEMORY_MB = 256
"""The memory of the functions, which is the default of `worker_memory_mb`."""
# A function has a whole virtual CPU at this memory (see "Configure Lambda function memory" in the
# Lambda Developer Guide).
_MEMORY_OF_A_CPU_MB = 1769
# In about so many batches of a scenario, AWS takes its time.
_TIMED_BATCHES = 10
# The setting's default.
_SETTLE_SECONDS = 60
# SQS passes on at most ten messages in a call, to Lambda too, and takes as many deletions.
_MESSAGES_PER_CALL = 10
# The lines that Lambda adds to the log of each invocation in the log format JSON.
_PLATFORM_LINES = (
    '{"time":"2026-11-29T10:00:00.000Z","type":"platform.start","record":{"requestId":'
    '"c6af9ac6-7b61-11e6-9a41-93e8deadbeef","version":"$LATEST"}}\n'
    '{"time":"2026-11-29T10:00:00.020Z","type":"platform.report","record":{"requestId":'
    '"c6af9ac6-7b61-11e6-9a41-93e8deadbeef","metrics":{"durationMs":20.123,"billedDurationMs":21,'
    '"memorySizeMB":256,"maxMemoryUsedMB":100},"status":"success"}}\n'
)
# The example action writes a line for each end, which the user may change.
_ACTION = '"service":"actions"'

Turn = Callable[[Sequence[str]], None]
"""Processes a batch of message bodies."""


@dataclass(slots=True)
class _Run:
    """The batches of a scenario, with their times in seconds.

    Attributes
    ----------
    mapping_requests
        The requests to SQS with which Lambda receives and deletes the messages.
    cpu_seconds, wait_seconds
        The CPU time of each batch, and the time that some batches waited.
    """

    messages: int = 0
    mapping_requests: int = 0
    cpu_seconds: list[float] = field(default_factory=list)
    wait_seconds: list[float] = field(default_factory=list)

    @property
    def batches(self) -> int:
        return len(self.cpu_seconds)

    def take(self, bodies: Sequence[str], aws: StubbedAws, turn: Turn) -> None:
        """Process a batch."""
        start, cpu_start = time.perf_counter(), time.process_time() - aws.cpu_seconds
        turn(bodies)
        cpu_seconds = time.process_time() - aws.cpu_seconds - cpu_start
        self.cpu_seconds.append(cpu_seconds)
        if aws.latency_seconds:
            self.wait_seconds.append(max(0.0, time.perf_counter() - start - cpu_seconds))
        self.messages += len(bodies)
        for first in range(0, len(bodies), _MESSAGES_PER_CALL):
            received = bodies[first : first + _MESSAGES_PER_CALL]
            self.mapping_requests += chunks_of(sum(map(len, received))) + 1

    def gb_seconds(self) -> float:
        """Return what AWS bills: a function with less memory has a share of a CPU."""
        cpu_seconds = statistics.median(self.cpu_seconds) * _MEMORY_OF_A_CPU_MB / MEMORY_MB
        seconds = cpu_seconds + statistics.median(self.wait_seconds)
        return self.batches * seconds * MEMORY_MB / 1024


def measure_scenario(scenario: Scenario) -> list[dict[str, Any]]:
    """Run a scenario in this process, which has not imported the worker; return its rows."""
    os.environ |= environment(",".join(scenario.destinations), ",".join(QUEUE_IDS))
    if scenario.end_rule:
        os.environ |= {
            "DELIVERY": "eventbridge",
            "END_RULE": scenario.end_rule,
            "SETTLE_SECONDS": str(_SETTLE_SECONDS),
        }
    aws = StubbedAws(counts_chunks=True)
    aws.attach_to_new_clients()
    # The logger keeps the stream that it finds when it is created.
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        turn = _make_turn(scenario, aws)
        return [_measure_batches(scenario, batch, aws, turn, printed) for batch in scenario.batches]


def _measure_batches(
    scenario: Scenario, batch: int, aws: StubbedAws, turn: Turn, printed: io.StringIO
) -> dict[str, Any]:
    is_ours = scenario.contender == "ours"
    aws.table = table = StubbedTable(("conversation_id", "queue_id") if is_ours else ("id",))
    aws.calls.clear()
    aws.chunks.clear()
    printed.seek(0)
    printed.truncate()
    arrivals, run = scenario.arrivals(), _Run()
    # Genesys Cloud, or EventBridge, sends each message by itself.
    send_requests = sum(chunks_of(len(body)) for body in arrivals.bodies)
    timed_every = max(1, len(arrivals.bodies) // batch // _TIMED_BATCHES)
    while bodies := arrivals.take(batch):
        aws.latency_seconds = {} if run.batches % timed_every else LATENCY_SECONDS
        run.take(bodies, aws, turn)
        arrivals.add(aws.sent, delay_seconds=_SETTLE_SECONDS)
        aws.sent = []
    log = printed.getvalue()
    thousands = (_count_ends(table) if is_ours else arrivals.ends) / 1000
    is_function = scenario.contender != "poller"  # The polling worker runs all the time.
    own_requests = aws.chunks.total() - aws.chunks["PutEvents"]
    units = {
        "lambda_requests": run.batches * is_function,
        "lambda_gb_seconds": run.gb_seconds() * is_function,
        "sqs_requests": send_requests + own_requests + run.mapping_requests * is_function,
        "dynamodb_write_units": table.write_units,
        "dynamodb_read_units": table.read_units,
        "put_events_64kb": aws.chunks["PutEvents"],
        "partner_events_64kb": arrivals.partner_events,
        "log_bytes": len(log.encode()) + run.batches * is_function * len(_PLATFORM_LINES),
        "own_log_bytes": sum(len(line) + 1 for line in log.splitlines() if _ACTION not in line),
    }
    return {
        "contender": scenario.contender,
        "delivery": scenario.delivery,
        "end_rule": scenario.end_rule,
        "destinations": scenario.destinations,
        "batch": batch,
        "messages_per_1000_ends": run.messages / thousands,
        "calls_per_1000_ends": {name: n / thousands for name, n in sorted(aws.calls.items())},
        "units_per_1000_ends": {name: n / thousands for name, n in units.items()},
        "ledger_bytes_per_end": table.total_bytes / thousands / 1000,
        "ledger_items_per_end": len(table.items) / thousands / 1000,
        "cpu_ms_per_batch": 1000 * statistics.median(run.cpu_seconds),
        "wait_ms_per_batch": 1000 * statistics.median(run.wait_seconds),
        "custom_metrics": _count_custom_metrics(log),
    }


def _make_turn(scenario: Scenario, aws: StubbedAws) -> Turn:
    """Return a function that has the contender process a batch."""
    # Clients, and the worker, are made only now: they read the environment.
    import boto3  # noqa: PLC0415

    has_bus = "bus" in scenario.destinations
    handler: Callable[[dict[str, Any], Any], Any]
    match scenario.contender:
        case "poller":
            from bench.contenders.poller import poll_once  # noqa: PLC0415

            sqs, events = boto3.client("sqs"), boto3.client("events") if has_bus else None

            def poll(bodies: Sequence[str]) -> None:
                aws.waiting = [*bodies]
                poll_once(sqs, events)

            return poll
        case "idempotent":
            from bench.contenders.powertools import idempotent_batch_processor  # noqa: PLC0415

            events = boto3.client("events") if has_bus else None
            handler = idempotent_batch_processor(boto3.client("dynamodb"), events)
        case _:
            from worker.handler import handler  # noqa: PLC0415

    def invoke(bodies: Sequence[str]) -> None:
        records = [make_record(body, str(uuid.uuid4())) for body in bodies]
        response = handler({"Records": records}, Context())
        if response["batchItemFailures"]:
            raise RuntimeError(f"{scenario} failed")

    return invoke


def _count_ends(table: StubbedTable) -> int:
    return sum(item.get("state") == {"S": "done"} for item in table.items.values())


def _count_custom_metrics(log: str) -> int:
    """Return how many metrics CloudWatch bills: one for each name and set of dimensions' values."""
    metrics = set()
    for line in log.splitlines():
        if not line.startswith('{"_aws"'):
            continue
        values = json.loads(line)
        for directive in values["_aws"]["CloudWatchMetrics"]:
            for names in directive["Dimensions"]:
                dimensions = tuple(values[name] for name in names)
                metrics |= {(metric["Name"], dimensions) for metric in directive["Metrics"]}
    return len(metrics)
