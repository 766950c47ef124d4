"""Any message body has the outcome of the contract, in both deliveries."""

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
Parse = Callable[[str | None, int, Collection[str]], Accepted | PartnerEvent | Ignored | Rejected]
Oracle = Callable[[str | None, Collection[str]], tuple[str, str]]
PARSERS_AND_ORACLES: dict[str, tuple[Parse, Oracle]] = {
    "subscription": (parse_subscription_event, bodies.expected),
    "eventbridge": (parse_partner_event, partner_events.expected),
}
each_delivery = pytest.mark.parametrize(
    ("parse", "expected"), PARSERS_AND_ORACLES.values(), ids=PARSERS_AND_ORACLES.keys()
)


@each_delivery
@settings(max_examples=150)
@given(text=st.text(st.characters(), max_size=50))
def test_any_string_has_the_outcome_of_the_contract(
    parse: Parse, expected: Oracle, text: str
) -> None:
    assert outcome_in_words(parse(text, SENT_AT, QUEUES)) == expected(text, QUEUES)


@each_delivery
@settings(max_examples=150)
@given(value=values)
def test_any_json_has_the_outcome_of_the_contract(
    parse: Parse, expected: Oracle, value: object
) -> None:
    body = json.dumps(value)
    assert outcome_in_words(parse(body, SENT_AT, QUEUES)) == expected(body, QUEUES)


@pytest.mark.parametrize(
    ("parse", "sample"),
    [(parse_subscription_event, SAMPLE_TEXT), (parse_partner_event, SAMPLES["wrapup"])],
)
def test_no_detail_quotes_malformed_json(parse: Parse, sample: str) -> None:
    for position in range(len(sample)):
        for canary in (CANARY, f'"{CANARY}"', f'"{CANARY}": 1e999,'):
            body = sample[:position] + canary + sample[position:]
            outcome_in_words(parse(body, SENT_AT, QUEUES))  # fails if the detail quotes the canary
