"""The command line with fake AWS services."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from ops import aws
from ops.aws import Aws
from ops.cli import app
from tests.unit.ops.deployed_stack import DeployedStack


@dataclass(frozen=True)
class Ops:
    """Runs commands in this process; `clients` holds the fake service clients by name."""

    clients: Mapping[str, Any]

    def run(self, *arguments: str) -> Result:
        """Run a command, as a script would: nobody is there to confirm."""
        return CliRunner().invoke(app, arguments, prog_name="queue-ends")

    def run_json(self, *arguments: str) -> Any:
        """Run a command with `--json` and return what it printed."""
        return json.loads(self.run(*arguments, "--json").stdout)


@pytest.fixture
def make_ops(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Ops]:
    """Return a function that makes the command line for an account with these fake clients."""

    def make(**clients: Any) -> Ops:
        account = Aws("123456789012", "eu-west-1", lambda name: clients[name])
        monkeypatch.setattr(aws, "connect", lambda: account)
        return Ops(clients)

    return make


@pytest.fixture
def stack() -> DeployedStack:
    """The deployed stack of stage dev."""
    return DeployedStack()


@pytest.fixture
def ops(make_ops: Callable[..., Ops], stack: DeployedStack) -> Ops:
    """The command line for the account with the deployed stack."""
    return make_ops(**stack.clients())
