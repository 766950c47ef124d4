"""CPU time per end, without a network: our worker against Powertools."""

import contextlib
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from typing import Any

from bench.contenders.process import ContenderProcess, Turn
from bench.contenders.setup import CONTENDERS, ContenderName, Setup
from bench.machine import pin_to_one_core
from bench.part import Part, Table
from bench.rounds import median_and_minimum, take_turns

_SETUPS = (
    Setup("ours"),
    Setup("plain"),
    Setup("idempotent"),
    Setup("unchecked"),
    Setup("parsing"),
    Setup("ours", "actions,bus"),
    Setup("idempotent", "actions,bus"),
    Setup("ours", aws="memory"),
    Setup("idempotent", aws="memory"),
    Setup("ours", "actions,bus", aws="memory"),
    Setup("idempotent", "actions,bus", aws="memory"),
)
# Rounds by batch size. A batch of 10,000 takes the slowest contenders 10 seconds.
_ROUNDS = {10: 20, 25: 20, 100: 20, 1_000: 3, 10_000: 1}
# A turn has at least so many ends. In a turn of a single small batch, a contender would spend much
# of its time on filling the processor's caches, which the others have emptied.
_ENDS_IN_A_TURN = 100


def measure() -> dict[str, Any]:
    """Return the microseconds of CPU time per end, in a row for each setup and batch size."""
    pin_to_one_core()
    rows: list[dict[str, Any]] = []
    with contextlib.ExitStack() as stack:
        processes = {setup: stack.enter_context(ContenderProcess(setup)) for setup in _SETUPS}
        for batch, rounds in _ROUNDS.items():
            times = max(1, _ENDS_IN_A_TURN // batch)
            turns = take_turns(
                {
                    setup: partial(process.turn, batch, times)
                    for setup, process in processes.items()
                },
                rounds=rounds,
                warm_up=rounds > 1,
            )
            rows += [_row(setup, batch, batch * times, results) for setup, results in turns.items()]
    return {"rows": rows}


def _row(setup: Setup, batch: int, ends: int, turns: Sequence[Turn]) -> dict[str, Any]:
    return {
        **asdict(setup),
        "batch": batch,
        "rounds": len(turns),
        "cpu_us_per_end": median_and_minimum([turn.cpu / ends * 1e6 for turn in turns]),
    }


def tables(results: dict[str, Any]) -> list[Table]:
    """Return a table for each setup of destinations and clients."""
    rows = results["rows"]
    with_botocore = "requests serialized, signed, and answered without a network"
    in_memory = "clients in memory, without botocore"
    return [
        _table(rows, "actions", "stubbed", with_botocore, compared_with="idempotent"),
        _table(rows, "actions,bus", "stubbed", with_botocore, compared_with="idempotent"),
        _table(rows, "actions", "memory", in_memory, compared_with="plain"),
        _table(rows, "actions,bus", "memory", in_memory, compared_with="plain"),
    ]


def _table(
    rows: Sequence[dict[str, Any]],
    destinations: str,
    aws: str,
    calls: str,
    *,
    compared_with: ContenderName,
) -> Table:
    # The contenders without calls are the same in all tables.
    shown = [
        row
        for row in rows
        if (row["destinations"], row["aws"]) == (destinations, aws) or row["contender"] == "plain"
    ]
    shown.sort(key=lambda row: (row["batch"], [*CONTENDERS].index(row["contender"])))
    medians = {(row["contender"], row["batch"]): row["cpu_us_per_end"]["median"] for row in shown}
    other = CONTENDERS[compared_with].partition(" ")[0]
    return Table(
        f"CPU time per end, {destinations}: {calls}",
        ("batch", "contender", "rounds", "median µs", "min µs", f"÷ {other}"),
        [
            (
                row["batch"],
                CONTENDERS[row["contender"]],
                row["rounds"],
                row["cpu_us_per_end"]["median"],
                row["cpu_us_per_end"]["min"],
                row["cpu_us_per_end"]["median"] / medians[compared_with, row["batch"]],
            )
            for row in shown
        ],
        "A turn has at least 100 ends, in batches of the size. (a) and (c) only decode or parse "
        "each record. They remember nothing and call nothing.",
    )


PART = Part("per_record", measure, tables)
