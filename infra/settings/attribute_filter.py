"""Derive the subscription's JSONata filter, and try a user's filter on sample events.

A trial runs this file in a subprocess with a time limit and a memory limit, so that no expression
can hang or crash a synth (docs/decisions/attribute-filter-trial.md).
"""

import contextlib
import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from jsonata.jsonata import Jsonata

_MAX_TRIAL_SECONDS = 10
_MAX_SECONDS_PER_EVENT = 2
_MAX_MEMORY_BYTES = 1 << 30
# JSONata's depth limit for an expression. Python's recursion limit must be higher, because each
# level takes several Python frames.
_MAX_DEPTH = 1_000
_RECURSION_LIMIT = 20_000


@dataclass(frozen=True, slots=True)
class TrialResult:
    """The result of trying a filter on a sample event of each queue.

    Attributes
    ----------
    problem
        Why the filter cannot be used, or None.
    mismatches
        Queue id → the start of the filter's result as JSON, for each result other than true.
    """

    problem: str | None = None
    mismatches: dict[str, str] = field(default_factory=dict)


def derive_filter(queue_ids: Sequence[str]) -> str:
    """Return the filter that lets through only ends in these queues.

    The ids need no escaping, because `checks.queue_ids` allows only letters, digits, `-` and `_`.
    """
    quoted_ids = [f"'{queue_id}'" for queue_id in queue_ids]
    if len(quoted_ids) == 1:
        return f"queueId = {quoted_ids[0]}"
    return f"queueId in [{', '.join(quoted_ids)}]"


def sample_attributes(queue_id: str) -> dict[str, object]:
    """Return sample `attributes`: the part of an event that Genesys Cloud filters by."""
    return {
        "conversationId": "0f8fad5b-d9cb-469f-a165-70867728950e",
        "queueId": queue_id,
        "queue": {"id": queue_id, "name": "Support Queue"},
        "participants": [
            {"purpose": "customer", "mediaType": "VOICE", "direction": "INBOUND"},
            {"purpose": "acd", "queueId": queue_id},
            {"purpose": "agent", "queueId": queue_id, "disconnectType": "PEER"},
        ],
        "metrics": [{"name": "tTalk", "value": 217521}, {"name": "tHandle", "value": 280254}],
    }


def evaluate(
    expression: str, attributes: dict[str, object], *, max_seconds: float = _MAX_SECONDS_PER_EVENT
) -> object:
    """Evaluate a JSONata expression within a time limit and a depth limit."""
    compiled = Jsonata(expression)
    frame = compiled.create_frame()
    frame.set_runtime_bounds(round(max_seconds * 1000), _MAX_DEPTH)
    return compiled.evaluate(attributes, frame)


def try_filter(
    expression: str, queue_ids: Sequence[str], max_seconds_per_event: float = _MAX_SECONDS_PER_EVENT
) -> TrialResult:
    """Try a filter on a sample event of each queue, in this process."""
    mismatches = {}
    for queue_id in queue_ids:
        try:
            result = evaluate(
                expression, sample_attributes(queue_id), max_seconds=max_seconds_per_event
            )
        except Exception as error:  # noqa: BLE001 - after any error, the filter cannot be used
            return TrialResult(describe_error(error))
        if result is not True:
            # A JSONata expression can also return a function, which JSON cannot represent.
            mismatches[queue_id] = json.dumps(result, default=lambda _: "a function")[:60]
    return TrialResult(mismatches=mismatches)


def try_filter_in_subprocess(
    expression: str,
    queue_ids: Sequence[str],
    *,
    timeout_seconds: float = _MAX_TRIAL_SECONDS,
    max_seconds_per_event: float = _MAX_SECONDS_PER_EVENT,
) -> TrialResult:
    """Run `try_filter` in a subprocess, and kill the subprocess at the timeout."""
    try:
        completed = subprocess.run(
            # Without -P, this folder's modules would hide others of the same name.
            [sys.executable, "-P", str(Path(__file__))],
            input=json.dumps([expression, list(queue_ids), max_seconds_per_event]),
            capture_output=True,
            text=True,
            check=True,
            timeout=timeout_seconds,
        )
    except subprocess.TimeoutExpired:
        return TrialResult(
            f"it was not evaluated within {timeout_seconds:g} s. Does it repeat without end?"
        )
    except subprocess.CalledProcessError as error:
        last_line = (error.stderr.strip().splitlines() or ["no message"])[-1]
        return TrialResult(f"it made the evaluator fail ({last_line}).")
    return TrialResult(**json.loads(completed.stdout))


def describe_error(error: Exception) -> str:
    """Describe an evaluator's error, with its position in the expression if it is known."""
    function_name, location = getattr(error, "current", None), getattr(error, "location", None)
    # Some messages contain the placeholder ${} instead of the function's name.
    message = (
        str(error).replace("${}", f"${function_name}").strip().rstrip(".") or type(error).__name__
    )
    return f"{message} (at character {location})." if location and location > 0 else f"{message}."


def limit_process() -> None:
    """Limit this process's memory, and let it evaluate expressions of the maximum depth."""
    with contextlib.suppress(ImportError, ValueError):  # Windows and macOS have no memory limit
        import resource  # noqa: PLC0415

        resource.setrlimit(resource.RLIMIT_AS, (_MAX_MEMORY_BYTES, _MAX_MEMORY_BYTES))
    sys.setrecursionlimit(_RECURSION_LIMIT)


def _main() -> None:
    limit_process()
    json.dump(asdict(try_filter(*json.load(sys.stdin))), sys.stdout)


if __name__ == "__main__":
    _main()
