"""The item of a history stays under DynamoDB's limit, whatever arrives."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conversations.end import SAME_END_WINDOW_MS
from conversations.end_rules.additions import collect_additions, merge_into
from conversations.history import (
    MAX_CUSTOMER_ENDS,
    MAX_EVENTS_PER_QUEUE,
    MAX_QUEUES,
    CustomerEnd,
    History,
    QueueEvent,
)
from conversations.partner_event import PartnerEvent, parse_partner_event
from conversations.topics import QUEUE_TOPICS
from dynamodb.history_items import Values, history_values, parse_history
from tests.fakes.aws.dynamodb import MAX_ITEM_BYTES, size_of
from tests.fakes.aws.sqs_event import SENT_AT
from tests.partner_events import event

LAST_MS = 253_402_300_799_999
LONGEST_DURATION_MS = 100 * 366 * 24 * 3600 * 1000 - 1
EXPIRES_AT = 4_000_000_001
STEP_MS = SAME_END_WINDOW_MS + 1
QUEUE_IDS = [f"{number:064}" for number in range(MAX_QUEUES)]


def item_of(history: History) -> Values:
    key: Values = {"conversation_id": {"S": "c" * 2048}, "queue_id": {"S": "#join"}}
    return key | history_values(history, version=999_999_999, item_expires_at=EXPIRES_AT)


def test_the_largest_history_fits_into_an_item() -> None:
    first_ms = LAST_MS - 1_000_000
    events = tuple(
        QueueEvent(first_ms + number, max(QUEUE_TOPICS, key=len), LONGEST_DURATION_MS, True, True)
        for number in range(1, MAX_EVENTS_PER_QUEUE + 1)
    )
    word = "w" * 64
    end = CustomerEnd(True, word, word, word, QUEUE_IDS[0], EXPIRES_AT)
    ends = {first_ms + 400_000 + number: end for number in range(1, MAX_CUSTOMER_ENDS + 1)}
    history = History(dict.fromkeys(QUEUE_IDS, events), ends)

    assert history.merged_with(history) == history  # so it is one that can be recorded
    size = size_of(item_of(history))

    assert 350 * 1024 < size < 352 * 1024, "the figure in conversations/history.py"
    assert size < MAX_ITEM_BYTES


_words = st.sampled_from(["VOICE", "w" * 64, "é" * 33, "\U0001f600" * 1000, "", 5, None])
_times = st.integers(LAST_MS - 10**12, LAST_MS) | st.integers(1, 10)


def _partner_events(times: st.SearchStrategy[int]) -> st.SearchStrategy[PartnerEvent]:
    def parsed(topic: str, queue: str, at: int, words: tuple[object, ...]) -> PartnerEvent:
        media_type, direction, disconnect_type = words
        body = event(
            topic,
            queue,
            eventTime=at,
            mediaType=media_type,
            direction=direction,
            disconnectType=disconnect_type,
            connectedDurationMs=at,
        )
        result = parse_partner_event(body, SENT_AT, QUEUE_IDS)
        assert isinstance(result, PartnerEvent)
        return result

    topics = st.sampled_from([*QUEUE_TOPICS, "customer.end", "customer.end"])
    words = st.tuples(_words, _words, _words)
    return st.builds(parsed, topics, st.sampled_from(QUEUE_IDS[:3]), times, words)


@settings(max_examples=30)
@given(
    events=st.lists(_partner_events(_times), max_size=20),
    offsets=st.lists(st.integers(-400_000, 400_000), min_size=1, max_size=3),
)
def test_a_history_of_any_events_is_read_as_it_was_written(
    events: list[PartnerEvent], offsets: list[int]
) -> None:
    histories: dict[str, History] = {}
    for conversation_id, addition in collect_additions(events).items():
        merge_into(histories, conversation_id, addition)
        # Hundreds of customer's ends around each that has arrived.
        for at_ms, end in addition.customer_ends.items():
            for offset in offsets:
                flood = {at_ms + offset + number * abs(offset): end for number in range(200)}
                merge_into(histories, conversation_id, History(customer_ends=flood))

    for history in histories.values():
        assert len(history.customer_ends) <= MAX_CUSTOMER_ENDS
        assert size_of(item_of(history)) < MAX_ITEM_BYTES
        read = parse_history(item_of(history)).history
        assert read.queues == history.queues
        assert read.customer_ends.keys() == history.customer_ends.keys()
        assert read.merged_with(history) == read


@pytest.mark.parametrize("word", ["w" * 65, "é" * 33, "w" * 250])
def test_an_item_of_the_version_before_with_too_much_is_read_and_shrinks(word: str) -> None:
    old_end = CustomerEnd(True, word, word, word, "a", EXPIRES_AT)
    ends = {number * STEP_MS: old_end for number in range(1, 401)}
    old_item = item_of(History({"a": (QueueEvent(5, "acd.start"),)}, ends))

    history = parse_history(old_item).history.merged_with(
        History(customer_ends={500 * STEP_MS: CustomerEnd()})
    )

    assert size_of(item_of(history)) < size_of(old_item)
    assert len(history.customer_ends) == MAX_CUSTOMER_ENDS
    assert max(history.customer_ends) == 500 * STEP_MS
    assert {end.media_type for end in history.customer_ends.values()} == {None}
    assert history.customer_ends[400 * STEP_MS].decided_queue_id == "a"
