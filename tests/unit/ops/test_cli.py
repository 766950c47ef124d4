"""The command line as a whole: the options and the documentation of every command."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from ops.cli import app
from ops.errors import Status

ROOT = Path(__file__).parents[3]


def commands() -> Iterator[tuple[str, ...]]:
    """Yield the words of each command, such as `("dlq", "ls")`."""
    found: list[tuple[tuple[str, ...], Any]] = [((), get_command(app))]
    while found:
        words, command = found.pop()
        children = getattr(command, "commands", {})
        found += [((*words, name), child) for name, child in children.items()]
        if words and not children:
            yield words


COMMANDS = sorted(commands())


def help_of(*words: str) -> str:
    result = CliRunner().invoke(app, [*words, "--help"], prog_name="queue-ends")
    assert result.exit_code == 0
    return result.stdout


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_command_takes_a_stage_and_prints_json(words: tuple[str, ...]) -> None:
    text = help_of(*words)

    assert "--stage" in text
    assert "--json" in text


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_command_has_a_section_in_the_documentation(words: tuple[str, ...]) -> None:
    page = (ROOT / "docs/operate.md").read_text(encoding="utf-8")

    assert f"queue-ends {' '.join(words)}" in page


def test_a_stage_that_cannot_exist_is_a_mistake_in_the_command_line() -> None:
    result = CliRunner().invoke(app, ["status", "--stage", "Prod 1"], prog_name="queue-ends")

    assert result.exit_code == Status.USAGE
    assert "'Prod 1' must be 1 to 62 lower-case letters" in " ".join(result.stderr.split())


def test_the_command_line_names_its_exit_statuses() -> None:
    assert "3 the command could not run" in " ".join(help_of().split())
