"""Delivery through Amazon EventBridge: the integration, its partner bus, and the rules on it."""

from collections.abc import Sequence

from aws_cdk import ArnFormat, CustomResource, Duration, RemovalPolicy, Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs
from constructs import Construct, IDependable

from conversations.topics import CUSTOMER_END, QUEUE_TOPICS, TOPIC_PREFIX
from infra.delivery.event_patterns import Pattern, queue_patterns, topic_pattern
from infra.delivery.eventbridge_monitoring import monitored
from infra.delivery.provider import Provider
from infra.delivery.source import Source
from infra.findings import acknowledge
from infra.function import Needs
from infra.intake_queues import IntakeQueues
from infra.settings.retries import DEAD_LETTER_DAYS
from infra.settings.settings import Settings

RESOURCE_TYPE = "Custom::GenesysEventSource"
# Each end rule's topics among those whose events name a queue.
_OF_QUEUES = {
    "touched": QUEUE_TOPICS,
    "last_queue": QUEUE_TOPICS,
    "queue_leg": ("acd.end", "user.end"),
}
# The topic of the whole conversation's end, for the end rules that wait for it.
_OF_CUSTOMERS: dict[str, tuple[str, ...]] = {
    "touched": (CUSTOMER_END,),
    "last_queue": (CUSTOMER_END,),
    "queue_leg": (),
}


class EventBridgeSource(Source):
    """The integration, the bus on its partner event source, and the rules to the intake queue."""

    def __init__(
        self,
        scope: Construct,
        *,
        settings: Settings,
        code: lambda_.Code,
        intake: IntakeQueues,
    ) -> None:
        super().__init__(scope, "EventSource")
        self._intake = intake
        self._undelivered = sqs.Queue(
            self,
            "DeadLetterQueue",
            queue_name=settings.undelivered_queue_name,
            retention_period=Duration.days(DEAD_LETTER_DAYS),
            encryption=sqs.QueueEncryption.SQS_MANAGED,  # as EventBridge cannot use AWS's own key
            enforce_ssl=True,
            removal_policy=RemovalPolicy.DESTROY,
        )
        reason = "It is the dead-letter queue of the bus's rules."
        acknowledge(
            self._undelivered,
            {"AwsSolutions-SQS3": reason, "Serverless-SQSRedrivePolicy": reason},
        )
        sees = _sees_event_sources(self)
        provider = Provider(
            self,
            "Provider",
            settings=settings,
            code=code,
            makes="integration",
            needs=[sees],
        )
        properties = _integration(self, settings)
        self.resource = provider.resource(self, "Resource", RESOURCE_TYPE, properties)
        # Not with its policy, which names the rules, and through them the integration.
        self.resource.node.add_dependency(self._undelivered.node.find_child("Resource"))
        self.subscription_id = self.resource.get_att_string("IntegrationId")
        source = self.resource.get_att_string("EventSourceName")
        bus = events.EventBus(self, "Bus", event_source_name=source)
        if settings.archive_days:
            events.CfnArchive(
                self,
                "Archive",
                source_arn=bus.event_bus_arn,
                description=f"Events of the partner bus of {settings.stack_name}",
                retention_days=settings.archive_days,
            )
        patterns = _patterns(source, settings)
        rules = self._rules(patterns, bus)
        self._let_send(source, list(patterns), rules)
        self._once_active(provider, bus, rules)
        self.worker_needs = _worker_needs(settings, intake)
        deployed = self.deployed(RESOURCE_TYPE, properties)
        self.watchdog_needs = Needs(deployed, sees.statements, sees.findings)
        self.monitored = monitored(
            function=provider.function,
            held_back_seconds=settings.settle_seconds if _settles(settings) else 0,
            undelivered=self._undelivered,
            bus=bus,
            rules=rules,
        )

    def deploy_late(self, receivers: Sequence[IDependable], monitoring: Construct) -> None:
        """Create the integration last.

        Only its bus, the bus's rules, their alarms, and the queue policies naming those rules
        follow it, the intake queue's among them; then the watchdog's schedule.
        """
        self.resource.node.add_dependency(self._intake.dead_letter_queue, *receivers)
        monitoring.node.add_dependency(self.resource)

    def _rules(self, patterns: dict[str, Pattern], bus: events.EventBus) -> list[events.CfnRule]:
        target = events.CfnRule.TargetProperty(
            id="Intake",
            arn=self._intake.queue.queue_arn,
            retry_policy=events.CfnRule.RetryPolicyProperty(
                maximum_event_age_in_seconds=86_400, maximum_retry_attempts=185
            ),
            dead_letter_config=events.CfnRule.DeadLetterConfigProperty(
                arn=self._undelivered.queue_arn
            ),
        )
        rules: list[events.CfnRule] = []
        for name, pattern in patterns.items():
            rule = events.CfnRule(
                self,
                f"Rule-{name}",
                name=name,
                event_bus_name=bus.event_bus_name,
                event_pattern=pattern,
                targets=[target],
            )
            # One after the other: a queue that moves is in its new rule before it leaves the old.
            for former in rules[-1:]:
                rule.node.add_dependency(former)
            rules.append(rule)
        return rules

    def _let_send(self, source: str, names: list[str], rules: list[events.CfnRule]) -> None:
        """Let the rules, and nothing else of EventBridge's, send to the two queues.

        EventBridge does not retry an event that a policy refuses. So the policies come before the
        rules, and name them by the names that they will have.
        """
        stack = Stack.of(self)
        arns = [
            stack.format_arn(service="events", resource="rule", resource_name=f"{source}/{name}")
            for name in names
        ]
        for queue in (self._intake.queue, self._undelivered):
            queue.add_to_resource_policy(
                iam.PolicyStatement(
                    sid="PartnerBusRulesSend",
                    principals=[iam.ServicePrincipal("events.amazonaws.com")],
                    actions=["sqs:SendMessage"],
                    resources=[queue.queue_arn],
                    conditions={"ArnEquals": {"aws:SourceArn": arns}},
                )
            )
        for rule in rules:
            rule.node.add_dependency(self._intake, self._undelivered)

    def _once_active(
        self, provider: Provider, bus: events.EventBus, rules: list[events.CfnRule]
    ) -> None:
        """Hold the deploy until the partner event source is active: it waits for its bus."""
        active: CustomResource = provider.resource(
            self,
            "Active",
            "Custom::GenesysEventSourceActive",
            {"EventSourceName": self.resource.get_att_string("EventSourceName")},
        )
        active.node.add_dependency(bus, *rules)


