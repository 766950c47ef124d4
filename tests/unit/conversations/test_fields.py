"""Whatever text comes, in either delivery it has the outcome of the contract."""

import json
from collections.abc import Callable, Collection

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conversations.parsed import Accepted, Ignored, Rejected
from conversations.partner_event import PartnerEvent, parse_partner_event
from conversations.subscription_event import parse_subscription_event
from tests import bodies, partner_events
from tests.bodies import CANARY, QUEUE, SAMPLE_TEXT, outcome_in_words, values
from tests.fakes.aws.sqs_event import SENT_AT
from tests.partner_events import SAMPLES

QUEUES = frozenset({QUEUE})
Read = Callable[[str | None, int, Collection[str]], Accepted | PartnerEvent | Ignored | Rejected]
Expected = Callable[[str | None, Collection[str]], tuple[str, str]]
BY_DELIVERY: dict[str, tuple[Read, Expected]] = {
    "subscription": (parse_subscription_event, bodies.expected),
    "eventbridge": (parse_partner_event, partner_events.expected),
}
each_delivery = pytest.mark.parametrize(
    ("read", "expected"), BY_DELIVERY.values(), ids=BY_DELIVERY.keys()
)


@each_delivery
@settings(max_examples=150)
@given(text=st.text(st.characters(), max_size=50))
def test_any_text_has_the_outcome_of_the_contract(
    read: Read, expected: Expected, text: str
) -> None:
    assert outcome_in_words(read(text, SENT_AT, QUEUES)) == expected(text, QUEUES)


@each_delivery
@settings(max_examples=150)
@given(value=values)
def test_any_json_has_the_outcome_of_the_contract(
    read: Read, expected: Expected, value: object
) -> None:
    body = json.dumps(value)
    assert outcome_in_words(read(body, SENT_AT, QUEUES)) == expected(body, QUEUES)


@pytest.mark.parametrize(
    ("read", "sample"),
    [(parse_subscription_event, SAMPLE_TEXT), (parse_partner_event, SAMPLES["wrapup"])],
)
def test_no_detail_quotes_malformed_json(read: Read, sample: str) -> None:
    for position in range(len(sample)):
        for canary in (CANARY, f'"{CANARY}"', f'"{CANARY}": 1e999,'):
            body = sample[:position] + canary + sample[position:]
            outcome_in_words(read(body, SENT_AT, QUEUES))  # fails on a detail that does
