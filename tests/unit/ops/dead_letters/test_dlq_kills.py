"""`dlq redrive` and `dlq drop`, killed at each of their calls to SQS."""

import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from ops.errors import Status
from tests.fakes.aws.queues import FakeQueues
from tests.fakes.aws.sqs import DEAD, INTAKE
from tests.fakes.clock import Clock
from tests.unit.ops.conftest import Ops

LETTERS = 12
# More than a command makes for so many letters.
MAX_CALLS = 60


class KilledError(BaseException):
    """The process ends here."""


def run_killed(dlq: Ops, queues: FakeQueues, arguments: list[str]) -> Iterator[bool]:
    """Run a command with other letters until none is killed; yield whether it was killed.

    It is killed at its first call, at its second, and so on: first before SQS carries the call out,
    then before the answer arrives.
    """
    for moment in ("before", "after"):
        for number in range(1, MAX_CALLS):
            queues.queues[DEAD], queues.queues[INTAKE] = [], []
            for letter in range(LETTERS):
                queues.put_rejected(f"{number}-{letter}", "not_json")
            queues.put_rejected("other", "empty_body")
            calls = 0

            def kill(_operation: str, last: int = number) -> None:
                nonlocal calls
                calls += 1
                # A dead process makes no calls to clean up either.
                if calls >= last:
                    raise KilledError

            setattr(queues, moment, kill)
            with suppress(KilledError):
                dlq.run("dlq", *[each.format(f"{moment}-{number}") for each in arguments])
            setattr(queues, moment, lambda _: None)
            yield calls >= number
            if calls < number:
                break
        else:
            pytest.fail("the command never came to its end")


def letters_of(number_of_first: str) -> set[str]:
    number = number_of_first.partition("-")[0]
    return {f"{number}-{letter}" for letter in range(LETTERS)}


def test_no_letter_is_lost_wherever_a_redrive_is_killed(
    dlq: Ops, queues: FakeQueues, clock: Clock
) -> None:
    command = ["redrive", "--reason", "not_json", "--yes", "--rate", "500"]
    kills = 0
    for was_killed in run_killed(dlq, queues, command):
        there = {*queues.bodies(DEAD), *queues.bodies(INTAKE)} - {"other"}
        assert there == letters_of(min(there))
        clock.sleep(60)
        again = dlq.run("dlq", *command)
        nothing_left = Status.PROBLEM if "No message matches" in again.stderr else Status.OK
        assert again.exit_code == nothing_left
        assert queues.bodies(DEAD) == ["other"]
        assert {*queues.bodies(INTAKE)} == there
        kills += was_killed
    assert kills > 10


def test_a_killed_drop_has_written_what_it_deleted(
    dlq: Ops, queues: FakeQueues, tmp_path: Path
) -> None:
    command = ["drop", "--reason", "not_json", "--to", str(tmp_path / "{}"), "--yes"]
    kills = 0
    seen: set[Path] = set()
    for was_killed in run_killed(dlq, queues, command):
        new = {*tmp_path.iterdir()} - seen
        seen |= new
        written = {
            json.loads(line)["body"] for file in new for line in file.read_text().splitlines()
        }
        there = {*queues.bodies(DEAD)} - {"other"}
        assert there | written == letters_of(min(there | written))
        assert not new or written == there | written
        assert was_killed or not there
        assert "other" in queues.bodies(DEAD)
        kills += was_killed
    assert kills > 5
