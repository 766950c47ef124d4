"""The ledger's table in memory."""

from collections.abc import Iterator

import pytest

from tests.fakes.aws.dynamodb import FakeDynamoDb


@pytest.fixture
def dynamodb() -> Iterator[FakeDynamoDb]:
    dynamodb = FakeDynamoDb()
    yield dynamodb
    assert dynamodb.mistakes() == []
