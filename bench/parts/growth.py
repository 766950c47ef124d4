"""A million ends through one worker: time, calls and memory must not grow with them."""

import os
import time
from functools import partial
from pathlib import Path
from typing import Any

from bench.contenders.process import ContenderProcess
from bench.contenders.setup import Setup
from bench.contenders.worker import load_worker
from bench.machine import pin_to_one_core
from bench.part import Part, Table
from bench.rounds import median_and_minimum, take_turns
from bench.world.events import QUEUE_IDS, Batches
from bench.world.invocation import Context, environment
from bench.world.memory import MemoryAws
from bench.world.table import StubbedTable

# The numbers of ends after which the worker is timed.
_POINTS = (1_000, 10_000, 100_000, 1_000_000)
_BATCH = 100
_ROUNDS = 40
# The batches of the ends between the points, which are not timed.
_LARGE_BATCH = 1_000


class _Worker:
    """The worker that gets a million ends.

    Attributes
    ----------
    ends
        The number of ends so far.
    """

    def __init__(self) -> None:
        os.environ.update(environment("actions", ",".join(QUEUE_IDS)))
        self.ends = 0
        self._aws = MemoryAws()
        self._handler = load_worker(self._aws)
        self._batches = Batches()

    @property
    def call_count(self) -> int:
        return self._aws.calls.total()

    def process(self, size: int) -> float:
        """Process a batch, and return the seconds of CPU time."""
        event, context = self._batches.make(size), Context()
        start = time.process_time()
        response = self._handler(event, context)
        seconds = time.process_time() - start
        if response["batchItemFailures"]:
            raise RuntimeError("The worker has reported messages as failed.")
        self.ends += size
        return seconds

    def ledger_bytes_per_end(self) -> float:
        """Process a batch, and return the size of its items by DynamoDB's rules."""
        self._aws.table = table = StubbedTable(("conversation_id", "queue_id"))
        self.process(_BATCH)
        self._aws.table = None
        return table.total_bytes / len(table.items)


def measure() -> dict[str, Any]:
    """Return a row for each number of ends: the CPU time per end, the calls, and the memory.

    At each point, a new worker takes turns with the old one, and shows how fast the machine is now.
    """
    pin_to_one_core()
    worker = _Worker()
    rows: list[dict[str, Any]] = []
    for point in _POINTS:
        while worker.ends < point - _LARGE_BATCH:
            worker.process(_LARGE_BATCH)
        calls, ends = worker.call_count, worker.ends
        with ContenderProcess(Setup("ours", aws="memory")) as new_worker:
            new_worker.turn(_LARGE_BATCH)
            seconds = take_turns(
                {
                    "worker": partial(worker.process, _BATCH),
                    "new worker": partial(_process_in, new_worker),
                },
                rounds=_ROUNDS,
            )
        rows.append(
            {
                "ends": point,
                "cpu_us_per_end": _per_end(seconds["worker"]),
                "new_worker_cpu_us_per_end": _per_end(seconds["new worker"]),
                "calls_per_end": (worker.call_count - calls) / (worker.ends - ends),
                "rss_mb": _rss_mb(),
                "ledger_bytes_per_end": worker.ledger_bytes_per_end(),
            }
        )
    return {"batch": _BATCH, "rounds": _ROUNDS, "rows": rows}


def _process_in(process: ContenderProcess) -> float:
    return process.turn(_BATCH).cpu


def _per_end(seconds: list[float]) -> dict[str, float]:
    return median_and_minimum([each / _BATCH * 1e6 for each in seconds])


def _rss_mb() -> float:
    """Return this process's memory now. Only Linux tells it."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def tables(results: dict[str, Any]) -> list[Table]:
    """Return one table."""
    return [
        Table(
            f"Growth: ends through one worker, actions, {results['rounds']} rounds of batches of "
            f"{results['batch']} at each point",
            (
                "ends",
                "median µs per end",
                "min µs",
                "new worker µs",
                "÷ new worker",
                "calls per end",
                "RSS MB",
                "ledger bytes per end",
            ),
            [
                (
                    row["ends"],
                    row["cpu_us_per_end"]["median"],
                    row["cpu_us_per_end"]["min"],
                    row["new_worker_cpu_us_per_end"]["median"],
                    row["cpu_us_per_end"]["median"] / row["new_worker_cpu_us_per_end"]["median"],
                    row["calls_per_end"],
                    row["rss_mb"],
                    row["ledger_bytes_per_end"],
                )
                for row in results["rows"]
            ],
            "Clients in memory, which keep no items. A new worker takes turns with the old one, as "
            "the machine is not as fast at all times.",
        )
    ]


PART = Part("growth", measure, tables)
