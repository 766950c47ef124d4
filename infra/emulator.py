"""Fits a stack to the emulator, which refuses templates with parts that it does not know."""

from aws_cdk import CfnResource, Stack, Token
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_events as events


def fit_to_emulator(stack: Stack) -> None:
    """Take out of a stack the resources and tags that the emulator refuses.

    The template's metadata keep the composite alarm, as `QueueEnds.HealthAlarm`.
    """
    nodes = stack.node.find_all()
    for node in nodes:
        match node:
            case cloudwatch.CfnCompositeAlarm():
                health = {
                    "AlarmName": node.alarm_name,
                    "AlarmRule": node.alarm_rule,
                    "AlarmDescription": node.alarm_description,
                }
                stack.add_metadata("QueueEnds", {"HealthAlarm": health})
                for dashboard in nodes:
                    if isinstance(dashboard, cloudwatch.CfnDashboard):
                        _take_from(dashboard, node)
                _remove(node)
            case events.CfnArchive():
                _remove(node)
            case events.CfnRule():
                # It cannot tag a rule whose bus has slashes in its name, as a partner's has.
                node.add_property_deletion_override("Tags")


def _take_from(dashboard: cloudwatch.CfnDashboard, alarm: cloudwatch.CfnCompositeAlarm) -> None:
    """Take an alarm out of the dashboard's widget of alarms, where it is the first."""
    stack = Stack.of(dashboard)
    body = stack.resolve(dashboard.dashboard_body)
    parts = body["Fn::Join"][1]
    at = parts.index(stack.resolve(alarm.attr_arn))
    parts[at - 1 : at + 2] = [parts[at - 1] + parts[at + 1].removeprefix('","')]
    dashboard.dashboard_body = Token.as_string(body)


def _remove(resource: CfnResource) -> None:
    if resource.node.scope:
        resource.node.scope.node.try_remove_child(resource.node.id)
