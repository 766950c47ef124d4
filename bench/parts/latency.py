"""Ends per second, and the time of a batch, when every call to AWS has to wait for its answer."""

import contextlib
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from typing import Any

from bench.contenders.process import ContenderProcess, Turn
from bench.contenders.setup import CONTENDERS, LATENCY_SECONDS, Setup
from bench.part import Part, Table
from bench.rounds import median_and_minimum, percentile, take_turns

_SETUPS = tuple(
    Setup(contender, destinations, "slow")
    for destinations in ("actions", "actions,bus")
    for contender in ("ours", "idempotent")
)
# Rounds by batch size. A batch of 100 takes the slowest contender two seconds.
_ROUNDS = {10: 40, 25: 20, 100: 10}


def measure() -> dict[str, Any]:
    """Return the milliseconds per batch and the ends per second, in a row for each setup and batch.

    The processes are not pinned to a core. They wait most of the time, and on a core of their own
    they would wait longer for other processes of the machine.
    """
    rows: list[dict[str, Any]] = []
    with contextlib.ExitStack() as stack:
        processes = {setup: stack.enter_context(ContenderProcess(setup)) for setup in _SETUPS}
        for batch, rounds in _ROUNDS.items():
            turns = take_turns(
                {setup: partial(process.turn, batch) for setup, process in processes.items()},
                rounds=rounds,
            )
            rows += [_row(setup, batch, results) for setup, results in turns.items()]
    return {"latency_seconds": LATENCY_SECONDS, "rows": rows}


def _row(setup: Setup, batch: int, turns: Sequence[Turn]) -> dict[str, Any]:
    milliseconds = [turn.wall * 1000 for turn in turns]
    times = median_and_minimum(milliseconds)
    return {
        **asdict(setup),
        "batch": batch,
        "rounds": len(turns),
        "batch_ms": times | {"p99": percentile(milliseconds, 99)},
        "ends_per_second": batch / times["median"] * 1000,
    }


def tables(results: dict[str, Any]) -> list[Table]:
    """Return a table for each set of destinations."""
    waits = ", ".join(
        f"{service} {seconds * 1000:.0f} ms"
        for service, seconds in results["latency_seconds"].items()
    )
    return [
        _table(results["rows"], destinations, waits) for destinations in ("actions", "actions,bus")
    ]


def _table(rows: Sequence[dict[str, Any]], destinations: str, waits: str) -> Table:
    shown = [row for row in rows if row["destinations"] == destinations]
    peers = {row["batch"]: row for row in shown if row["contender"] == "idempotent"}
    return Table(
        f"One worker when calls wait, {destinations}",
        ("batch", "contender", "rounds", "ends/s", "× (b)", "median ms", "min ms", "p99 ms"),
        [
            (
                row["batch"],
                CONTENDERS[row["contender"]],
                row["rounds"],
                row["ends_per_second"],
                row["ends_per_second"] / peers[row["batch"]]["ends_per_second"],
                *(row["batch_ms"][name] for name in ("median", "min", "p99")),
            )
            for row in shown
        ],
        f"Every call waits: {waits}. With fewer than 100 rounds, p99 is the slowest batch.",
    )


PART = Part("latency", measure, tables)
