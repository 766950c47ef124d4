"""Environment variables are typed; a missing or invalid one is a clear error."""

import pytest

from environment import DestinationVariables, InvalidEnvironment, Variables, read_variables


class Example(Variables, frozen=True):
    queue_url: str
    ledger_days: int
    settle_seconds: int = 0


VALID = {"QUEUE_URL": "https://sqs", "LEDGER_DAYS": "20", "PATH": "/bin"}


def test_variables_are_converted_to_their_types() -> None:
    assert read_variables(Example, VALID) == Example(queue_url="https://sqs", ledger_days=20)
    assert read_variables(Example, VALID | {"SETTLE_SECONDS": "60"}).settle_seconds == 60


def test_a_missing_variable_is_named() -> None:
    with pytest.raises(InvalidEnvironment, match=r"`LEDGER_DAYS`.* Deploy the stack again\."):
        read_variables(Example, {"QUEUE_URL": "https://sqs"})


def test_the_error_names_a_variable_of_the_wrong_type_but_not_its_value() -> None:
    with pytest.raises(InvalidEnvironment, match="LEDGER_DAYS") as raised:
        read_variables(Example, VALID | {"LEDGER_DAYS": "twenty"})
    assert "twenty" not in str(raised.value)


def test_reading_a_missing_variable_raises_an_error_that_names_it() -> None:
    environment = DestinationVariables(VALID)
    assert environment["QUEUE_URL"] == "https://sqs"
    assert environment.get("ENDS_BUS") is None
    with pytest.raises(InvalidEnvironment, match=r"ENDS_BUS is missing"):
        environment["ENDS_BUS"]
