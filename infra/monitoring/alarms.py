"""The alarms, the SNS topic that they notify, and the composite alarm."""

import json

from aws_cdk import ArnFormat, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from constructs import Construct

from ..findings import acknowledge
from ..function.keys import stack_key
from ..settings.settings import Settings
from .alarm_definitions import alarm_specs
from .alarm_spec import AlarmSpec
from .monitored_resources import MonitoredResources


class Alarms(Construct):
    """The alarms, and a composite alarm that is on while at least one other alarm is on.

    Attributes
    ----------
    sns_topic
        The SNS topic that is notified when an alarm fires or clears.
    by_id
        All alarms except the composite alarm, keyed by id, in the order of the runbook.
    composite_alarm
        The composite alarm, whose id is `health`.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: Settings,
        resources: MonitoredResources,
    ) -> None:
        super().__init__(scope, construct_id)
        self.sns_topic = _make_sns_topic(self, settings)
        notification = actions.SnsAction(self.sns_topic)
        self.by_id = {
            spec.id: _make_alarm(self, settings, spec, notification)
            for spec in alarm_specs(settings, resources)
        }
        alarm_names = [f"{settings.stack_name}-{alarm_id}" for alarm_id in self.by_id]
        rule = " OR ".join(f"ALARM({json.dumps(name)})" for name in alarm_names)
        self.composite_alarm = cloudwatch.CompositeAlarm(
            self,
            "health",
            composite_alarm_name=f"{settings.stack_name}-health",
            alarm_rule=cloudwatch.AlarmRule.from_string(rule),
            alarm_description=_description(
                settings,
                "health",
                "At least one alarm of Queue Ends is on; that alarm's text says what is wrong.",
                "open the dashboard and start with the topmost alarm that is on.",
            ),
        )
        # The rule contains only the alarms' names, so CloudFormation cannot see the dependencies.
        self.composite_alarm.node.add_dependency(*self.by_id.values())
        self.composite_alarm.add_alarm_action(notification)
        self.composite_alarm.add_ok_action(notification)


def _make_sns_topic(scope: Construct, settings: Settings) -> sns.Topic:
    # Without the setting `kms_key_arn`, the SNS topic is not encrypted at rest, because CloudWatch
    # cannot use the AWS managed key of SNS, and alarm texts contain no secrets.
    sns_topic = sns.Topic(
        scope,
        "Topic",
        display_name=f"Queue Ends {settings.stage}",
        enforce_ssl=True,
        master_key=stack_key(scope, settings),
    )
    stack = Stack.of(scope)
    alarm_arn_pattern = stack.format_arn(
        service="cloudwatch",
        resource="alarm",
        resource_name=f"{settings.stack_name}-*",
        arn_format=ArnFormat.COLON_RESOURCE_NAME,
    )
    # This policy replaces the default policy, which lets the whole account publish.
    sns_topic.add_to_resource_policy(
        iam.PolicyStatement(
            sid="AlarmsPublish",
            principals=[iam.ServicePrincipal("cloudwatch.amazonaws.com")],
            actions=["sns:Publish"],
            resources=[sns_topic.topic_arn],
            conditions={
                "ArnLike": {"aws:SourceArn": alarm_arn_pattern},
                "StringEquals": {"aws:SourceAccount": stack.account},
            },
        )
    )
    for address in settings.alarm_emails:
        sns_topic.add_subscription(subscriptions.EmailSubscription(address))
    reason = "If an e-mail is lost, CloudWatch still shows the alarm."
    acknowledge(sns_topic, {"Serverless-SNSRedrivePolicy": reason})
    return sns_topic


def _make_alarm(
    scope: Construct, settings: Settings, spec: AlarmSpec, notification: actions.SnsAction
) -> cloudwatch.Alarm:
    comparison = cloudwatch.ComparisonOperator
    alarm = cloudwatch.Alarm(
        scope,
        spec.id,
        alarm_name=f"{settings.stack_name}-{spec.id}",
        alarm_description=_description(settings, spec.anchor, spec.meaning, spec.first_step),
        metric=spec.metric,
        comparison_operator=(
            comparison.LESS_THAN_THRESHOLD if spec.below else comparison.GREATER_THAN_THRESHOLD
        ),
        threshold=spec.threshold,
        datapoints_to_alarm=spec.datapoints_to_alarm,
        evaluation_periods=spec.evaluation_periods,
        treat_missing_data=spec.missing,
    )
    alarm.add_alarm_action(notification)
    alarm.add_ok_action(notification)
    if spec.notify_on_missing_data:
        alarm.add_insufficient_data_action(notification)
    return alarm


def _description(settings: Settings, anchor: str, meaning: str, first_step: str) -> str:
    return f"{meaning}\nFirst: {first_step}\nRunbook: {settings.runbook_url}#{anchor}"
