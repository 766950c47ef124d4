"""The end rules by their names in the setting `end_rule`."""

from conversations.end_rules.end_rule import EndRule
from conversations.end_rules.last_queue import LastQueue, SendLater, SuccessorRule
from conversations.end_rules.queue_leg import QueueLeg
from conversations.end_rules.touched import Touched
from conversations.histories import Histories


def make_end_rule(name: str, histories: Histories, send_later: SendLater) -> EndRule:
    """Return the end rule for a value of the setting `end_rule`."""
    rules: dict[str, EndRule] = {
        "touched": SuccessorRule(Touched(histories), histories),
        "last_queue": LastQueue(histories, send_later),
        "queue_leg": SuccessorRule(QueueLeg(), histories),
    }
    return rules[name]