def _settles(settings: Settings) -> bool:
    """Return whether the worker decides about an end some time after its event."""
    return settings.end_rule == "last_queue"


def _worker_needs(settings: Settings, intake: IntakeQueues) -> Needs:
    environment = {
        "DELIVERY": "eventbridge",
        "END_RULE": settings.end_rule,
        "SETTLE_SECONDS": str(settings.settle_seconds),
    }
    sends = iam.PolicyStatement(
        sid="SendItselfDecisions",
        actions=["sqs:SendMessage"],
        resources=[intake.queue.queue_arn],
    )
    return Needs(environment, [sends] if _settles(settings) else [])


def _integration(scope: Construct, settings: Settings) -> dict[str, object]:
    stack = Stack.of(scope)
    topics = _OF_QUEUES[settings.end_rule] + _OF_CUSTOMERS[settings.end_rule]
    return {
        "Name": settings.subscription_name,
        "Notes": f"Conversation events for the AWS stack {settings.stack_name}",
        "AccountId": stack.account,
        "Region": stack.region,
        "Suffix": settings.event_source_suffix,
        "Topics": [TOPIC_PREFIX + topic for topic in topics],
        "SecretName": settings.genesys_secret,
        "LoginUrl": settings.login_url,
        "ApiUrl": settings.api_url,
    }


def _patterns(source: str, settings: Settings) -> dict[str, Pattern]:
    """Return the rules' patterns by the rules' names, which need to be unique on their bus only."""
    topics = [TOPIC_PREFIX + topic for topic in _OF_QUEUES[settings.end_rule]]
    of_queues = queue_patterns(source, topics, settings.queue_ids)
    patterns = {f"queues-{number}": pattern for number, pattern in enumerate(of_queues, start=1)}
    if topics := [TOPIC_PREFIX + topic for topic in _OF_CUSTOMERS[settings.end_rule]]:
        # These events name no queue: the rule passes those of all the org's conversations.
        patterns["customer-end"] = topic_pattern(source, topics)
    return patterns


def _sees_event_sources(scope: Construct) -> Needs:
    arn = Stack.of(scope).format_arn(
        service="events",
        account="",
        resource="event-source",
        resource_name="aws.partner/genesys.com/*",
        arn_format=ArnFormat.SLASH_RESOURCE_NAME,
    )
    sees = iam.PolicyStatement(
        sid="SeePartnerEventSources", actions=["events:DescribeEventSource"], resources=[arn]
    )
    finding = (
        "AwsSolutions-IAM5[Resource::arn:<AWS::Partition>:events:<AWS::Region>::event-source/"
        "aws.partner/genesys.com/*]"
    )
    reason = "The org's id is in the name, and known only when Genesys Cloud has been asked."
    return Needs(statements=[sees], findings={finding: reason})
