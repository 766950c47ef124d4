"""A stand-in for partner event buses, which sends events by the deployed rules.

The emulator has no partner event sources, and nobody can send to their buses. This stand-in asks
`TestEventPattern` whether each rule of the bus matches an event, sends the event to the rule's
targets, and records the rule's metrics as EventBridge does.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from local.aws.emulator import Emulator

SQS_BATCH = 10
OPERATORS = ("$or",)
Event = Mapping[str, Any]
SendPartnerEvents = Callable[[str, str, str, Sequence[Event]], list[list[str]]]
"""Sends events of a partner event source to an account in a region; returns for each event the
names of the matching rules."""
Matches = Callable[[str, Event], bool]
"""Returns whether a pattern, as JSON text, matches an event."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule of a bus: its pattern, as JSON text, and the ARNs of its target queues."""

    name: str
    pattern: str
    queue_arns: tuple[str, ...]


def partner_events(emulator: Emulator) -> SendPartnerEvents:
    """Return a sender of partner events to the buses of an emulator.

    It drops events to foreign accounts and regions, and events of a source without a bus.

    Raises
    ------
    ValueError
        By the sender: a rule's target is no queue, or the rule changes the event.
    RuntimeError
        By the sender: a queue refused some of the messages.
    """
    events, sqs = emulator.client("events"), emulator.client("sqs")
    cloudwatch = emulator.client("cloudwatch")

    def matches(pattern: str, event: Event) -> bool:
        answer = events.test_event_pattern(EventPattern=pattern, Event=json.dumps(event))
        return bool(answer["Result"])

    matcher = Matcher(matches)

    def send(source: str, account: str, region: str, batch: Sequence[Event]) -> list[list[str]]:
        if (account, region) != (emulator.account, emulator.region):
            return [[] for _ in batch]
        rules = rules_of(events, source)
        bodies: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
        matched: list[list[str]] = []
        for event in batch:
            matching = [rule for rule in rules if matcher.matches(rule.pattern, event)]
            matched.append([rule.name for rule in matching])
            for rule in matching:
                for arn in rule.queue_arns:
                    bodies[rule.name, arn].append(json.dumps(event, separators=(",", ":")))
        due, sent = Counter[str](), Counter[str]()
        for (rule_name, _), messages in bodies.items():
            due[rule_name] += len(messages)
        try:
            for (rule_name, arn), messages in bodies.items():
                _send(sqs, f"{emulator.endpoint}/{arn.split(':')[4]}/{arn.split(':')[5]}", messages)
                sent[rule_name] += len(messages)
        finally:
            triggered = Counter(rule_name for names in matched for rule_name in names)
            _record(cloudwatch, source, "TriggeredRules", triggered)
            _record(cloudwatch, source, "Invocations", sent)
            _record(cloudwatch, source, "FailedInvocations", due - sent)
        return matched

    return send


class Matcher:
    """A cache of whether patterns match events.

    A pattern looks only at the fields that it names. Events that are equal in those fields get the
    same answer.
    """

    def __init__(self, matches: Matches) -> None:
        self._matches = matches
        self._fields: dict[str, list[tuple[str, ...]]] = {}
        self._answers: dict[tuple[str, str], bool] = {}

    def matches(self, pattern: str, event: Event) -> bool:
        """Return whether `pattern` matches `event`."""
        if pattern not in self._fields:
            self._fields[pattern] = sorted(set(fields_of(json.loads(pattern))))
        values = json.dumps([list(_values_at(event, path)) for path in self._fields[pattern]])
        if (pattern, values) not in self._answers:
            self._answers[pattern, values] = self._matches(pattern, event)
        return self._answers[pattern, values]


def fields_of(pattern: Mapping[str, Any], above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield the path of each field that an event pattern looks at."""
    for name, inner in pattern.items():
        if name in OPERATORS:
            for alternative in inner:
                yield from fields_of(alternative, above)
        elif isinstance(inner, Mapping):
            yield from fields_of(inner, (*above, name))
        else:
            yield *above, name


def rules_of(events: Any, bus_name: str) -> list[Rule]:
    """Return a bus's enabled rules that have a pattern; none if there is no such bus."""
    try:
        found = events.list_rules(EventBusName=bus_name)["Rules"]
    except events.exceptions.ResourceNotFoundException:
        return []
    return [
        Rule(rule["Name"], rule["EventPattern"], tuple(_queues(events, bus_name, rule["Name"])))
        for rule in found
        if rule["State"] == "ENABLED" and "EventPattern" in rule
    ]


def _queues(events: Any, bus_name: str, rule_name: str) -> Iterator[str]:
    targets = events.list_targets_by_rule(Rule=rule_name, EventBusName=bus_name)["Targets"]
    for target in targets:
        changed = {"Input", "InputPath", "InputTransformer"} & target.keys()
        if changed or target["Arn"].split(":")[2] != "sqs":
            raise ValueError(
                f"The rule {rule_name} has a target that this stand-in cannot send to: {target}."
                " It sends to queues only, and only the unchanged event."
            )
        yield target["Arn"]


def _values_at(value: Any, path: tuple[str, ...]) -> Iterator[Any]:
    """Yield the values at a path, in each member of a list as patterns do."""
    if not path:
        yield value
    elif isinstance(value, list):
        for member in value:
            yield from _values_at(member, path)
    elif isinstance(value, Mapping) and path[0] in value:
        yield from _values_at(value[path[0]], path[1:])


def _record(cloudwatch: Any, bus_name: str, metric: str, counts: Mapping[str, int]) -> None:
    """Record a metric of each rule of a bus other than the default one.

    Source: Amazon EventBridge User Guide, "Monitoring Amazon EventBridge".
    """
    data = [
        {
            "MetricName": metric,
            "Dimensions": [
                {"Name": "EventBusName", "Value": bus_name},
                {"Name": "RuleName", "Value": rule_name},
            ],
            "Unit": "Count",
            "Value": count,
        }
        for rule_name, count in counts.items()
    ]
    if data:
        cloudwatch.put_metric_data(Namespace="AWS/Events", MetricData=data)


def _send(sqs: Any, queue_url: str, bodies: Sequence[str]) -> None:
    for start in range(0, len(bodies), SQS_BATCH):
        entries = [
            {"Id": str(position), "MessageBody": body}
            for position, body in enumerate(bodies[start : start + SQS_BATCH])
        ]
        answer = sqs.send_message_batch(QueueUrl=queue_url, Entries=entries)
        if answer.get("Failed"):
            raise RuntimeError(f"{queue_url} refused messages: {answer['Failed']}")
