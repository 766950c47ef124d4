"""Compares a stage with its deployed stack, and warns of resources with data that would be lost.

`python -m infra.losses show cdk …` prints the differences, then the warnings. `python -m
infra.losses accept cdk …` prints only warnings; if there is one, it fails unless somebody at the
terminal, or the environment variable ACCEPT_LOSS, says yes. Further arguments go to `cdk diff`.
"""

import os
import re
import subprocess
import sys
from collections.abc import Sequence

from .losses import LIST_HEADER, find_losses

# The comparison of the templates needs only the bootstrap's lookup role, and no change set.
_COMPARISON = ("diff", "--method", "template", "--fail-on", "destructive")
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def main(mode: str, cdk: str, options: Sequence[str]) -> int:
    """Return the exit status."""
    show = mode == "show"
    colour = ["--color"] if show and sys.stdout.isatty() else []
    status, printed = _run([cdk, *_COMPARISON, *colour, *options], show=show)
    lines = [_COLOUR.sub("", line) for line in printed]
    # The status is also 1 if the comparison itself failed.
    if status and not any(map(LIST_HEADER.search, lines)):
        if not show:
            print(*printed, sep="\n", file=sys.stderr)
        return status
    try:
        losses = find_losses(lines)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 1
    if losses:
        print("\nWARNING: this deploy would lose data.\n")
        print(*(f"  - {loss}" for loss in losses), sep="\n")
        print("docs/changes.md says which settings do this.", flush=True)
    return 0 if show or not losses or _is_accepted() else 1


def _run(command: list[str], *, show: bool) -> tuple[int, list[str]]:
    """Run a command, and return its exit status and the lines that it printed."""
    lines = []
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, encoding="utf-8"
    ) as process:
        for line in process.stdout or ():
            lines.append(line.rstrip("\n"))
            # The warnings replace the list at the end.
            if show and not any(map(LIST_HEADER.search, lines)):
                print(lines[-1], flush=True)
    return process.returncode, lines


def _is_accepted() -> bool:
    if os.environ.get("ACCEPT_LOSS") == "yes":
        print("ACCEPT_LOSS=yes: the deploy goes on.", flush=True)
        return True
    if sys.stdin.isatty():
        print("Type yes to deploy all the same: ", end="", flush=True)
        if sys.stdin.readline().strip().lower() == "yes":
            return True
    print("Nothing was deployed. To deploy all the same, set ACCEPT_LOSS=yes.", file=sys.stderr)
    return False


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], sys.argv[3:]))
