"""Journeys of callers whom the resources' policies admit or refuse."""

import json
from collections.abc import Callable
from uuid import uuid4

from botocore.exceptions import ClientError

from local.aws import policies
from local.traffic.both_ways import subscription_events_of
from tests.local.permissions.admissions import Admission, policy_of
from tests.local.permissions.deployed import Stack, new_conversation

USED_ACTIONS = {
    "sqs": ("sqs:SendMessage", "sqs:ReceiveMessage"),
    "sns": ("sns:Publish",),
    "s3": ("s3:GetObject", "s3:PutObject"),
}
"""Some actions of each service that has policies for resources."""
Check = Callable[[Stack, Admission, str], None]
"""Raises an `AssertionError` if an admission is not as it should be. The last parameter is the
logical id of its resource."""


def genesys_cloud_sends(stack: Stack, admission: Admission, logical_id: str) -> None:
    """Genesys Cloud's account sends an event"""
    conversation = new_conversation()
    events = subscription_events_of(conversation, conversation.ends["touched"])
    try:
        stack.world.genesys.publish_all(event.body for event in events)
    except ClientError as error:
        raise AssertionError(str(error)) from error


def rules_send(stack: Stack, admission: Admission, logical_id: str) -> None:
    """The rules of the partner event bus send events"""
    try:
        stack.world.genesys.publish_partner_events(new_conversation().events)
    except RuntimeError as error:
        raise AssertionError(str(error)) from error


def rules_send_undelivered_events(stack: Stack, admission: Admission, logical_id: str) -> None:
    """EventBridge may send events that it could not deliver"""
    policy, events = policy_of(stack, logical_id), stack.client("events")
    buses = [one["Name"] for one in events.list_event_buses()["EventBuses"]]
    (source,) = (name for name in buses if name.startswith("aws.partner/"))
    for rule in events.list_rules(EventBusName=source)["Rules"]:
        arn = f"arn:aws:events:us-east-1:111122223333:rule/{source}/{rule['Name']}"
        queue = f"arn:aws:sqs:us-east-1:111122223333:queue-ends-{stack.stage}-undelivered"
        assert policies.service_may(
            policy, "events.amazonaws.com", "sqs:SendMessage", queue, source_arn=arn
        )


def alarms_publish(stack: Stack, admission: Admission, logical_id: str) -> None:
    """An alarm notifies a subscriber of the topic"""
    sqs, name = stack.client("sqs"), f"mailbox-{uuid4().hex}"
    arn = f"arn:aws:sqs:us-east-1:111122223333:{name}"
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": arn,
    }
    attributes = {"Policy": json.dumps({"Version": "2012-10-17", "Statement": [statement]})}
    url = sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
    topic = stack.deployment.outputs["AlarmTopicArn"]
    stack.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    alarm = {"AlarmName": f"{stack.name}-dead-letters", "StateReason": "a test"}
    for state in ("OK", "ALARM"):
        stack.client("cloudwatch").set_alarm_state(**alarm, StateValue=state)
    received = sqs.receive_message(QueueUrl=url).get("Messages")
    sqs.delete_queue(QueueUrl=url)
    assert received


def schedule_invokes(stack: Stack, admission: Admission, logical_id: str) -> None:
    """The schedule may invoke the watchdog"""
    arn = stack.client("events").describe_rule(Name=stack.schedule)["Arn"]
    function = stack.client("lambda").get_function_configuration(
        FunctionName=stack.physical_ids[logical_id]
    )["FunctionArn"]
    assert policies.service_may(
        policy_of(stack, logical_id),
        admission.caller,
        admission.action,
        function,
        source_arn=arn,
    )


def is_refused_without_tls(stack: Stack, admission: Admission, logical_id: str) -> None:
    """A request over plain http is refused, even of the account's root user"""
    policy, physical_id = policy_of(stack, logical_id), stack.physical_ids[logical_id]
    service = admission.action.partition(":")[0]
    arn = {
        "sqs": f"arn:aws:sqs:us-east-1:111122223333:{physical_id.rpartition('/')[2]}",
        "sns": physical_id,
        "s3": f"arn:aws:s3:::{physical_id}/object",
    }[service]
    for action in USED_ACTIONS[service]:
        assert policies.is_denied_without_tls(policy, action, arn)
