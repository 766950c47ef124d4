"""The file that a user edits works as it comes."""

import json

import pytest

from conversations.end import ConversationEnd
from conversations.parsed import Accepted
from conversations.subscription_event import parse_subscription_event
from destinations import actions
from tests.bodies import CANARY, QUEUE, end


@pytest.fixture
def ended() -> ConversationEnd:
    parsed = parse_subscription_event(end("c-1", name=CANARY), 0, {QUEUE})
    assert isinstance(parsed, Accepted)
    return parsed.end


def test_the_example_logs_the_end_by_its_ids_alone(
    ended: ConversationEnd, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    logger = type(actions.logger)(service="actions-test")
    monkeypatch.setattr(actions, "logger", logger)
    actions.on_conversation_end(ended)
    output = capsys.readouterr().out
    (line,) = [json.loads(line) for line in output.splitlines()]
    assert (line["level"], line["conversation_id"], line["queue_id"]) == ("INFO", "c-1", QUEUE)
    assert CANARY not in output


def test_an_end_cannot_be_changed_by_an_action(ended: ConversationEnd) -> None:
    with pytest.raises(AttributeError):
        ended.conversation_id = "another"  # type: ignore[misc]
