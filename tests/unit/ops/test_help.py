"""The help texts of all commands."""

from collections.abc import Iterator

import pytest
import typer
from typer.testing import CliRunner

from ops.cli import app

Words = tuple[str, ...]


def commands_of(group: typer.core.TyperGroup, words: Words = ()) -> Iterator[Words]:
    """Yield the words of each command and group."""
    yield words
    for name, command in group.commands.items():
        if isinstance(command, typer.core.TyperGroup):
            yield from commands_of(command, (*words, name))
        else:
            yield (*words, name)


ROOT_COMMAND = typer.main.get_group(app)


@pytest.mark.parametrize("words", [*commands_of(ROOT_COMMAND)], ids=" ".join)
def test_the_help_of_every_command_fits_80_columns_and_says_what_it_does(words: Words) -> None:
    result = CliRunner().invoke(app, [*words, "--help"], prog_name="queue-ends")
    lines = result.stdout.splitlines()
    assert result.exit_code == 0
    assert max(map(len, lines)) <= 80
    assert lines[0].startswith(f"Usage: {' '.join(('queue-ends', *words))}")
    # The first sentence says what the command does, in one or two lines.
    sentence = " ".join(lines[2:4]).strip()
    assert sentence[0].isupper()
    assert "." in sentence
    # Every option is explained.
    assert "--help  " in result.stdout


def test_every_option_has_a_help_text() -> None:
    missing = []
    for words in commands_of(ROOT_COMMAND):
        command: typer.core.TyperCommand | typer.core.TyperGroup = ROOT_COMMAND
        for word in words:
            command = command.commands[word]  # type: ignore[union-attr, assignment]
        missing += [
            f"{' '.join(words)} {parameter.name}"
            for parameter in command.params
            if not getattr(parameter, "help", None)
        ]
    assert missing == []
