"""Environment variables are typed, and a missing or wrong one is a clear error."""

import pytest

from environment import Environment, InvalidEnvironment, Variables, read_variables


class Example(Variables, frozen=True):
    queue_url: str
    ledger_days: int
    settle_seconds: int = 0


GOOD = {"QUEUE_URL": "https://sqs", "LEDGER_DAYS": "20", "PATH": "/bin"}


def test_variables_are_converted_to_their_types() -> None:
    assert read_variables(Example, GOOD) == Example(queue_url="https://sqs", ledger_days=20)
    assert read_variables(Example, GOOD | {"SETTLE_SECONDS": "60"}).settle_seconds == 60


def test_a_missing_variable_is_named() -> None:
    with pytest.raises(InvalidEnvironment, match=r"`LEDGER_DAYS`.* Deploy the stack again\."):
        read_variables(Example, {"QUEUE_URL": "https://sqs"})


def test_a_variable_of_another_type_is_named_and_its_value_is_not_shown() -> None:
    with pytest.raises(InvalidEnvironment, match="LEDGER_DAYS") as raised:
        read_variables(Example, GOOD | {"LEDGER_DAYS": "twenty"})
    assert "twenty" not in str(raised.value)


def test_reading_a_missing_variable_says_so() -> None:
    environment = Environment(GOOD)
    assert environment["QUEUE_URL"] == "https://sqs"
    assert environment.get("ENDS_BUS") is None
    with pytest.raises(InvalidEnvironment, match=r"ENDS_BUS is missing"):
        environment["ENDS_BUS"]
