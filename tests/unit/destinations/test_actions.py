"""The file that users edit works before they edit it."""

import json

import pytest

from conversations.end import ConversationEnd
from conversations.parsed import Accepted
from conversations.subscription_event import parse_subscription_event
from destinations import actions
from tests.bodies import CANARY, QUEUE, end


@pytest.fixture
def conversation_end() -> ConversationEnd:
    parsed = parse_subscription_event(end("c-1", name=CANARY), 0, {QUEUE})
    assert isinstance(parsed, Accepted)
    return parsed.end


def test_the_initial_function_logs_only_the_ids_of_an_end(
    conversation_end: ConversationEnd,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    logger = type(actions.logger)(service="actions-test")
    monkeypatch.setattr(actions, "logger", logger)
    actions.on_conversation_end(conversation_end)
    output = capsys.readouterr().out
    (line,) = [json.loads(line) for line in output.splitlines()]
    assert (line["level"], line["conversation_id"], line["queue_id"]) == ("INFO", "c-1", QUEUE)
    assert CANARY not in output


def test_an_end_cannot_be_changed_by_an_action(conversation_end: ConversationEnd) -> None:
    with pytest.raises(AttributeError):
        conversation_end.conversation_id = "another"  # type: ignore[misc]
