"""The frame of every command: account, confirmation, errors and exit statuses."""

import json
import sys
from typing import Any

import pytest
import typer
from botocore.exceptions import ClientError

from ops import aws, command
from ops.aws import Aws
from ops.errors import OpsError, Status

DENIED = ClientError({"Error": {"Code": "AccessDenied", "Message": "not you"}}, "DescribeStacks")
ABSENT = ClientError(
    {"Error": {"Code": "ValidationError", "Message": "Stack with id X does not exist"}},
    "DescribeStacks",
)


class FakeCloudFormation:
    """Answers with these stacks, or with an error."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer

    def describe_stacks(self, **_: Any) -> Any:
        if isinstance(self.answer, Exception):
            raise self.answer
        return {"Stacks": [self.answer]}


@pytest.fixture(autouse=True)
def account(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Connect every command to an account with these clients, by name."""
    clients: dict[str, Any] = {}
    place = Aws("123456789012", "eu-west-1", lambda name: clients[name])
    monkeypatch.setattr(aws, "connect", lambda: place)
    return clients


def run(work: Any, *, json: bool = False) -> int:
    """Run `work` as a command of stage dev; return the exit status."""
    try:
        with command.command("dev", json=json) as running:
            work(running)
    except typer.Exit as ended:
        return ended.exit_code
    return 0


def fail(error: BaseException) -> Any:
    def raise_it(_: command.Command) -> None:
        raise error

    return raise_it


def test_a_command_names_stack_account_and_region_first(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(lambda running: running.output.show("the result")) == Status.OK

    lines = capsys.readouterr().out.splitlines()
    assert lines == [
        "QueueEnds-dev in AWS account 123456789012, region eu-west-1",
        "",
        "the result",
    ]


def test_with_json_standard_output_is_the_result_alone(capsys: pytest.CaptureFixture[str]) -> None:
    def work(running: command.Command) -> None:
        running.output.show("for people")
        running.output.note("a note")
        running.output.result({"is": "for programs"})

    assert run(work, json=True) == Status.OK

    printed = capsys.readouterr()
    assert json.loads(printed.out) == {"is": "for programs"}
    assert printed.err == "a note\n"


@pytest.mark.parametrize(
    ("error", "status", "text"),
    [
        (OpsError("No such thing. Try another."), Status.UNAVAILABLE, "No such thing"),
        (OpsError("Nothing matches.", Status.PROBLEM), Status.PROBLEM, "Nothing matches"),
        (DENIED, Status.UNAVAILABLE, "not you"),
    ],
)
def test_an_error_is_a_message_and_an_exit_status(
    error: Exception, status: Status, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(fail(error), json=True) == status

    printed = capsys.readouterr()
    assert text in printed.err
    assert text in json.loads(printed.out)["error"]


def test_an_interrupted_command_exits_as_a_shell_expects() -> None:
    assert run(fail(KeyboardInterrupt())) == 130


def test_a_stack_that_is_not_deployed_is_named_with_the_way_to_deploy_it(
    account: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    account["cloudformation"] = FakeCloudFormation(ABSENT)

    assert run(lambda running: running.require_deployed()) == Status.UNAVAILABLE
    assert "make deploy STAGE=dev" in capsys.readouterr().err


def test_a_stack_without_an_output_is_to_be_deployed_again(
    account: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    account["cloudformation"] = FakeCloudFormation({"StackStatus": "ROLLBACK_COMPLETE"})

    assert run(lambda running: running.require_deployed().queue_url) == Status.UNAVAILABLE
    printed = capsys.readouterr().err
    assert "ROLLBACK_COMPLETE" in printed
    assert "make deploy" in printed


def test_a_change_is_not_made_if_nobody_can_be_asked(capsys: pytest.CaptureFixture[str]) -> None:
    made = []

    def work(running: command.Command) -> None:
        running.confirm("Drop 3 messages", yes=False)
        made.append("dropped")

    assert run(work, json=True) == Status.USAGE
    assert made == []
    error = json.loads(capsys.readouterr().out)["error"]
    assert error.startswith("Nobody can be asked here. Confirm with --yes: Drop 3 messages")
    assert "AWS account 123456789012" in error


@pytest.mark.parametrize(("answer", "status"), [(True, Status.OK), (False, Status.DECLINED)])
def test_an_operator_at_a_terminal_is_asked_with_the_account_named(
    answer: bool, status: Status, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def ask(question: str, **_: Any) -> bool:
        asked.append(question)
        return answer

    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(typer, "confirm", ask)

    assert run(lambda running: running.confirm("Drop 3 messages", yes=False)) == status
    assert asked == [
        "Drop 3 messages: QueueEnds-dev in AWS account 123456789012, region eu-west-1?"
    ]


def test_an_operator_who_breaks_off_the_question_has_declined(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def break_off(*_: Any, **__: Any) -> bool:
        raise typer.Abort

    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(typer, "confirm", break_off)

    assert run(lambda running: running.confirm("Drop 3", yes=False)) == Status.DECLINED
    assert "Nothing was changed." in capsys.readouterr().err


def test_a_confirmed_change_still_names_the_account(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(lambda running: running.confirm("Drop 3 messages", yes=True)) == Status.OK
    assert "AWS account 123456789012" in capsys.readouterr().err
