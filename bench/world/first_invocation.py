"""Starts a function and invokes it once: `python first_invocation.py PATH CODE [EVENT]`.

It runs as a script, in a process that has imported nothing else. PATH is a folder to import from,
and CODE the statements that import the function; they may define `handler`. EVENT is a file with
the event for the handler. The seconds of CPU time and of wall-clock time are printed as JSON.
"""

import sys
import time


class Context:
    """Lambda's context, with the attributes that a handler reads."""

    function_name = "worker"
    memory_limit_in_mb = 256
    invoked_function_arn = "arn:aws:lambda:eu-central-1:123456789012:function:worker"
    aws_request_id = "c6af9ac6-7b61-11e6-9a41-93e8deadbeef"

    def get_remaining_time_in_millis(self) -> int:
        return 30_000


def seconds_of(code: str, names: dict[str, object]) -> dict[str, float]:
    """Return the seconds that statements take."""
    wall, cpu = time.perf_counter(), time.process_time()
    exec(code, names)  # noqa: S102 - the benchmark's own statements
    return {"cpu": time.process_time() - cpu, "wall": time.perf_counter() - wall}


def main() -> None:
    """Import, invoke, and print the seconds of both."""
    path, code, *event_file = sys.argv[1:]
    sys.path[0] = path
    names: dict[str, object] = {}
    seconds = {"import": seconds_of(code, names)}
    # Only now, as the function may import it, too.
    import json  # noqa: PLC0415

    if event_file:
        with open(event_file[0], encoding="utf-8") as file:  # noqa: PTH123 - pathlib is not imported
            names |= {"event": json.load(file), "context": Context()}
        seconds["first invocation"] = seconds_of("response = handler(event, context)", names)
        failures = names["response"]["batchItemFailures"]  # type: ignore[index]
        if failures:
            sys.exit(f"The function reports failures: {failures}")
    print(json.dumps(seconds), file=sys.stderr)


if __name__ == "__main__":
    main()
