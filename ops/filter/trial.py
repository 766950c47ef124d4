"""Tries an expression on events in a subprocess, because expressions can hang or take all memory.

Run as a module, it reads an expression and attributes from stdin, and writes a verdict of each.
"""

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from infra.settings.attribute_filter import describe_error, evaluate, limit_process
from ops.filter.reasons import explain_result, parse

_PROJECT = Path(__file__).resolve().parents[2]
_MAX_SECONDS = 30.0
_MAX_SECONDS_PER_EVENT = 2.0
_MAX_RESULT_CHARACTERS = 60


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an expression makes of an event.

    Attributes
    ----------
    matches
        Whether Genesys Cloud would send the event: only if the result is exactly true.
    result
        The start of the result as JSON; empty if there is none.
    error
        Why the expression could not be evaluated; empty if it could.
    reasons
        Why the event does not match: the values of the fields that the expression names.
    """

    matches: bool
    result: str = ""
    error: str = ""
    reasons: tuple[str, ...] = ()


def try_expression(
    expression: str, attributes: Sequence[dict[str, Any]], *, max_seconds: float = _MAX_SECONDS
) -> list[Verdict]:
    """Return a verdict for each event's attributes; the subprocess ends at the time limit."""
    try:
        completed = subprocess.run(
            [sys.executable, "-m", __name__],
            input=json.dumps([expression, list(attributes)]),
            capture_output=True,
            text=True,
            check=True,
            timeout=max_seconds,
            cwd=_PROJECT,
        )
    except subprocess.TimeoutExpired:
        problem = f"it was not evaluated within {max_seconds:g} s. Does it repeat without end?"
    except subprocess.CalledProcessError as error:
        last_line = (error.stderr.strip().splitlines() or ["no message"])[-1]
        problem = f"it made the evaluator fail ({last_line[:200]})."
    else:
        return [
            Verdict(**{**fields, "reasons": tuple(fields["reasons"])})
            for fields in json.loads(completed.stdout)
        ]
    return [Verdict(matches=False, error=problem) for _ in attributes]


def judge(expression: str, attributes: dict[str, Any]) -> Verdict:
    """Return a verdict, evaluated in this process."""
    try:
        tree = parse(expression)
    except Exception as error:  # noqa: BLE001 - whatever it raises, the expression is at fault
        return Verdict(matches=False, error=f"it does not parse: {describe_error(error)}")
    try:
        result = evaluate(expression, attributes, max_seconds=_MAX_SECONDS_PER_EVENT)
    except Exception as error:  # noqa: BLE001 - whatever it raises, the expression is at fault
        problem = f"it parses, but its evaluation fails: {describe_error(error)}"
        return Verdict(matches=False, error=problem)
    # A function is no JSON. An absent result is null.
    shown = json.dumps(result, default=lambda _: "a function")[:_MAX_RESULT_CHARACTERS]
    if result is True:
        return Verdict(matches=True, result=shown)
    reasons = explain_result(tree, attributes, result, shown)
    return Verdict(matches=False, result=shown, reasons=tuple(reasons))


def _main() -> None:
    limit_process()
    expression, events = json.load(sys.stdin)
    json.dump([asdict(judge(expression, each)) for each in events], sys.stdout)


if __name__ == "__main__":
    _main()
