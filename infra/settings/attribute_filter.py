"""Derive the subscription's JSONata filter, and try a filter on sample events.

A user's filter is tried in a process of its own, with limits, so that no expression hangs or fells
a synth (docs/decisions/attribute-filter-trial.md). That process runs this file.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from jsonata.jsonata import Jsonata

_SECONDS = 10
_SECONDS_AN_EVENT = 2
_MEMORY_BYTES = 1 << 30
# JSONata's depth for one expression; several Python frames go with each level of it.
_DEPTH = 1_000
_RECURSION_LIMIT = 20_000


@dataclass(frozen=True, slots=True)
class Trial:
    """The results of a filter on a sample event of each queue.

    Attributes
    ----------
    problem
        Why the filter cannot be used, or None.
    unmatched
        Queue id → the filter's result instead of true, as JSON.
    """

    problem: str | None = None
    unmatched: dict[str, str] = field(default_factory=dict)


def derived(queue_ids: Sequence[str]) -> str:
    """Return the filter that lets through the ends in these queues, and no others.

    Parameters
    ----------
    queue_ids
        Ids of letters, digits, `-` and `_` only: nothing in them can end a quoted string.
    """
    quoted = [f"'{queue_id}'" for queue_id in queue_ids]
    return f"queueId = {quoted[0]}" if len(quoted) == 1 else f"queueId in [{', '.join(quoted)}]"


def sample_attributes(queue_id: str) -> dict[str, object]:
    """Return the `attributes` of an end in a queue, on which Genesys Cloud evaluates a filter."""
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
    expression: str, attributes: dict[str, object], *, seconds: float = _SECONDS_AN_EVENT
) -> object:
    """Evaluate a JSONata expression within bounds of time and depth; raise what JSONata raises."""
    compiled = Jsonata(expression)
    bounds = compiled.create_frame()
    bounds.set_runtime_bounds(round(seconds * 1000), _DEPTH)
    return compiled.evaluate(attributes, bounds)


def trial(
    expression: str, queue_ids: Sequence[str], seconds_an_event: float = _SECONDS_AN_EVENT
) -> Trial:
    """Try a filter on a sample event of each queue, in this process."""
    unmatched = {}
    for queue_id in queue_ids:
        try:
            result = evaluate(expression, sample_attributes(queue_id), seconds=seconds_an_event)
        # Whatever an expression makes the evaluator raise is that expression's fault.
        except Exception as error:  # noqa: BLE001
            return Trial(_explained(error))
        if result is not True:
            unmatched[queue_id] = json.dumps(result, default=lambda _: "a function")[:60]
    return Trial(unmatched=unmatched)


def guarded_trial(
    expression: str,
    queue_ids: Sequence[str],
    *,
    seconds: float = _SECONDS,
    seconds_an_event: float = _SECONDS_AN_EVENT,
) -> Trial:
    """Try a filter as `trial` does, in a process that is ended when it takes too long."""
    try:
        child = subprocess.run(
            [sys.executable, "-P", str(Path(__file__))],
            input=json.dumps([expression, list(queue_ids), seconds_an_event]),
            capture_output=True,
            text=True,
            check=True,
            timeout=seconds,
        )
    except subprocess.TimeoutExpired:
        return Trial(f"it was not evaluated within {seconds:g} s. Does it repeat without end?")
    except subprocess.CalledProcessError as error:
        last = (error.stderr.strip().splitlines() or ["no message"])[-1]
        return Trial(f"it made the evaluator fail ({last}).")
    return Trial(**json.loads(child.stdout))


def _explained(error: Exception) -> str:
    token, location = getattr(error, "current", None), getattr(error, "location", None)
    # The evaluator forgets to fill in its own placeholder here.
    text = str(error).replace("${}", f"${token}").strip().rstrip(".") or type(error).__name__
    return f"{text} (at character {location})." if location and location > 0 else f"{text}."


def _main() -> None:
    with contextlib.suppress(ImportError, ValueError):  # neither Windows nor macOS has this limit
        import resource  # noqa: PLC0415

        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    sys.setrecursionlimit(_RECURSION_LIMIT)
    json.dump(asdict(trial(*json.load(sys.stdin))), sys.stdout)


if __name__ == "__main__":
    _main()
