"""A stand-in for partner event buses, which applies the deployed rules to events.

The emulator has no partner event sources, and its buses accept no partner events. This stand-in
calls `TestEventPattern` to find the rules that match an event, sends the event to the targets of
these rules, and records the metrics that EventBridge records for a rule.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from local.aws import policies
from local.aws.emulator import Emulator

MESSAGES_PER_CALL = 10
"""The most messages that SQS accepts in one call."""
OPERATORS = ("$or",)
"""The names in a pattern that do not name a field."""
Event = Mapping[str, Any]
SendPartnerEvents = Callable[[str, str, str, Sequence[Event]], list[list[str]]]
"""Sends events to a partner event source. The parameters are the name of the source, its AWS
account, its region, and the events. The result has, for each event, the names of the rules that
match the event."""
Matches = Callable[[str, Event], bool]
"""Returns whether a pattern (a JSON string) matches an event."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule of a bus, with its pattern as a JSON string and the ARNs of its target SQS queues."""

    name: str
    pattern: str
    queue_arns: tuple[str, ...]


def partner_event_sender(emulator: Emulator) -> SendPartnerEvents:
    """Return a function that sends partner events to the buses of an emulator.

    The function drops events for other accounts and regions, and events whose source has no bus.
    It raises `ValueError` if a rule's target is not an SQS queue or changes the event, and
    `RuntimeError` if an SQS queue refuses a message, or if its policy does not let the rule send.
    """
    eventbridge, sqs = emulator.client("events"), emulator.client("sqs")
    cloudwatch = emulator.client("cloudwatch")

    def matches(pattern: str, event: Event) -> bool:
        response = eventbridge.test_event_pattern(EventPattern=pattern, Event=json.dumps(event))
        return bool(response["Result"])

    matcher = Matcher(matches)

    def send(source: str, account: str, region: str, events: Sequence[Event]) -> list[list[str]]:
        if (account, region) != (emulator.account, emulator.region):
            return [[] for _ in events]
        rules = list_rules(eventbridge, source)
        bodies: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
        matched: list[list[str]] = []
        for event in events:
            matching = [rule for rule in rules if matcher.matches(rule.pattern, event)]
            matched.append([rule.name for rule in matching])
            for rule in matching:
                for arn in rule.queue_arns:
                    bodies[rule.name, arn].append(json.dumps(event, separators=(",", ":")))
        expected, sent = Counter[str](), Counter[str]()
        for (rule_name, _), messages in bodies.items():
            expected[rule_name] += len(messages)
        try:
            for (rule_name, arn), messages in bodies.items():
                queue_url = f"{emulator.endpoint}/{arn.split(':')[4]}/{arn.split(':')[5]}"
                rule_arn = f"arn:aws:events:{region}:{account}:rule/{source}/{rule_name}"
                _check_permission(sqs, queue_url, arn, rule_arn)
                _send_to_queue(sqs, queue_url, messages)
                sent[rule_name] += len(messages)
        finally:
            triggered = Counter(rule_name for names in matched for rule_name in names)
            _record_metric(cloudwatch, source, "TriggeredRules", triggered)
            _record_metric(cloudwatch, source, "Invocations", sent)
            _record_metric(cloudwatch, source, "FailedInvocations", expected - sent)
        return matched

    return send


class Matcher:
    """Caches whether patterns match events.

    A pattern tests only the fields that it names. Events with the same values in these fields
    therefore have the same result.
    """

    def __init__(self, matches: Matches) -> None:
        self._matches = matches
        self._fields: dict[str, list[tuple[str, ...]]] = {}
        self._results: dict[tuple[str, str], bool] = {}

    def matches(self, pattern: str, event: Event) -> bool:
        """Return whether `pattern` matches `event`."""
        if pattern not in self._fields:
            self._fields[pattern] = sorted(set(field_paths(json.loads(pattern))))
        values = json.dumps([list(_values_at(event, path)) for path in self._fields[pattern]])
        if (pattern, values) not in self._results:
            self._results[pattern, values] = self._matches(pattern, event)
        return self._results[pattern, values]


def field_paths(
    pattern: Mapping[str, Any], parent_path: tuple[str, ...] = ()
) -> Iterator[tuple[str, ...]]:
    """Yield the path of each field that an event pattern tests."""
    for name, inner in pattern.items():
        if name in OPERATORS:
            for alternative in inner:
                yield from field_paths(alternative, parent_path)
        elif isinstance(inner, Mapping):
            yield from field_paths(inner, (*parent_path, name))
        else:
            yield *parent_path, name


def list_rules(eventbridge: Any, bus_name: str) -> list[Rule]:
    """Return a bus's enabled rules that have a pattern; an empty list if the bus does not exist."""
    try:
        rules = eventbridge.list_rules(EventBusName=bus_name)["Rules"]
    except eventbridge.exceptions.ResourceNotFoundException:
        return []
    return [
        Rule(
            rule["Name"],
            rule["EventPattern"],
            tuple(_target_queue_arns(eventbridge, bus_name, rule["Name"])),
        )
        for rule in rules
        if rule["State"] == "ENABLED" and "EventPattern" in rule
    ]


def _target_queue_arns(eventbridge: Any, bus_name: str, rule_name: str) -> Iterator[str]:
    targets = eventbridge.list_targets_by_rule(Rule=rule_name, EventBusName=bus_name)["Targets"]
    for target in targets:
        changed = {"Input", "InputPath", "InputTransformer"} & target.keys()
        if changed or target["Arn"].split(":")[2] != "sqs":
            raise ValueError(
                f"The rule {rule_name} has a target that this stand-in cannot send to: {target}."
                " It sends to queues only, and only the unchanged event."
            )
        yield target["Arn"]


def _values_at(value: Any, path: tuple[str, ...]) -> Iterator[Any]:
    """Yield the values at a path, which continues in each member of a list, as in patterns."""
    if not path:
        yield value
    elif isinstance(value, list):
        for member in value:
            yield from _values_at(member, path)
    elif isinstance(value, Mapping) and path[0] in value:
        yield from _values_at(value[path[0]], path[1:])


def _record_metric(cloudwatch: Any, bus_name: str, metric: str, counts: Mapping[str, int]) -> None:
    """Record a metric for each rule of a bus that is not the default bus.

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


def _check_permission(sqs: Any, queue_url: str, queue_arn: str, rule_arn: str) -> None:
    """Raise `RuntimeError` if the queue's policy does not let EventBridge send for the rule."""
    attributes = sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=["Policy"])
    policy = attributes.get("Attributes", {}).get("Policy")
    service, action = "events.amazonaws.com", "sqs:SendMessage"
    if not policies.service_may(policy, service, action, queue_arn, source_arn=rule_arn):
        raise RuntimeError(f"The policy of {queue_arn} does not let {rule_arn} send messages.")


def _send_to_queue(sqs: Any, queue_url: str, bodies: Sequence[str]) -> None:
    for start in range(0, len(bodies), MESSAGES_PER_CALL):
        entries = [
            {"Id": str(position), "MessageBody": body}
            for position, body in enumerate(bodies[start : start + MESSAGES_PER_CALL])
        ]
        response = sqs.send_message_batch(QueueUrl=queue_url, Entries=entries)
        if response.get("Failed"):
            raise RuntimeError(f"{queue_url} refused messages: {response['Failed']}")
