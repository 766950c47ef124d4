"""Fits the resources to the AWS emulator, which refuses templates with unsupported resources."""

from aws_cdk import CfnResource, Stack, Token
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_events as events
from constructs import Construct


def fit_to_emulator(scope: Construct) -> None:
    """Remove from a construct the resources and tags that the emulator refuses.

    The composite alarm's properties are kept in the template's metadata as
    `QueueEnds.HealthAlarm`, which the offline alarms read.
    """
    stack = Stack.of(scope)
    nodes = scope.node.find_all()
    dashboards = [node for node in nodes if isinstance(node, cloudwatch.CfnDashboard)]
    for node in nodes:
        match node:
            case cloudwatch.CfnCompositeAlarm():
                health_alarm = {
                    "AlarmName": node.alarm_name,
                    "AlarmRule": node.alarm_rule,
                    "AlarmDescription": node.alarm_description,
                }
                stack.add_metadata("QueueEnds", {"HealthAlarm": health_alarm})
                for dashboard in dashboards:
                    _remove_from_dashboard(dashboard, node)
                _remove_from_stack(node)
            case events.CfnArchive():
                _remove_from_stack(node)
            case events.CfnRule():
                # The emulator cannot tag a rule on a partner event bus: the bus name has slashes.
                node.add_property_deletion_override("Tags")


def _remove_from_dashboard(
    dashboard: cloudwatch.CfnDashboard, alarm: cloudwatch.CfnCompositeAlarm
) -> None:
    """Remove the composite alarm from the alarm widget.

    It must be the first alarm in the widget's list, because the separator after it is removed too.
    """
    stack = Stack.of(dashboard)
    body = stack.resolve(dashboard.dashboard_body)
    parts = body["Fn::Join"][1]
    arn_index = parts.index(stack.resolve(alarm.attr_arn))
    text_before, text_after = parts[arn_index - 1], parts[arn_index + 1]
    parts[arn_index - 1 : arn_index + 2] = [text_before + text_after.removeprefix('","')]
    dashboard.dashboard_body = Token.as_string(body)


def _remove_from_stack(resource: CfnResource) -> None:
    if resource.node.scope:
        resource.node.scope.node.try_remove_child(resource.node.id)
