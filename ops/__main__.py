"""Runs the command line: `python -m ops` does the same as `queue-ends`."""

from ops.cli import app

app(prog_name="queue-ends")
