"""End to end on the emulator: how many ends are done in a second, and how long an end takes.

The worker is deployed from the real template. What people build with Powertools is a function with
a queue and an event source mapping of the same settings. The polling worker is a process. All get
the same events.
"""

import statistics
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from bench.emulated.deployments import IDEMPOTENCY_TABLE, PowertoolsFunctions, Stacks
from bench.emulated.entrants import Entrant, polling_worker
from bench.emulated.turns import calls_that_wait, count_done, drain, trickle
from bench.part import Part, Table
from bench.rounds import percentile, take_turns
from bench.world.events import Batches
from local.aws.emulator import Emulator, emulator
from local.genesys.sqs import sqs_sender
from local.genesys.stand_in import GenesysCloud
from local.interruption import stop_on_signals

_Result = TypeVar("_Result")
_OURS, _OURS_BUS = "Queue Ends", "Queue Ends, bus"
_POWERTOOLS, _POWERTOOLS_BUS = "Powertools", "Powertools, bus"
_POLLER = "polling worker"
# The peers of each contender of ours: they do the same with an end, or less.
_PEERS = {_OURS: (_POWERTOOLS, _POLLER), _OURS_BUS: (_POWERTOOLS_BUS,)}
# Enough for five processes of each function, as many as MiniStack runs side by side.
_WARM_UP_ENDS = 200
_DRAIN_ROUNDS, _DRAIN_ENDS = 4, 400
_WAITING_ROUNDS, _WAITING_ENDS = 3, 150
# Seconds that a call waits, as in the part `latency`, by the prefix of its header X-Amz-Target.
_CALL_SECONDS = {"AmazonSQS": 0.01, "DynamoDB_20120810": 0.005, "AWSEvents": 0.005}
_TRICKLE_ROUNDS, _TRICKLE_ENDS, _TRICKLE_PER_SECOND = 2, 80, 40
_PERCENTILES = (50, 95, 99)


def measure() -> dict[str, Any]:
    """Return a row for each contender: its ends per second in each round, and its latencies."""
    with stop_on_signals(), ExitStack() as cleanup:
        folder = Path(cleanup.enter_context(tempfile.TemporaryDirectory(prefix="queue-ends-")))
        aws = cleanup.enter_context(emulator())
        genesys = cleanup.enter_context(GenesysCloud(sqs_sender(aws)))
        stacks = Stacks(aws, genesys, folder)
        ours = stacks.deploy("plain", "actions")
        ours_with_bus = stacks.deploy("bus", "actions", "bus")
        functions = PowertoolsFunctions(aws, ours)
        entrants: dict[str, Entrant] = {
            _OURS: ours,
            _OURS_BUS: ours_with_bus,
            _POWERTOOLS: functions.make("powertools", uses_bus=False),
            _POWERTOOLS_BUS: functions.make("powertools-bus", uses_bus=True),
            _POLLER: cleanup.enter_context(polling_worker(aws)),
        }
        rows = _run(aws, entrants)
        _check_stores(aws, stacks.ledgers)
        return {"batch": ours.mapping_settings()["BatchSize"], "rows": rows}


def _run(aws: Emulator, entrants: Mapping[str, Entrant]) -> list[dict[str, Any]]:
    batches = {name: Batches() for name in entrants}  # of the same seed

    def turns(
        take: Callable[[Emulator, Entrant, Sequence[str]], _Result], count: int, rounds: int
    ) -> dict[str, list[_Result]]:
        def turn(name: str) -> _Result:
            records = batches[name].make(count)["Records"]
            return take(aws, entrants[name], [record["body"] for record in records])

        contenders = {name: partial(turn, name) for name in entrants}
        return take_turns(contenders, rounds=rounds, warm_up=False)

    turns(drain, _WARM_UP_ENDS, rounds=1)
    steadily = partial(trickle, per_second=_TRICKLE_PER_SECOND)
    latencies = turns(steadily, _TRICKLE_ENDS, _TRICKLE_ROUNDS)
    rates = turns(drain, _DRAIN_ENDS, _DRAIN_ROUNDS)
    with calls_that_wait(aws, _CALL_SECONDS):
        rates_with_waits = turns(drain, _WAITING_ENDS, _WAITING_ROUNDS)
    return [
        {
            "contender": name,
            "ends_per_second": rates[name],
            "ends_per_second_with_waits": rates_with_waits[name],
            "latency_ms": latency_percentiles(latencies[name]),
        }
        for name in entrants
    ]


def latency_percentiles(turns: Sequence[Sequence[float]]) -> dict[str, float]:
    """Return percentiles of the latencies in all turns, keyed by `p50`, `p95` and `p99`."""
    latencies = [latency for turn in turns for latency in turn]
    return {f"p{percent}": percentile(latencies, percent) for percent in _PERCENTILES}


def _check_stores(aws: Emulator, ledgers: Sequence[str]) -> None:
    """Raise a RuntimeError unless each end is done in the stores of all that have a store."""
    sent = _WARM_UP_ENDS + _DRAIN_ROUNDS * _DRAIN_ENDS
    sent += _WAITING_ROUNDS * _WAITING_ENDS + _TRICKLE_ROUNDS * _TRICKLE_ENDS
    dynamodb = aws.client("dynamodb")
    done = {ledger: count_done(dynamodb, ledger, "state", "done") for ledger in ledgers}
    # The two functions that are built with Powertools share a table.
    completed = count_done(dynamodb, IDEMPOTENCY_TABLE, "status", "COMPLETED")
    if {*done.values()} != {sent} or completed != 2 * sent:
        raise RuntimeError(f"Of {sent} ends, {done} and {completed} / 2 are done.")


def tables(results: dict[str, Any]) -> list[Table]:
    """Return two tables of ends per second, and one of latencies."""
    rows, batch = results["rows"], results["batch"]
    latencies = [(row["contender"], *row["latency_ms"].values()) for row in rows]
    return [
        Table(
            f"End to end on the emulator, a full queue, batches of {batch}",
            _RATES_HEADER,
            _rates(rows, "ends_per_second"),
            "The emulator is one Python process that answers without delay, so a call costs hardly"
            " more than a statement in it. The polling worker does not remember ends.",
        ),
        Table(
            "The same when calls wait: SQS 10 ms, DynamoDB and EventBridge 5 ms",
            _RATES_HEADER,
            _rates(rows, "ends_per_second_with_waits"),
            "The calls of the event source mapping are the emulator's own, and do not wait.",
        ),
        Table(
            f"End to end on the emulator, {_TRICKLE_PER_SECOND} events a second, milliseconds",
            ("contender", *(f"p{percent}" for percent in _PERCENTILES)),
            latencies,
            "From the send until the end is done. Most of it is the emulator's polling: it looks"
            " into an idle mapping's queue every 50 ms, and for a ReceiveMessage every 100 ms.",
        ),
    ]


_RATES_HEADER = ("contender", "ends/s", "min", "ratio to its peers")


def _rates(rows: Sequence[dict[str, Any]], key: str) -> list[tuple[str | float, ...]]:
    rates = {row["contender"]: row[key] for row in rows}
    return [
        (
            name,
            statistics.median(own),
            min(own),
            ", ".join(
                f"{median_ratio(own, rates[peer]):.1f} × {peer}" for peer in _PEERS.get(name, ())
            ),
        )
        for name, own in rates.items()
    ]


def median_ratio(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """Return the median of the rounds' ratios."""
    return statistics.median(own / other for own, other in zip(ours, theirs, strict=True))


PART = Part("end_to_end", measure, tables)
