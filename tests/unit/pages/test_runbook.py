"""The runbook's commands: valid shell, and calls that the AWS CLI has."""

import re
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import botocore.session
import jmespath
import pytest
from botocore import xform_name
from botocore.model import OperationModel

RUNBOOK = (Path(__file__).parents[3] / "docs" / "runbook.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```bash\n(.+?)^```", RUNBOOK, re.MULTILINE | re.DOTALL)
# Options of every command of the AWS CLI.
GLOBAL = {"query", "output", "cli-read-timeout"}


@dataclass(frozen=True)
class Command:
    """A command of the AWS CLI; `query` selects a part of the answer."""

    service: str
    operation: str
    options: frozenset[str]
    query: str | None

    @property
    def input(self) -> Any:
        return operations(self.service)[self.operation].input_shape

    def answer(self, texts: Mapping[str, str]) -> Any:
        return sample(operations(self.service)[self.operation].output_shape, texts)


@cache
def operations(service: str) -> dict[str, OperationModel]:
    """Return a service's operations by the names that the AWS CLI gives them."""
    model = botocore.session.get_session().get_service_model(service)
    names = model.operation_names
    return {xform_name(name, "-"): model.operation_model(name) for name in names}


def commands() -> Iterator[Command]:
    for block in BLOCKS:
        texts: list[str] = []

        def put_by(quoted: re.Match[str], texts: list[str] = texts) -> str:
            texts.append(quoted[0][1:-1])
            return f"<{len(texts) - 1}>"

        bare = re.sub(r"\$\(\(.+?\)\)", "0", block)
        bare = re.sub(r"'[^']*'|\"[^\"]*\"", put_by, bare).replace("\\\n", " ")
        assert not [text for text in texts if "$(aws" in text], "a command within quotes"
        for service, operation, rest in re.findall(r"\baws ([a-z-]+) ([a-z-]+)([^|&;)\n]*)", bare):
            query = re.search(r"--query +(?:<(\d+)>|(\S+))", rest)
            taken = query and (texts[int(query[1])] if query[1] else query[2])
            options = frozenset(re.findall(r"--([a-z-]+)", rest))
            yield Command(service, operation, options, taken)


COMMANDS = list(dict.fromkeys(commands()))


def sample(shape: Any, texts: Mapping[str, str], depth: int = 8) -> Any:
    """Return an answer of a shape with each member once; `texts` names some members' texts."""
    if depth and shape.type_name == "structure":
        members = shape.members.items()
        return {n: texts.get(n) or sample(member, texts, depth - 1) for n, member in members}
    if depth and shape.type_name == "list":
        return [sample(shape.member, texts, depth - 1)]
    if depth and shape.type_name == "map":
        keys = ("QueueArn", "Policy", "reason", "ERROR_CODE", "SentTimestamp")
        return {key: sample(shape.value, texts, depth - 1) for key in keys}
    numbers = {"integer", "long", "double", "float"}
    return 1 if shape.type_name in numbers else "x"


def test_every_block_is_shell_that_can_be_pasted() -> None:
    assert len(BLOCKS) > 20
    for block in BLOCKS:
        subprocess.run(["bash", "-n"], input=block, text=True, check=True)
        # An interactive zsh takes a pasted comment for a command, and an apostrophe in it for the
        # beginning of a text.
        assert not re.search(r"^ *#", block, re.MULTILINE)


@pytest.mark.parametrize(
    "command", COMMANDS, ids=[f"{command.service} {command.operation}" for command in COMMANDS]
)
def test_the_aws_cli_has_every_command_and_its_options(command: Command) -> None:
    known = {xform_name(name, "-"): shape for name, shape in command.input.members.items()}
    no = {f"no-{name}" for name, shape in known.items() if shape.type_name == "boolean"}
    assert command.options <= known.keys() | no | GLOBAL
    required = {xform_name(name, "-") for name in command.input.required_members}
    assert required <= command.options


@pytest.mark.parametrize(
    "command",
    [command for command in COMMANDS if command.query],
    ids=[f"{c.service} {c.operation}: {c.query}" for c in COMMANDS if c.query],
)
def test_every_query_finds_something_in_the_answer(command: Command) -> None:
    assert command.query
    looked_for = re.findall(r"(\w+)(?:==|,)'([^']+)'", command.query)
    found = jmespath.search(command.query, command.answer(dict(looked_for)))
    while isinstance(found, list) and found:
        found = next((value for value in found if value not in (None, [])), None)
    assert found is not None
    assert found != []


def test_each_variable_is_set_before_it_is_used() -> None:
    outputs = {"QueueUrl", "QueueArn", "DeadLetterQueueUrl", "WorkerFunctionName"}
    known = outputs | {"LedgerTableName", "key", "value"}
    for block in BLOCKS:
        set_here = set(re.findall(r"^ *([A-Za-z_]+)=", block, re.MULTILINE))
        set_here |= {"handle", "body"} if "read -r handle body" in block else set()
        known |= set_here
        used = set(re.findall(r"\$\{?([A-Za-z_]+)", block)) - {"HANDLE"}
        assert used <= known
